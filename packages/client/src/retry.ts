/** Trying again, when that can help. */
import { ClientError } from "./problem.ts";

/** Five tries over about eight seconds: a server that restarts is back by then, and a person still waits. */
const triesMax = 5;
const pauseMs = 500;
const pauseMsMax = 8000;

/**
 * Runs something until it succeeds, pausing longer each time, as long as its errors are transient: no answer, or a
 * fault of the server's. Anything else, and the last error, is thrown at once.
 */
export async function withRetries<T>(
  run: () => Promise<T>,
  { signal, tries = triesMax }: { signal?: AbortSignal; tries?: number } = {},
): Promise<T> {
  for (let failures = 0; ; ) {
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof ClientError) || !error.isTransient || ++failures >= tries) throw error;
      // Between half the pause and all of it, so that many clients do not come back at the same moment.
      const pause = pauseMs * 2 ** (failures - 1) * (0.5 + Math.random() / 2);
      await sleep(Math.min(Math.max(pause, (error.retryAfterSeconds ?? 0) * 1000), pauseMsMax), signal);
    }
  }
}

/** Resolves after so many milliseconds. Throws the signal's reason when that comes first. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
