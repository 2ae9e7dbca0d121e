/** Time and timers, which tests replace, and the schedule that EventBridge runs in the cloud. */

/** A clock. `now` is in milliseconds since 1970; `after` returns a function that cancels the timer. */
export type Clock = { now(): number; after(ms: number, run: () => void): () => void };

/** The machine's clock. */
export const systemClock: Clock = {
  now: Date.now,
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

/**
 * Runs `job` every `ms` milliseconds, counted from the end of its last run, so that it never runs twice at once. Logs
 * its errors. Returns a function that ends the schedule.
 */
export function every(ms: number, job: () => Promise<unknown>, clock: Clock): () => void {
  let cancel = () => {};
  let stopped = false;
  const next = () => {
    if (stopped) return;
    cancel = clock.after(ms, () => {
      job().catch(console.error).finally(next);
    });
  };
  next();
  return () => {
    stopped = true;
    cancel();
  };
}
