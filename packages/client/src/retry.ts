/** Retries with exponential backoff and jitter. */
import { ClientError } from "./problem.ts";

/** Five attempts take about eight seconds: long enough for a server to restart, short enough for a person to wait. */
const triesMax = 5;
const pauseMs = 500;
const pauseMsMax = 8000;

/**
 * Calls `run` until it resolves, at most `tries` times (5), with exponential backoff and jitter between attempts; a
 * longer `Retry-After` wins, up to 8 seconds. Rethrows the last error, and at once any error that is not transient.
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
      // Jitter between half the pause and all of it keeps many clients from retrying at the same moment.
      const pause = pauseMs * 2 ** (failures - 1) * (0.5 + Math.random() / 2);
      await sleep(Math.min(Math.max(pause, (error.retryAfterSeconds ?? 0) * 1000), pauseMsMax), signal);
    }
  }
}

/** Resolves after `ms` milliseconds. Rejects with the signal's reason if the signal aborts first. */
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
