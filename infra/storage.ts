/** The uploads bucket, and what both buckets have in common. Originals hold GPS positions and camera data and are never routed. */
import { production } from "./config.ts";

// Links carry names and no rights: SST's own would grant `s3:*`.
sst.Linkable.wrap(sst.aws.Bucket, (bucket) => ({
  properties: {
    name: bucket.name,
    ...(bucket === uploads && { url: $interpolate`https://${bucket.nodes.bucket.bucketRegionalDomainName}` }),
  },
}));

/** Versions and lifecycle of both buckets. */
export const retention: Pick<sst.aws.BucketArgs, "versioning" | "lifecycle" | "transform"> = {
  versioning: production,
  // SST's rules know neither multipart uploads nor versions; `transform` replaces this one.
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

/** The originals. Its CORS rules are in `cors.ts`, because they name the router. */
export const uploads = new sst.aws.Bucket("Uploads", { ...retention, cors: false });
