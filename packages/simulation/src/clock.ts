/**
 * Time that stands still until somebody moves it. It takes the place of `Date` in this process, so that a day of
 * leases, visibility timeouts and retries passes in no time at all.
 */
import type { Clock } from "@image-pipeline/local/queue";
import { jobHere } from "./jobs.ts";

type Timer = { at: number; run: () => void };

const realSetTimeout = globalThis.setTimeout;

/** Sleeps this short are back-off between tries of one request; a job's pass at once. */
const backOffMs = 2_000;

let time = Date.UTC(2026, 0, 1);
/** By when they are due; those due at the same moment in the order in which they were set. */
let timers: Timer[] = [];

/** What it is now, for whoever asks in no job's name. */
export const now = (): number => time;

/** The clock for queues and stores. */
export const clock: Clock = {
  now,
  after: (ms, run) => {
    const timer = { at: time + ms, run };
    timers.splice(placeOf(timer.at), 0, timer);
    return () => {
      const place = timers.indexOf(timer);
      if (place >= 0) timers.splice(place, 1);
    };
  },
};

/** When the next timer runs; undefined where there is none. */
export const nextTimer = (): number | undefined => timers[0]?.at;

/** Behind every timer that is due no later than `at`. */
function placeOf(at: number): number {
  let [low, high] = [0, timers.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((timers[middle]?.at ?? at) > at) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Takes all timers away: whoever set them is gone. */
export function forgetTimers(): void {
  timers = [];
}

/** Moves time on, running what falls due in order; `meanwhile` after each, for what it sets going. */
export async function advance(ms: number, meanwhile: () => Promise<void>): Promise<void> {
  const until = time + ms;
  for (;;) {
    const [due] = timers;
    if (!due || due.at > until) break;
    timers.shift();
    time = Math.max(time, due.at);
    due.run();
    await meanwhile();
  }
  time = until;
}

/** Puts this clock into every module of the process. A job's own clock may be a few seconds off. */
export function takeOver(): void {
  const RealDate = Date;
  const here = () => time + (jobHere()?.skewMs ?? 0);
  class VirtualDate extends RealDate {
    constructor(...given: [] | [number | string | Date] | [number, number]) {
      if (given.length === 0) super(here());
      else super(...(given as [number]));
    }
    static override now() {
      return here();
    }
  }
  globalThis.Date = VirtualDate as DateConstructor;
  const patient = (run: () => void, ms = 0, ...given: []) =>
    realSetTimeout(run, jobHere() && ms < backOffMs ? 0 : ms, ...given);
  globalThis.setTimeout = Object.assign(patient, realSetTimeout) as typeof setTimeout;
}
