/** The processor: writes the variants and records of uploaded images. Consumes the queue one message at a time. */
import { Metrics } from "@aws-lambda-powertools/metrics";
import { Pipeline } from "@image-pipeline/core/pipeline/pipeline";
import type { SQSHandler } from "aws-lambda";
import { Resource } from "sst";
import { eachMessage } from "./batch.ts";
import { logger } from "./log.ts";

/** Processes each uploaded original. Ends the process if a decoder does not stop. */
export const handler: SQSHandler = (event, context) =>
  eachMessage(event, context, async (message) => {
    const memoryMB = Number(context.memoryLimitInMB);
    const { exhausted, ...report } = await Pipeline.handle(message, Resource.Settings, memoryMB);
    if (report.similarity !== undefined) publish(report.similarity);
    if (!exhausted) return report;
    // The decoder's thread cannot be stopped, so the process ends before Lambda sends it another message. This message
    // is redelivered and then acknowledged, because the rejection is committed.
    logger().warn("process ends, because its decoder still runs", report);
    process.exit(1);
  });

let metrics: Metrics | undefined;

/** Writes the metric of the dashboard: the worst MS-SSIM of an image whose predicted qualities were checked. */
function publish(similarity: number): void {
  metrics ??= new Metrics({
    namespace: "ImagePipeline",
    serviceName: `${Resource.App.name}-${Resource.App.stage}`,
  });
  metrics.addMetric("CheckedSimilarity", "None", similarity);
  metrics.publishStoredMetrics();
}
