/**
 * The spend breaker: when the processor has run as often as a day allows, its queue is no longer read until the next
 * day (UTC). Nothing is lost, the work waits. Scheduled every five minutes, so it may be that much too late.
 *
 * It stands beside the processor, not in it: what decodes strangers' bytes must not be able to switch things on.
 */
import { Metrics } from "@aws-lambda-powertools/metrics";
import { Resource } from "sst";
import { log } from "./log.ts";
import { type Change, pause, resume, runsSince } from "./mapping.ts";

const metrics = new Metrics({
  namespace: "ImagePipeline",
  serviceName: `${Resource.App.name}-${Resource.App.stage}`,
});

/** What was found, and what was done about it. */
export type Report = { runs: number; did: Change };

export const handler = async (): Promise<Report> => {
  const { perDayMax, processor, mapping } = Resource.Allowance;
  const runs = await runsSince(processor, new Date(new Date().setUTCHours(0, 0, 0, 0)));
  const over = runs >= perDayMax;
  const did = await (over ? pause(mapping) : resume(mapping));
  metrics.addMetric("ProcessingPaused", "Count", over ? 1 : 0);
  metrics.publishStoredMetrics();
  log.info("day's allowance", { runs, perDayMax, did });
  return { runs, did };
};
