/** The batch handling of the queue consumers. Failures are reported per SQS record, so that SQS redelivers only those. */
import { BatchProcessor, EventType, processPartialResponse } from "@aws-lambda-powertools/batch";
import type { Report } from "@image-pipeline/core/pipeline/decision";
import type { Importing, Message } from "@image-pipeline/core/records/message";
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import { Resource } from "sst";
import { logger } from "./log.ts";
import { read } from "./message.ts";

/** Handles one import, for consumers of the queue of imports or its dead letters. */
export type RunImport = (message: Importing) => Promise<Report>;

/** Handles one message. `receives` is the SQS record's receive count, including this one. */
export type Run = (message: Message, receives: number) => Promise<Report>;

/** Handles every message of every SQS record. A record is deleted only if all of its messages were acknowledged. */
export function eachMessage(
  event: SQSEvent,
  context: Context,
  run: Run,
  runImport?: RunImport,
): Promise<SQSBatchResponse> {
  // A batch of failures is not reported as an invocation error: Lambda would throttle the entire queue.
  return processPartialResponse(
    event,
    (record: SQSRecord) => handle(record, run, runImport),
    new BatchProcessor(EventType.SQS),
    {
      context,
      throwOnFullBatchFailure: false,
    },
  );
}

async function handle(
  { messageId, body, attributes }: SQSRecord,
  run: Run,
  runImport: RunImport = () => Promise.reject(new Error("This consumer takes no imports.")),
): Promise<void> {
  const receives = Number(attributes.ApproximateReceiveCount);
  const { messages, ignored } = read(body, Resource.Uploads.name);
  for (const why of ignored) logger().warn("ignored", { messageId, why });
  for (const message of messages) {
    const started = Date.now();
    const work = message.kind === "import" ? runImport(message) : run(message, receives);
    const report = await work.catch((error) => {
      logger().warn("message failed, will be retried", { messageId, key: message.key, receives, error });
      throw error;
    });
    const handled = { ...report, kind: message.kind, receives, ms: Date.now() - started };
    logger().info("handled", handled);
    if (report.acknowledge) continue;
    // Expected, such as a removal that raced the commit: without the stack of an error.
    logger().warn("not acknowledged, will be retried", { messageId, ...handled });
    throw new Error(`${report.imageID} was not acknowledged: ${report.did}`);
  }
}
