/** How both queue consumers answer: message by message, so that one that fails takes no other with it. */
import { BatchProcessor, EventType, processPartialResponse } from "@aws-lambda-powertools/batch";
import type { Report } from "@image-pipeline/core/pipeline/decision";
import type { Message } from "@image-pipeline/core/records/message";
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import { Resource } from "sst";
import { log } from "./log.ts";
import { read } from "./message.ts";

/** What is done about one signal; `receives` counts how often its message has been handed out, this time included. */
export type Run = (message: Message, receives: number) => Promise<Report>;

/** Runs every signal of every message. A message stays in the queue unless all of its signals may go. */
export function eachSignal(event: SQSEvent, context: Context, run: Run): Promise<SQSBatchResponse> {
  // A batch that fails whole is no invocation error: Lambda would slow the queue down for everybody.
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
      if (!report.acknowledge) throw new Error(`${report.imageID} is to be tried again: ${report.did}`);
    } catch (error) {
      log.warn("left in the queue", { messageId, key: signal.key, receives, error });
      throw error;
    }
  }
}
