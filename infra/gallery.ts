/** The gallery at `/`: the build that `npm start` serves, with the same paths and headers. */
import { router } from "./router.ts";

const principals = [{ type: "service" as const, identifiers: ["cloudfront.amazonaws.com"] }];
const conditions = [
  { test: "StringEquals", variable: "AWS:SourceArn", values: [router.nodes.cdn.nodes.distribution.arn] },
];

new sst.aws.StaticSite("Page", {
  router: { instance: router, path: "/assets" },
  // Deployed under `sst dev` as well, so that the stage has one URL.
  dev: false,
  // From the root: next to a vite.config.ts SST would write a file of types that nothing here uses.
  build: { command: "npm run build --prefix packages/web", output: "packages/web/dist" },
  assets: {
    // A page that was open before a deployment may still request its own files.
    purge: false,
    fileOptions: [
      { files: "**", cacheControl: "public, max-age=31536000, immutable" },
      { files: "index.html", cacheControl: "no-cache" },
      // SST does not know the type; browsers would save the file instead of showing it.
      {
        files: "assets/licenses.md",
        cacheControl: "no-cache",
        contentType: "text/markdown;charset=UTF-8",
      },
    ],
  },
  // The page is revalidated on every load and its files are named by hash, so nothing can be stale.
  invalidation: false,
  transform: {
    assets: (args) => {
      // Only this distribution, as for variants; SST's own policy admits any.
      args.access = undefined;
      args.policy = [
        {
          principals,
          actions: ["s3:GetObject"],
          paths: ["assets/*"],
          conditions,
        },
        // So that a missing file is a 404, not a 403. The files are public, and no request reaches the listing itself.
        { principals, actions: ["s3:ListBucket"], paths: [""], conditions },
      ];
      args.cors = false;
    },
  },
});
