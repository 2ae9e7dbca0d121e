/** Formats a time for responses: whole seconds, UTC. Swift's generated clients reject fractions of a second. */
export const wholeSeconds = (iso: string) => `${iso.slice(0, 19)}Z`;

/** Waits before retry number `retry` (from 1): a random time of up to 200 ms, doubled with each retry up to 2 seconds. */
export const backoff = (retry: number): Promise<void> =>
  // The global timer, which tests replace, and not node:timers/promises.
  new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(2_000, 200 * 2 ** (retry - 1))));
