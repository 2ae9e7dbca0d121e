/** Event notifications of the uploads bucket, sent to the processing queue. */

import { production } from "./config.ts";
import { processing } from "./queues.ts";
import { uploads } from "./storage.ts";

// SST's policy lets every bucket of every account send to the queue.
$transform(aws.sqs.QueuePolicy, (args) => {
  args.policy = aws.iam.getPolicyDocumentOutput({
    statements: [
      {
        sid: "UploadsBucketOnly",
        principals: [{ type: "Service", identifiers: ["s3.amazonaws.com"] }],
        actions: ["sqs:SendMessage"],
        resources: [processing.arn],
        conditions: [
          { test: "ArnEquals", variable: "aws:SourceArn", values: [uploads.arn] },
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
const removals = production
  ? (["s3:ObjectRemoved:DeleteMarkerCreated", "s3:LifecycleExpiration:DeleteMarkerCreated"] as const)
  : (["s3:ObjectRemoved:Delete", "s3:LifecycleExpiration:Delete"] as const);

// No prefix: every object under any key becomes an image or is rejected.
uploads.notify({
  notifications: [{ name: "Processing", queue: processing, events: ["s3:ObjectCreated:*", ...removals] }],
});
