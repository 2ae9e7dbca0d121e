/** Times of the attempts at a delivery: the schedule of the Standard Webhooks specification, about three days in all. */
export * as Schedule from "./schedule.ts";

const [second, minute, hour] = [1_000, 60_000, 3_600_000];

/** Longest pause of an endpoint. */
export const pauseMax = hour;

/** Milliseconds before each attempt, from the first. */
export const delays = [
  0,
  5 * second,
  5 * minute,
  30 * minute,
  2 * hour,
  5 * hour,
  10 * hour,
  14 * hour,
  20 * hour,
  24 * hour,
] as const;

/** Share of a delay by which it varies, so that deliveries that failed together are not repeated together. */
const jitter = 0.1;

/** Longest `Retry-After` that is heeded. */
const retryAfterMax = 24 * hour;

/** Returns the milliseconds before the next attempt after `tries` attempts; undefined after the last. */
export function delayAfter(tries: number, retryAfterMs = 0, random = Math.random()): number | undefined {
  const delay = delays[tries];
  if (delay === undefined) return undefined;
  return Math.max(delay * (1 + jitter * (2 * random - 1)), Math.min(retryAfterMs, retryAfterMax));
}

/** Failed attempts in a row, without a success in between, after which an endpoint is paused. */
export const failuresMax = 5;

/**
 * Returns the milliseconds for which an endpoint is paused after so many failed attempts in a row: none up to four, then
 * a minute, doubled with each, up to an hour.
 */
export const pauseAfter = (failures: number): number =>
  failures < failuresMax ? 0 : Math.min(pauseMax, minute * 2 ** (failures - failuresMax));

/**
 * Milliseconds after which a receiver that has not answered an attempt is slow: further deliveries to it go to the queue
 * of slow receivers, until it accepts one within this time. Receivers that stall thus take no more of the sender's
 * concurrency than what they are sent in this time.
 */
export const slowMs = 2_000;

/** Time without a success, since the first failure, after which an endpoint is disabled. */
export const disabledAfterMs = 72 * hour;

/** Time for which the secret before a rotation signs as well. */
export const previousSecretMs = 24 * hour;
