/** Event notifications of the buckets, sent to their queues. */
import { keptEnds, recipe } from "../packages/core/src/engine/recipe.ts";
import { production } from "./config.ts";
import { processing, removals } from "./queues.ts";
import { processed, uploads } from "./storage.ts";

// SST's policy lets every bucket of every account send to the queue.
$transform(aws.sqs.QueuePolicy, (args, _options, name) => {
  const [queue, bucket] = name.startsWith("Uploads") ? [processing, uploads] : [removals, processed];
  args.policy = aws.iam.getPolicyDocumentOutput({
    statements: [
      {
        sid: "OneBucketOnly",
        principals: [{ type: "Service", identifiers: ["s3.amazonaws.com"] }],
        actions: ["sqs:SendMessage"],
        resources: [queue?.arn ?? ""],
        conditions: [
          { test: "ArnEquals", variable: "aws:SourceArn", values: [bucket.arn] },
          {
            test: "StringEquals",
            variable: "aws:SourceAccount",
            values: [aws.getCallerIdentityOutput({}).accountId],
          },
        ],
      },
    ],
  }).json;
});

/**
 * In a versioned bucket a deletion creates a delete marker. `Delete` then reports that a noncurrent version expired,
 * as each does after 30 days, and nothing about the current object.
 */
const deletions = production
  ? (["s3:ObjectRemoved:DeleteMarkerCreated", "s3:LifecycleExpiration:DeleteMarkerCreated"] as const)
  : (["s3:ObjectRemoved:Delete", "s3:LifecycleExpiration:Delete"] as const);

// No prefix: every object under any key becomes an image or is rejected.
uploads.notify({
  notifications: [{ name: "Processing", queue: processing, events: ["s3:ObjectCreated:*", ...deletions] }],
});

if (removals) {
  processed.notify({
    // Of the variants of an image, which are deleted together, one is enough.
    notifications: keptEnds(recipe).map((filterSuffix, n) => ({
      name: n === 0 ? "Removals" : `Removals${n + 1}`,
      queue: removals,
      events: [...deletions],
      filterSuffix,
    })),
  });
}
