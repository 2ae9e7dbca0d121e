/** The reconciler's schedule: as in the cloud, but more often, because a user at a desk waits for it. */
import { type Clock, every, systemClock } from "./clock.ts";
import { startRuntime } from "./runtime.ts";

/** The running schedule. `compared` resolves when the comparison at the start has succeeded. */
export type Reconciling = { compared: Promise<void>; close(graceMs: number): Promise<void> };

/** As in the cloud (`infra/reconciler.ts`): a long job stops a minute before the timeout, and the next run continues. */
const timeoutSeconds = 900;

const minuteMs = 60_000;
const dayMs = 86_400_000;

/** Milliseconds after which a failed comparison at the start is retried. */
const retryMs = 10_000;

/**
 * Starts the schedule. Compares bucket and table at once, because the messages in the queue at the last stop are lost;
 * then daily, or every minute if the bucket's endpoint sends no events.
 */
export function startReconciling(options: {
  region: string;
  env: NodeJS.ProcessEnv;
  memoryMB: number;
  events: boolean;
  clock?: Clock;
}): Reconciling {
  const { clock = systemClock } = options;
  const module = new URL(import.meta.resolve("@image-pipeline/functions/reconciler"));
  const runtime = startRuntime({ ...options, name: "reconciler", module, workers: 1, timeoutSeconds });
  let closed = false;
  /** Runs a job to its end; false if it failed, and the next run tries again. */
  const run = async (job: "stuck" | "deliver" | "compare" | "sweep"): Promise<boolean> => {
    try {
      let report: { done: boolean };
      do report = (await runtime.invoke({ job })) as { done: boolean };
      while (!report.done);
      return true;
    } catch (error) {
      if (!closed) console.warn(`The reconciler could not run ${job}, and tries again:`, error);
      return false;
    }
  };
  // Retried until it succeeds: otherwise lost messages would wait for tomorrow's run.
  let cancelRetry = () => {};
  const compareOnce = async () => {
    while (!(await run("compare")) && !closed)
      await new Promise<void>((done) => {
        cancelRetry = clock.after(retryMs, done);
      });
  };
  const cancels = [
    every(minuteMs, () => run("stuck"), clock),
    every(minuteMs, () => run("deliver"), clock),
    every(options.events ? dayMs : minuteMs, () => run("compare"), clock),
    every(dayMs, () => run("sweep"), clock),
  ];
  return {
    compared: compareOnce(),
    close: async (graceMs) => {
      closed = true;
      for (const cancel of [...cancels, cancelRetry]) cancel();
      await runtime.close(graceMs);
    },
  };
}
