/**
 * The one way in: CloudFront in front of the API, of the processed bucket and of the gallery.
 *
 * Its routes are lazy (kept in a key-value store, not in the distribution), so that neither the buckets' policies nor
 * the API's `Resource.Router.url` makes a circle.
 */
import { transform } from "esbuild";
import { cloud, pipeline } from "./stage.ts";

const year = 31_536_000;

/** Two years, as the API itself says. */
export const hsts = { accessControlMaxAgeSec: 2 * year, includeSubdomains: true, override: false };

/** The API says most of this itself; here it also covers answers that never reached it. */
const apiHeaders = new aws.cloudfront.ResponseHeadersPolicy("ApiHeaders", {
  comment: "Security headers of the API",
  securityHeadersConfig: {
    strictTransportSecurity: hsts,
    contentTypeOptions: { override: true },
    // Not overridden: the page at /docs needs a policy of its own.
    contentSecurityPolicy: {
      contentSecurityPolicy: "default-src 'none'; frame-ancestors 'none'",
      override: false,
    },
    referrerPolicy: { referrerPolicy: "no-referrer", override: false },
  },
  customHeadersConfig: {
    items: [{ header: "Cross-Origin-Resource-Policy", value: "same-origin", override: false }],
  },
});

/** Nothing that a variant could hold is ever run: the policy that imgproxy sends too. */
const mediaHeaders = new aws.cloudfront.ResponseHeadersPolicy("MediaHeaders", {
  comment: "Security headers of images",
  securityHeadersConfig: {
    strictTransportSecurity: hsts,
    contentTypeOptions: { override: true },
    contentSecurityPolicy: {
      contentSecurityPolicy: "default-src 'none'; style-src 'unsafe-inline'; sandbox",
      override: true,
    },
  },
  customHeadersConfig: {
    items: [{ header: "Cross-Origin-Resource-Policy", value: "cross-origin", override: true }],
  },
  // Showing an image needs no CORS; reading its pixels in a canvas does.
  ...(pipeline.corsOrigins.length > 0 && {
    corsConfig: {
      accessControlAllowCredentials: false,
      accessControlAllowHeaders: { items: ["range", "if-none-match"] },
      accessControlAllowMethods: { items: ["GET", "HEAD"] },
      accessControlAllowOrigins: { items: pipeline.corsOrigins },
      accessControlExposeHeaders: { items: ["etag"] },
      accessControlMaxAgeSec: 7200,
      originOverride: true,
    },
  }),
});

/**
 * An image's path is its whole cache key. Query strings are left out, or `?x=1…n` would send every request to the
 * bucket; encodings are left out because images are compressed already.
 */
const mediaCache = new aws.cloudfront.CachePolicy("MediaCache", {
  comment: "Images: the path alone",
  minTtl: 0,
  defaultTtl: 0,
  maxTtl: year,
  parametersInCacheKeyAndForwardedToOrigin: {
    cookiesConfig: { cookieBehavior: "none" },
    headersConfig: { headerBehavior: "none" },
    queryStringsConfig: { queryStringBehavior: "none" },
    enableAcceptEncodingBrotli: false,
    enableAcceptEncodingGzip: false,
  },
});

/** Of AWS: the path and the encoding are the key, and a file says itself how long it may be kept. */
const cachingOptimized = "658327ea-f89d-4fab-a63d-7e88639e58f6";

// CloudFront accepts 10,240 bytes, and SST's own code with its comments and indentation is more than that.
$transform(aws.cloudfront.Function, (args) => {
  args.code = $output(args.code).apply(
    async (code) => (await transform(code, { minifyWhitespace: true, legalComments: "none" })).code,
  );
});

export const router = new sst.aws.Router("Router", {
  ...(cloud.domain && { domain: cloud.domain }),
  edge: {
    viewerRequest: {
      injection: `
        // Each request of the API its own cache key. Without it CloudFront would let a second caller of the same path
        // wait for the first one's answer (request collapsing), and that may take 20 s with \`wait\`.
        event.request.headers["x-request-key"] = { value: event.context.requestId };
        // SST keeps a site under one prefix. The gallery is at "/", and its files are at "/assets/...".
        const asked = event.request.uri;
        if (asked === "/") event.request.uri = "/assets/index.html";
        else if (asked.startsWith("/assets/")) event.request.uri = "/assets" + asked;
        // What SST prints as its address.
        if (asked === "/assets" || asked === "/assets/") {
          return { statusCode: 302, headers: { location: { value: "/" } } };
        }
      `,
    },
  },
  transform: {
    // The API is never cached, but CloudFront compresses only where it could: so a second at the most, under a key
    // that never comes again.
    cachePolicy: {
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
    },
    cdn: (args) => {
      // Where a request goes that no route takes, as every one would if the routes could not be read: with its
      // `Authorization`, and in SST's default over plain HTTP to a host of SST's.
      args.origins = [
        {
          originId: "default",
          domainName: "unrouted.invalid",
          customOriginConfig: {
            httpPort: 80,
            httpsPort: 443,
            originProtocolPolicy: "https-only",
            originReadTimeout: 20,
            originSslProtocols: ["TLSv1.2"],
          },
        },
      ];
      const behavior = $output(args.defaultCacheBehavior);
      args.defaultCacheBehavior = behavior.apply((api) => ({
        ...api,
        responseHeadersPolicyId: apiHeaders.id,
      }));
      const files = behavior.apply(({ targetOriginId, viewerProtocolPolicy, functionAssociations }) => ({
        targetOriginId,
        viewerProtocolPolicy,
        functionAssociations,
        allowedMethods: ["GET", "HEAD", "OPTIONS"],
        cachedMethods: ["GET", "HEAD"],
        // No origin request policy: what is not in the key must not reach a bucket either. S3 honours
        // `?response-content-type=text/html` of a signed request, and everybody would get the result.
      }));
      const page = files.apply((file) => ({
        ...file,
        compress: true,
        cachePolicyId: cachingOptimized,
        // The page's policy names the uploads bucket, whose own rules name the router.
        responseHeadersPolicyId: $output(import("./page.ts")).apply(({ headers }) => headers.id),
      }));
      args.orderedCacheBehaviors = [
        files.apply((file) => ({
          ...file,
          pathPattern: "/media/*",
          compress: false,
          cachePolicyId: mediaCache.id,
          responseHeadersPolicyId: mediaHeaders.id,
        })),
        page.apply((each) => ({ ...each, pathPattern: "/" })),
        page.apply((each) => ({ ...each, pathPattern: "/assets/*" })),
      ];
    },
  },
});
