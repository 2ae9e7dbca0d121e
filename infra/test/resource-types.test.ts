import { expect, test } from "vitest";
import type { Graph } from "./graph.ts";
import { all } from "./graphs.ts";

/** Returns the resource types of a stage, without the version suffixes in which the providers of SST 3 and 4 differ. */
const kindsOf = (graph: Graph) => {
  const types = graph.resources.map(({ type }) =>
    type.replace(/^(\w+):(\w+)\/.*:(\w+?)(?:V2|v2)?$/, "$1:$2 $3"),
  );
  // Components of SST and Pulumi are only groups of the other resources.
  return [...new Set(types)].filter((type) => !/^(sst|pulumi):/.test(type)).sort();
};

/** Every type of AWS resource on every stage: no access point, no website, no ACL, no other identity. */
const everywhere = [
  "aws:cloudfront CachePolicy",
  "aws:cloudfront Distribution",
  "aws:cloudfront Function",
  "aws:cloudfront KeyGroup",
  "aws:cloudfront KeyValueStore",
  "aws:cloudfront OriginAccessControl",
  "aws:cloudfront OriginRequestPolicy",
  "aws:cloudfront PublicKey",
  "aws:cloudfront ResponseHeadersPolicy",
  "aws:cloudwatch Dashboard",
  "aws:cloudwatch EventRule",
  "aws:cloudwatch EventTarget",
  "aws:cloudwatch LogGroup",
  "aws:dynamodb Table",
  "aws:iam Role",
  "aws:lambda EventSourceMapping",
  "aws:lambda Function",
  "aws:lambda FunctionUrl",
  "aws:lambda Permission",
  "aws:s3 Bucket",
  "aws:s3 BucketCorsConfiguration",
  "aws:s3 BucketLifecycleConfiguration",
  "aws:s3 BucketNotification",
  // The functions' code.
  "aws:s3 BucketObject",
  "aws:s3 BucketPolicy",
  "aws:s3 BucketPublicAccessBlock",
  "aws:sqs Queue",
  "aws:sqs QueuePolicy",
  "aws:sqs RedriveAllowPolicy",
  "command:local:Command",
  "pulumi-nodejs:dynamic:Resource",
  "random:index RandomBytes",
  "random:index RandomString",
];
const kept = ["aws:s3 BucketVersioning"];
const alarms = ["aws:cloudwatch MetricAlarm"];
const breaker = ["aws:cloudwatch LogMetricFilter"];
const mail = ["aws:sns Topic", "aws:sns TopicSubscription"];

const more: Record<string, string[]> = {
  development: breaker,
  lazy: breaker,
  production: [...kept, ...alarms, ...breaker],
  "sst dev": [],
  configured: [
    ...kept,
    ...alarms,
    ...breaker,
    ...mail,
    "aws:acm Certificate",
    "aws:acm CertificateValidation",
    "aws:budgets Budget",
    "aws:route53 Record",
  ],
  unlimited: [...alarms, ...mail],
};

test.each(all)("%s is made of nothing but these", (name, graph) => {
  expect(kindsOf(graph)).toEqual([...everywhere, ...(more[name] ?? [])].sort());
});
