/** The processed bucket, at `/media/…`. Only this distribution reads it, and only variants. */
import { router } from "./router.ts";
import { retention } from "./storage.ts";

export const processed = new sst.aws.Bucket("Processed", {
  ...retention,
  cors: false,
  // SST's `access: "cloudfront"` admits any distribution of any account that learns the bucket's name.
  policy: [
    {
      principals: [{ type: "service", identifiers: ["cloudfront.amazonaws.com"] }],
      actions: ["s3:GetObject"],
      paths: ["img_*"],
      conditions: [
        {
          test: "StringEquals",
          variable: "AWS:SourceArn",
          values: [router.nodes.cdn.nodes.distribution.arn],
        },
      ],
    },
  ],
});

router.routeBucket("/media", processed, { rewrite: { regex: "^/media/(.*)$", to: "/$1" } });
