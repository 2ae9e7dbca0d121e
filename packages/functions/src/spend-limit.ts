/**
 * The spend breaker: when the processor reaches the day's number of runs, the event source mapping of its queue is disabled
 * until the next day (UTC). Messages stay in the queue. Runs every five minutes, so a pause can be that much late.
 *
 * Idle runs, which decode nothing, are left out: an owner whose share is used up could otherwise trip the breaker for all
 * with images that are only deferred.
 *
 * A function apart from the processor, because code that decodes hostile bytes must not have the right to enable it.
 */
import { Metrics } from "@aws-lambda-powertools/metrics";
import { Resource } from "sst";
import { type Change, EventSource } from "./event-source.ts";
import { logger } from "./log.ts";

/** The runs of the processor today, without the idle ones, and the change made to its mapping. */
export type Report = { runs: number; did: Change };

let metrics: Metrics | undefined;

/** Compares today's invocations with the limit; pauses or resumes the queue, and writes the metric of the alarm. */
export const handler = async (): Promise<Report> => {
  const { perDayMax, processor, mapping, idleNamespace, idleMetric } = Resource.Allowance;
  const midnight = new Date(new Date().setUTCHours(0, 0, 0, 0));
  const [invocations, idle] = await Promise.all([
    EventSource.invocationsSince(processor, midnight),
    EventSource.sumSince({ Namespace: idleNamespace, MetricName: idleMetric }, midnight),
  ]);
  const runs = invocations - idle;
  const isReached = runs >= perDayMax;
  const did = await (isReached ? EventSource.pause(mapping) : EventSource.resume(mapping));
  metrics ??= new Metrics({
    namespace: "ImagePipeline",
    serviceName: `${Resource.App.name}-${Resource.App.stage}`,
  });
  metrics.addMetric("ProcessingPaused", "Count", isReached ? 1 : 0);
  metrics.publishStoredMetrics();
  logger().info("spend breaker checked", { runs, idle, perDayMax, did });
  return { runs, did };
};
