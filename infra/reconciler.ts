/** The reconciler: finds uploads whose events were lost, images that are stuck, and deliveries that are due. */
import { common } from "./function.ts";
import { deliveries, processing } from "./queues.ts";
import { processed, uploads, variants } from "./storage.ts";
import { images, indexArn, itemRight } from "./table.ts";

/** Runs the job that its event names. */
export const reconciler = new sst.aws.Function("Reconciler", {
  ...common,
  handler: "packages/functions/src/reconciler.handler",
  timeout: "15 minutes",
  memory: "512 MB",
  link: [uploads, processed, images, processing, deliveries],
  permissions: [
    { actions: ["s3:ListBucket"], resources: [uploads.arn, processed.arn] },
    // For HeadObject, which s3:GetObject covers.
    { actions: ["s3:GetObject"], resources: [$interpolate`${uploads.arn}/*`] },
    // Finishes deletions that the API started.
    { actions: ["s3:DeleteObject"], resources: [$interpolate`${uploads.arn}/*`] },
    { actions: ["s3:DeleteObject"], resources: variants },
    // Permanent deletions. No function that a request or a file reaches may destroy versions.
    { actions: ["s3:ListBucketVersions"], resources: [uploads.arn, processed.arn] },
    { actions: ["s3:DeleteObjectVersion"], resources: [$interpolate`${uploads.arn}/*`] },
    { actions: ["s3:DeleteObjectVersion"], resources: variants },
    itemRight(["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:BatchGetItem"], "image"),
    itemRight(["dynamodb:PutItem", "dynamodb:DeleteItem"], "term"),
    itemRight(["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem"], "job"),
    itemRight(["dynamodb:UpdateItem", "dynamodb:Query"], "tally"),
    // The deletion of an image whose expiry or days in the trash are over is an event of webhooks.
    itemRight(["dynamodb:Query"], "webhook"),
    itemRight(["dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:DeleteItem"], "delivery"),
    { actions: ["dynamodb:Query"], resources: [indexArn("gsi3"), indexArn("gsi4")] },
    { actions: ["sqs:SendMessage"], resources: [processing.arn, deliveries.arn] },
  ],
});

/** The schedule of each job, in UTC. The two comparisons run once a day, two hours apart. */
const schedules = {
  Stuck: "rate(15 minutes)",
  Deliver: "rate(5 minutes)",
  Compare: "cron(20 2 * * ? *)",
  Sweep: "cron(20 4 * * ? *)",
} as const;

for (const [name, schedule] of Object.entries(schedules)) {
  new sst.aws.Cron(name, { schedule, function: reconciler.arn, event: { job: name.toLowerCase() } });
}
