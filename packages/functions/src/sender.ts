/** The sender of webhooks: consumes the queue of deliveries and that of slow receivers. It may read no bucket. */
import { BatchProcessor, EventType, processPartialResponse } from "@aws-lambda-powertools/batch";
import { Target } from "@image-pipeline/core/egress/target";
import { Sender } from "@image-pipeline/core/webhooks/sender";
import type { SQSHandler, SQSRecord } from "aws-lambda";
import { Resource } from "sst";
import * as v from "valibot";
import { logger } from "./log.ts";

const Message = v.object({
  webhookID: v.string(),
  deliveryID: v.string(),
  tries: v.number(),
  committed: v.optional(v.boolean()),
  slow: v.optional(v.boolean()),
});

/** Returns a handler with a network and a clock. A message that the table or the queue fails is received again. */
export const handlerOf =
  (means?: Sender.Means): SQSHandler =>
  (event, context) =>
    processPartialResponse(
      event,
      (record: SQSRecord) => handle(record, means),
      new BatchProcessor(EventType.SQS),
      {
        context,
        throwOnFullBatchFailure: false,
      },
    );

/** Attempts each delivery. */
export const handler = handlerOf();

async function handle({ messageId, body }: SQSRecord, means?: Sender.Means): Promise<void> {
  const started = Date.now();
  const message = v.parse(Message, JSON.parse(body));
  const policy = Target.policyOf(Resource.App.stage, Resource.Settings);
  const report = await Sender.handle(message, policy, means).catch((error) => {
    logger().warn("message failed, will be retried", { messageId, ...message, error });
    throw error;
  });
  logger().info("handled", { ...report, webhookID: message.webhookID, ms: Date.now() - started });
}
