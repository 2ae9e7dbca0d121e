/**
 * Response headers policies, cache policies and the origin request policy of the distribution.
 *
 * An account holds 20 of each, over all stages: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html#limits-policies
 * Production creates three, two and one. Any other stage creates one of each and uses AWS's managed policies for the rest,
 * so that 17 stages fit next to production.
 */
import { pageHeaders } from "../packages/web/src/headers.ts";
import { pipeline, production } from "./config.ts";
import { uploads } from "./storage.ts";

const yearSeconds = 31_536_000;

/** AWS's managed policies. https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html */
const managed = {
  /** The cache key is the path and the normalized `Accept-Encoding`; the origin's `Cache-Control` decides the TTL. */
  cachingOptimized: "658327ea-f89d-4fab-a63d-7e88639e58f6",
  /** HSTS, `nosniff`, `X-Frame-Options`, `Referrer-Policy`; the origin's own values win. */
  securityHeaders: "67f7725c-6f97-4210-82d7-5512b31e9d03",
};

/** Two years, as the API itself sends. */
const hsts = { accessControlMaxAgeSec: 2 * yearSeconds, includeSubdomains: true, override: false };

/** The API sets these headers itself; the policy adds them to errors that CloudFront generates. */
const apiHeaders = production
  ? new aws.cloudfront.ResponseHeadersPolicy("ApiHeaders", {
      comment: "Security headers of the API",
      securityHeadersConfig: {
        strictTransportSecurity: hsts,
        contentTypeOptions: { override: true },
        // Not overridden, because the page at /docs sends a different policy.
        contentSecurityPolicy: {
          contentSecurityPolicy: "default-src 'none'; frame-ancestors 'none'",
          override: false,
        },
        referrerPolicy: { referrerPolicy: "no-referrer", override: false },
      },
      customHeadersConfig: {
        items: [{ header: "Cross-Origin-Resource-Policy", value: "same-origin", override: false }],
      },
    }).id
  : managed.securityHeaders;

/** The managed policy has no CORS that names origins, so a stage with `CORS_ORIGINS` needs its own. */
const mediaHeaders =
  production || pipeline.corsOrigins.length > 0
    ? new aws.cloudfront.ResponseHeadersPolicy("MediaHeaders", {
        comment: "Security headers of images",
        securityHeadersConfig: {
          strictTransportSecurity: hsts,
          contentTypeOptions: { override: true },
          // No file under /media may run anything: the policy that imgproxy sends too.
          contentSecurityPolicy: {
            contentSecurityPolicy: "default-src 'none'; style-src 'unsafe-inline'; sandbox",
            override: true,
          },
        },
        customHeadersConfig: {
          items: [
            { header: "Cross-Origin-Resource-Policy", value: "cross-origin", override: true },
            // Caches behind CloudFront: `Accept` selects the file of a variant in several formats.
            { header: "Vary", value: "Accept, Origin", override: true },
          ],
        },
        // Showing an image needs no CORS; reading its pixels in a canvas does.
        ...(pipeline.corsOrigins.length > 0 && {
          corsConfig: {
            accessControlAllowCredentials: false,
            accessControlAllowHeaders: { items: ["*"] },
            accessControlAllowMethods: { items: ["GET", "HEAD"] },
            accessControlAllowOrigins: { items: pipeline.corsOrigins },
            accessControlExposeHeaders: { items: ["etag"] },
            accessControlMaxAgeSec: 7200,
            originOverride: true,
          },
        }),
      }).id
    : managed.securityHeaders;

/** The gallery's headers are those of `npm start`. Its CSP names the one bucket that the page may upload to. */
const gallery = uploads.nodes.bucket.bucketRegionalDomainName.apply((host) => {
  const {
    "content-security-policy": contentSecurityPolicy = "",
    "referrer-policy": referrerPolicy = "",
    "x-content-type-options": _nosniff,
    ...others
  } = pageHeaders({ store: `https://${host}` });
  return {
    securityHeadersConfig: {
      strictTransportSecurity: hsts,
      contentTypeOptions: { override: true },
      contentSecurityPolicy: { contentSecurityPolicy, override: true },
      referrerPolicy: { referrerPolicy, override: true },
    },
    customHeadersConfig: {
      items: Object.entries(others).map(([header, value]) => ({ header, value, override: true })),
    },
  };
});

const galleryHeaders = new aws.cloudfront.ResponseHeadersPolicy("GalleryHeaders", {
  comment: "Security headers of the gallery",
  securityHeadersConfig: gallery.securityHeadersConfig,
  customHeadersConfig: gallery.customHeadersConfig,
}).id;

/** Ids of the response headers policies, by behaviour. */
export const headers = { api: apiHeaders, media: mediaHeaders, gallery: galleryHeaders };

/**
 * The path is the whole cache key. Query strings are left out, or `?x=1…n` would send every request to the bucket;
 * `Accept-Encoding` is left out because images are compressed already.
 */
const mediaCache = production
  ? new aws.cloudfront.CachePolicy("MediaCache", {
      comment: "Images: the path alone",
      minTtl: 0,
      defaultTtl: 0,
      maxTtl: yearSeconds,
      parametersInCacheKeyAndForwardedToOrigin: {
        cookiesConfig: { cookieBehavior: "none" },
        headersConfig: { headerBehavior: "none" },
        queryStringsConfig: { queryStringBehavior: "none" },
        enableAcceptEncodingBrotli: false,
        enableAcceptEncodingGzip: false,
      },
    }).id
  : managed.cachingOptimized;

/**
 * `Accept` reaches the function that responds to requests for missing files, and is not part of the cache key. Nothing
 * else does: S3 honours `?response-content-type=text/html` of a signed request, and every viewer would get the result.
 */
export const mediaRequests = new aws.cloudfront.OriginRequestPolicy("MediaRequests", {
  comment: "Images: Accept",
  cookiesConfig: { cookieBehavior: "none" },
  headersConfig: { headerBehavior: "whitelist", headers: { items: ["accept"] } },
  queryStringsConfig: { queryStringBehavior: "none" },
}).id;

/** Ids of the cache policies of files, by behaviour. */
export const caching = { media: mediaCache, gallery: managed.cachingOptimized };

/**
 * The API's responses are never served from the cache, but CloudFront compresses only what it could cache: so a TTL of
 * one second at the most, under a key that is never used twice.
 */
export const apiCache = {
  comment: "API: never the same key twice",
  minTtl: 0,
  defaultTtl: 0,
  maxTtl: 1,
  parametersInCacheKeyAndForwardedToOrigin: {
    cookiesConfig: { cookieBehavior: "none" },
    headersConfig: { headerBehavior: "whitelist", headers: { items: ["x-request-key"] } },
    queryStringsConfig: { queryStringBehavior: "none" },
    enableAcceptEncodingBrotli: true,
    enableAcceptEncodingGzip: true,
  },
};
