/** What finds again the events that were lost. */
import { common } from "./function.ts";
import { processing } from "./queues.ts";
import { processed, uploads } from "./storage.ts";
import { images, indexArn, itemRight } from "./table.ts";

export const reconciler = new sst.aws.Function("Reconciler", {
  ...common,
  handler: "packages/functions/src/reconciler.handler",
  timeout: "15 minutes",
  memory: "512 MB",
  link: [uploads, processed, images, processing],
  permissions: [
    { actions: ["s3:ListBucket"], resources: [uploads.arn, processed.arn] },
    // Only ever a HEAD, for which S3 knows no right of its own.
    { actions: ["s3:GetObject"], resources: [$interpolate`${uploads.arn}/*`] },
    // Finishes what the API began to delete.
    { actions: ["s3:DeleteObject"], resources: [$interpolate`${uploads.arn}/*`] },
    { actions: ["s3:DeleteObject"], resources: [$interpolate`${processed.arn}/img_*`] },
    itemRight(["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:BatchGetItem"], "image"),
    itemRight(["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem"], "job"),
    itemRight(["dynamodb:UpdateItem", "dynamodb:Query"], "tally"),
    { actions: ["dynamodb:Query"], resources: [indexArn("gsi3"), indexArn("gsi4")] },
    { actions: ["sqs:SendMessage"], resources: [processing.arn] },
  ],
});

/** When each job runs, in UTC: what is stuck often, both comparisons once a day and apart from each other. */
const schedules = {
  Stuck: "rate(15 minutes)",
  Compare: "cron(20 2 * * ? *)",
  Sweep: "cron(20 4 * * ? *)",
} as const;

for (const [name, schedule] of Object.entries(schedules)) {
  new sst.aws.Cron(name, { schedule, function: reconciler.arn, event: { job: name.toLowerCase() } });
}
