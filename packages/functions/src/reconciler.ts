/** The reconciler: finds changes whose events were lost. Scheduled: `stuck` and `deliver` often, `compare` and `sweep` daily. */
import { Reconcile } from "@image-pipeline/core/pipeline/reconcile";
import { Due } from "@image-pipeline/core/webhooks/due";
import type { Context } from "aws-lambda";
import * as v from "valibot";
import { logger } from "./log.ts";

const jobs = {
  stuck: Reconcile.stuck,
  compare: Reconcile.compare,
  sweep: Reconcile.sweep,
  deliver: Due.send,
} as const;

const Event = v.object({ job: v.picklist(["stuck", "compare", "sweep", "deliver"]) });

/** Long jobs stop a minute before the function's timeout and continue in the next run. */
const marginMs = 60_000;

/** Runs one job until a minute before the timeout, and logs its report. */
export const handler = async (
  event: v.InferInput<typeof Event>,
  context: Context,
): Promise<Reconcile.Report | Due.Report> => {
  const { job } = v.parse(Event, event);
  const report = await jobs[job](Date.now() + context.getRemainingTimeInMillis() - marginMs);
  logger().info("reconciled", { job, ...report });
  return report;
};
