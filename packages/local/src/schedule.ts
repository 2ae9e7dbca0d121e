/** What EventBridge does in the cloud: runs a job at its intervals, never twice at once. */
import type { Clock } from "./queue.ts";

/** Runs `job` every so many milliseconds, counted from the end of its last run, until the returned function is called. */
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
