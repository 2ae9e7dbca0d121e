/** The processor: writes the variants and records of uploaded images. Consumes the queue one message at a time. */
import { Pipeline } from "@image-pipeline/core/pipeline/pipeline";
import type { SQSHandler } from "aws-lambda";
import { Resource } from "sst";
import { eachSignal } from "./batch.ts";
import { log } from "./log.ts";

export const handler: SQSHandler = (event, context) =>
  eachSignal(event, context, async (signal) => {
    const memoryMB = Number(context.memoryLimitInMB);
    const { exhausted, ...report } = await Pipeline.handle(signal, Resource.Settings, memoryMB);
    if (!exhausted) return report;
    // The decoder's thread cannot be stopped, so the process ends before Lambda sends it another message. This message
    // is redelivered and then acknowledged, because the rejection is committed.
    log.warn("process ends, because its decoder still runs", report);
    process.exit(1);
  });
