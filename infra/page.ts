/**
 * The gallery at `/`, as `npm start` shows it: the same build, behind the same address, with the same headers.
 */
import { pageHeaders } from "../packages/web/src/headers.ts";
import { hsts, router } from "./router.ts";
import { uploads } from "./storage.ts";

const policy = uploads.nodes.bucket.bucketRegionalDomainName.apply((host) => {
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

/** What the page and its files are served with. The policy names the one bucket that it may upload to. */
export const headers = new aws.cloudfront.ResponseHeadersPolicy("PageHeaders", {
  comment: "Security headers of the gallery",
  securityHeadersConfig: policy.securityHeadersConfig,
  customHeadersConfig: policy.customHeadersConfig,
});

new sst.aws.StaticSite("Page", {
  router: { instance: router, path: "/assets" },
  // Under `sst dev` too: one address, whoever answers behind it.
  dev: false,
  // From the root: in a folder with a vite.config.ts SST writes a file of types that nothing here uses.
  build: { command: "npm run build --prefix packages/web", output: "packages/web/dist" },
  assets: {
    // A page that was open before a deployment may still ask for a file of its own.
    purge: false,
    fileOptions: [
      { files: "**", cacheControl: "public, max-age=31536000, immutable" },
      { files: "index.html", cacheControl: "no-cache" },
    ],
  },
  // The page is asked for anew each time, and its files have new names: nothing is out of date, images least of all.
  invalidation: false,
  transform: {
    assets: (args) => {
      // As for variants: this distribution alone, where SST's own policy admits any.
      args.access = undefined;
      args.policy = [
        {
          principals: [{ type: "service", identifiers: ["cloudfront.amazonaws.com"] }],
          actions: ["s3:GetObject"],
          paths: ["assets/*"],
          conditions: [
            {
              test: "StringEquals",
              variable: "AWS:SourceArn",
              values: [router.nodes.cdn.nodes.distribution.arn],
            },
          ],
        },
      ];
      args.cors = false;
    },
  },
});
