/** The batch handling of both queue consumers. Failures are reported per message, so that SQS redelivers only those. */
import { BatchProcessor, EventType, processPartialResponse } from "@aws-lambda-powertools/batch";
import type { Report } from "@image-pipeline/core/pipeline/decision";
import type { Message } from "@image-pipeline/core/records/message";
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import { Resource } from "sst";
import { log } from "./log.ts";
import { read } from "./message.ts";

/** Handles one signal. `receives` is the message's receive count, including this one. */
export type Run = (message: Message, receives: number) => Promise<Report>;

/** Handles every signal of every message. A message is deleted only if all of its signals were acknowledged. */
export function eachSignal(event: SQSEvent, context: Context, run: Run): Promise<SQSBatchResponse> {
  // A batch of failures is not reported as an invocation error: Lambda would throttle the entire queue.
  return processPartialResponse(
    event,
    (record: SQSRecord) => handle(record, run),
    new BatchProcessor(EventType.SQS),
    {
      context,
      throwOnFullBatchFailure: false,
    },
  );
}

async function handle({ messageId, body, attributes }: SQSRecord, run: Run): Promise<void> {
  const receives = Number(attributes.ApproximateReceiveCount);
  const { signals, ignored } = read(body, Resource.Uploads.name);
  for (const why of ignored) log.warn("ignored", { messageId, why });
  for (const signal of signals) {
    const started = Date.now();
    try {
      const report = await run(signal, receives);
      log.info("handled", { ...report, kind: signal.kind, receives, ms: Date.now() - started });
      if (!report.acknowledge) throw new Error(`${report.imageID} was not acknowledged: ${report.did}`);
    } catch (error) {
      log.warn("message failed, will be retried", { messageId, key: signal.key, receives, error });
      throw error;
    }
  }
}
