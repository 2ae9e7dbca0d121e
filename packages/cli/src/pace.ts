/** Not faster than so many a second. */
import { setTimeout } from "node:timers/promises";

/** Resolves when the next `count` may go: to false, and at once, when they may not go any more. */
export type Turn = (count: number) => Promise<boolean>;

/** Gives turns to all workers of a job. `perSecond` of undefined is no limit; `signal` ends the job. */
export function pace(perSecond: number | undefined, signal: AbortSignal): Turn {
  let free = Date.now();
  return async (count) => {
    if (signal.aborted) return false;
    if (perSecond === undefined) return true;
    const now = Date.now();
    const wait = Math.max(0, free - now);
    free = Math.max(free, now) + (count / perSecond) * 1000;
    if (wait === 0) return true;
    // An interruption ends the pause; it is no fault.
    await setTimeout(wait, undefined, { signal }).catch(() => undefined);
    return !signal.aborted;
  };
}
