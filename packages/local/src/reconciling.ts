/** Runs the reconciler as its schedule does in the cloud, only oftener: at a desk nobody waits a quarter of an hour. */
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "./queue.ts";
import { startRuntime } from "./runtime.ts";
import { every } from "./schedule.ts";

/** `compared` resolves when the comparison at the start is done. */
export type Reconciling = { compared: Promise<void>; close(graceMs: number): Promise<void> };

/** As in the cloud (`infra/reconciling.ts`): long jobs stop a minute before and go on the next time. */
const timeoutSeconds = 900;

const minuteMs = 60_000;
const dayMs = 86_400_000;

/** How long after a failure the comparison at the start is tried again. */
const againMs = 10_000;

/**
 * Compares bucket and table at once, because whatever was in the queue when it last stopped is lost; from then on
 * daily, or every minute where the bucket's endpoint sends no events.
 */
export function startReconciling(options: {
  region: string;
  env: NodeJS.ProcessEnv;
  memoryMB: number;
  events: boolean;
}): Reconciling {
  const module = new URL(import.meta.resolve("@image-pipeline/functions/reconciler"));
  const runtime = startRuntime({ ...options, name: "reconciler", module, workers: 1, timeoutSeconds });
  let closed = false;
  /** Runs a job to its end and says whether it got there; if not, the next time comes. */
  const run = async (job: "stuck" | "compare" | "sweep"): Promise<boolean> => {
    try {
      let report: { done: boolean };
      do report = (await runtime.invoke({ job })) as { done: boolean };
      while (!report.done);
      return true;
    } catch (error) {
      if (!closed) console.warn(`The reconciler could not run ${job}:`, error);
      return false;
    }
  };
  // Without it what was lost would wait for tomorrow: it is not given up.
  const compareOnce = async () => {
    while (!(await run("compare")) && !closed) await sleep(againMs, undefined, { ref: false });
  };
  const cancels = [
    every(minuteMs, () => run("stuck"), systemClock),
    every(options.events ? dayMs : minuteMs, () => run("compare"), systemClock),
    every(dayMs, () => run("sweep"), systemClock),
  ];
  return {
    compared: compareOnce(),
    close: async (graceMs) => {
      closed = true;
      for (const cancel of cancels) cancel();
      await runtime.close(graceMs);
    },
  };
}
