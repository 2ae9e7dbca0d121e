/**
 * The spend breaker: once the processor has reached its daily number of invocations, it disables the event source
 * mapping until the next day (UTC). Messages wait in the queue. It runs every five minutes, so it may react that late.
 *
 * A separate function, because the processor decodes untrusted bytes and must not have the right to enable the mapping.
 */
import { Metrics } from "@aws-lambda-powertools/metrics";
import { Resource } from "sst";
import { log } from "./log.ts";
import { type Change, pause, resume, runsSince } from "./mapping.ts";

const metrics = new Metrics({
  namespace: "ImagePipeline",
  serviceName: `${Resource.App.name}-${Resource.App.stage}`,
});

/** Today's invocations of the processor, and the change that was made to the mapping. */
export type Report = { runs: number; did: Change };

export const handler = async (): Promise<Report> => {
  const { perDayMax, processor, mapping } = Resource.Allowance;
  const runs = await runsSince(processor, new Date(new Date().setUTCHours(0, 0, 0, 0)));
  const over = runs >= perDayMax;
  const did = await (over ? pause(mapping) : resume(mapping));
  metrics.addMetric("ProcessingPaused", "Count", over ? 1 : 0);
  metrics.publishStoredMetrics();
  log.info("spend breaker checked", { runs, perDayMax, did });
  return { runs, did };
};
