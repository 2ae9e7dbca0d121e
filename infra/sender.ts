/** The sender of webhooks, which posts events to URLs of callers. It has no right on a bucket. */
import { common } from "./function.ts";
import { consume, deliveries, slowDeliveries } from "./queues.ts";
import { router } from "./router.ts";
import { settings } from "./settings.ts";
import { images, itemRight } from "./table.ts";

/** Sends signed events to the receivers of webhooks. */
export const sender = new sst.aws.Function("Sender", {
  ...common,
  handler: "packages/functions/src/sender.handler",
  // Twice the time that a receiver has.
  timeout: "30 seconds",
  memory: "512 MB",
  // The router's URL is in the images of the messages.
  link: [images, deliveries, slowDeliveries, router, settings],
  permissions: [
    consume(deliveries),
    consume(slowDeliveries),
    { actions: ["sqs:SendMessage"], resources: [deliveries.arn, slowDeliveries.arn] },
    itemRight(["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem"], "delivery"),
    itemRight(["dynamodb:GetItem", "dynamodb:UpdateItem"], "webhook"),
    // The secrets that sign, and the image whose write a delivery waits for.
    itemRight(["dynamodb:GetItem"], "secret"),
    itemRight(["dynamodb:GetItem"], "image"),
  ],
});

// One message an invocation: an invocation lasts as long as the slowest of its receivers, and keeps the messages of a batch.
for (const [queue, maximumConcurrency] of [
  [deliveries, 100],
  [slowDeliveries, 20],
] as const)
  queue.subscribe(sender.arn, {
    batch: { size: 1, partialResponses: true },
    transform: {
      eventSourceMapping: { scalingConfig: { maximumConcurrency: $dev ? 2 : maximumConcurrency } },
    },
  });
