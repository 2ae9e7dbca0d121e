/** The two buckets. Originals hold GPS positions and camera data and are never routed; only the CDN reads variants. */
import { pipeline, production, region } from "./config.ts";

// Links carry names and no rights: SST's own would grant `s3:*`.
sst.Linkable.wrap(sst.aws.Bucket, (bucket) => ({
  properties: {
    name: bucket.name,
    ...(bucket === uploads && { url: $interpolate`https://${bucket.nodes.bucket.bucketRegionalDomainName}` }),
  },
}));

type Distribution = { url: $util.Input<string>; arn: $util.Input<string> };

/**
 * Called by router.ts with the distribution that it creates. The distribution names the hosts of the buckets, and their
 * policies and CORS rules name the distribution, so one of the two has to be an output that resolves later.
 */
export let serveFrom: (distribution: Distribution) => void;
const distribution = $output(
  new Promise<Distribution>((resolve) => {
    serveFrom = resolve;
  }),
);

const retention: Pick<sst.aws.BucketArgs, "versioning" | "lifecycle" | "transform"> = {
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

/** The originals. The gallery and the origins in `CORS_ORIGINS` may upload. */
export const uploads = new sst.aws.Bucket("Uploads", {
  ...retention,
  cors: {
    // Under `sst dev` the gallery is served by Vite as well.
    allowOrigins: [distribution.url, ...($dev ? ["http://127.0.0.1:5173"] : []), ...pipeline.corsOrigins],
    // DELETE: a multipart upload that its user aborts.
    allowMethods: ["GET", "HEAD", "PUT", "POST", "DELETE"],
    // Any, as in the embedded S3: Sentry and OpenTelemetry add headers to the requests of a page.
    allowHeaders: ["*"],
    exposeHeaders: ["ETag"],
    maxAge: "2 hours",
  },
});

/**
 * The processed bucket's name, in SST's format. SST's name is an output that depends on the bucket's policy, which
 * depends on the distribution, which depends on the bucket as an origin.
 */
const processedName = new random.RandomString("ProcessedSuffix", {
  length: 8,
  upper: false,
  special: false,
  numeric: false,
}).result.apply((suffix) => {
  const rest = `-${$app.stage}-processedbucket-${suffix}`.toLowerCase();
  return $app.name.slice(0, 63 - rest.length) + rest;
});

/** The host of the processed bucket. */
export const processedHost = $interpolate`${processedName}.s3.${region}.amazonaws.com`;

/** The processed bucket's ARN, and its link as an environment variable, for a function that is an origin as well. */
export const processedArn = $interpolate`arn:aws:s3:::${processedName}`;

/** The ARNs of the variants: of public images and of private ones. */
export const variants = [$interpolate`${processedArn}/img_*`, $interpolate`${processedArn}/private/*`];
export const processedLink = { SST_RESOURCE_Processed: $jsonStringify({ name: processedName }) };

/** The variants. Only this stage's distribution reads them. */
export const processed = new sst.aws.Bucket("Processed", {
  ...retention,
  transform: { ...retention.transform, bucket: { forceDestroy: !production, bucket: processedName } },
  cors: false,
  // SST's `access: "cloudfront"` admits any distribution of any account that learns the bucket's name.
  policy: [
    {
      principals: [{ type: "service", identifiers: ["cloudfront.amazonaws.com"] }],
      actions: ["s3:GetObject"],
      paths: ["img_*", "private/*"],
      conditions: [{ test: "StringEquals", variable: "AWS:SourceArn", values: [distribution.arn] }],
    },
  ],
});
