/** Limits of S3: buckets and their configuration. */
import { bytes, docs, type Limit } from "./limit.ts";

const buckets = `${docs}/AmazonS3/latest/userguide/bucketnamingrules.html`;
const s3 = `${docs}/general/latest/gr/s3.html`;

const bucket = /s3\/bucket(V2)?:/;

export const s3Limits: Limit[] = [
  {
    what: "name",
    type: bucket,
    texts: ({ bucket }) => [bucket],
    pattern: /^(?!xn--|sthree-)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/,
    source: buckets,
  },
  {
    what: "CORS rules",
    type: /bucketCorsConfiguration/,
    measure: ({ corsRules }) => [corsRules.length],
    least: 1,
    most: 100,
    source: `${docs}/AmazonS3/latest/API/API_PutBucketCors.html`,
  },
  {
    what: "lifecycle rules",
    type: /bucketLifecycleConfiguration/,
    measure: ({ rules }) => [rules.length],
    least: 1,
    most: 1_000,
    source: s3,
  },
  {
    what: "bytes of the policy",
    type: /bucketPolicy:/,
    measure: ({ policy }) => bytes(policy),
    most: 20_480,
    source: `${docs}/AmazonS3/latest/userguide/example-bucket-policies.html`,
  },
];
