/** What happens in the uploads bucket goes to the queue. */
import { processing } from "./queues.ts";
import { production } from "./stage.ts";
import { uploads } from "./storage.ts";

// SST's policy lets every bucket of every account send to the queue.
$transform(aws.sqs.QueuePolicy, (args) => {
  args.policy = aws.iam.getPolicyDocumentOutput({
    statements: [
      {
        sid: "OurBucketAlone",
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
 * In a bucket with versions a removal is a delete marker; `Delete` then says that some old version went, as happens
 * to every one of them after 30 days, and says nothing of the picture that is there now.
 */
const removals = production
  ? (["s3:ObjectRemoved:DeleteMarkerCreated", "s3:LifecycleExpiration:DeleteMarkerCreated"] as const)
  : (["s3:ObjectRemoved:Delete", "s3:LifecycleExpiration:Delete"] as const);

// No prefix: whatever lands in the bucket, under any key, is an image or is rejected.
uploads.notify({
  notifications: [{ name: "Processing", queue: processing, events: ["s3:ObjectCreated:*", ...removals] }],
});
