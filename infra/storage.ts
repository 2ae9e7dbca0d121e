/** The two buckets. Originals hold people's places and cameras and are never routed; variants are seen by the CDN alone. */
import { router } from "./router.ts";
import { pipeline, production } from "./stage.ts";

// Links carry names and no rights: SST's own would grant `s3:*`.
sst.Linkable.wrap(sst.aws.Bucket, (bucket) => ({
  properties: {
    name: bucket.name,
    ...(bucket === uploads && { url: $interpolate`https://${bucket.nodes.bucket.bucketRegionalDomainName}` }),
  },
}));

/** What both buckets keep, and for how long. */
const kept: Pick<sst.aws.BucketArgs, "versioning" | "lifecycle" | "transform"> = {
  versioning: production,
  // SST's rules know neither parts nor versions; this one is filled in below.
  lifecycle: [{ id: "Leftovers" }],
  transform: {
    bucket: { forceDestroy: !production },
    lifecycle: {
      rules: [
        {
          id: "Leftovers",
          status: "Enabled",
          filter: { prefix: "" },
          abortIncompleteMultipartUpload: { daysAfterInitiation: 1 },
          ...(production && {
            noncurrentVersionExpiration: { noncurrentDays: 30 },
            expiration: { expiredObjectDeleteMarker: true },
          }),
        },
      ],
    },
  },
};

export const uploads = new sst.aws.Bucket("Uploads", {
  ...kept,
  cors: {
    // The gallery is a page of the router's own.
    allowOrigins: [router.url, ...pipeline.corsOrigins],
    // DELETE: an upload in parts that its user calls off.
    allowMethods: ["GET", "HEAD", "PUT", "POST", "DELETE"],
    allowHeaders: ["content-type", "if-none-match", "range", "x-amz-checksum-sha256"],
    exposeHeaders: ["ETag"],
    maxAge: "2 hours",
  },
});

export const processed = new sst.aws.Bucket("Processed", {
  ...kept,
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
