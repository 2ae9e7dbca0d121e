/** Statistics from counters: images by status now, and results by hour. */
export * as Stats from "./stats.ts";

import { Resource } from "sst";
import * as v from "valibot";
import { Queue } from "../aws/queue.ts";
import { fn } from "../fn.ts";
import { Counters } from "../records/counters.ts";
import { visibleStatuses } from "../table/image-entity.ts";
import { type Minute, type Row, rejectionCodes, type Time } from "../table/tally-entity.ts";
import { wholeSeconds } from "../time.ts";

const count = (description: string) =>
  v.pipe(v.number(), v.integer(), v.minValue(0), v.metadata({ format: "int64" }), v.description(description));
const seconds = (description: string) => v.pipe(v.number(), v.description(description));

const Now = v.pipe(
  v.object({
    pending: count("Created, or waiting in the queue."),
    processing: count("Being processed."),
    ready: count("Ready."),
    rejected: count("Rejected: the files are at fault."),
    failed: count("Failed: the service is at fault."),
    trashed: count("In the trash."),
  }),
  v.metadata({ ref: "ImageCounts" }),
);

const Depth = v.pipe(
  v.object({
    waiting: count("Messages waiting."),
    taken: count("Messages in flight."),
    deadLetters: count("Messages in the dead-letter queue."),
  }),
  v.metadata({ ref: "QueueDepth" }),
);

const Hour = v.pipe(
  v.object({
    at: v.pipe(v.string(), v.isoTimestamp(), v.description("Start of the hour, in UTC.")),
    ready: count("Images that became ready."),
    rejected: count("Images that were rejected."),
    failed: count("Images that failed."),
    deleted: count("Images that were deleted."),
  }),
  v.metadata({ ref: "HourCounts" }),
);

const TimeToReady = v.pipe(
  v.object({
    p50: v.optional(seconds("Median; absent if it is over 300 s.")),
    p95: v.optional(seconds("95th percentile; absent if it is over 300 s.")),
    times: v.pipe(
      v.array(
        v.pipe(
          v.object({
            upTo: v.optional(seconds("Upper bound in seconds; absent for the last bucket.")),
            count: count("Images in this bucket."),
          }),
          v.metadata({ ref: "TimeCount" }),
        ),
      ),
      v.description("Histogram, shortest first."),
    ),
  }),
  v.metadata({ ref: "TimeToReady" }),
);

const Rejections = v.pipe(
  v.object({
    code: v.pipe(v.string(), v.description("Code. More codes may be added.")),
    count: count("Number of rejections."),
  }),
  v.metadata({ ref: "RejectionCount" }),
);

export const Info = v.pipe(
  v.object({
    at: v.pipe(v.string(), v.isoTimestamp(), v.description("Time of the statistics, in UTC.")),
    /** Of all owners, now. */
    images: Now,
    /** Processing queue, now; approximate, as SQS counts. */
    queue: Depth,
    hours: v.pipe(v.array(Hour), v.description("Each requested hour, oldest first.")),
    readyByMinute: v.pipe(
      v.array(count("Images.")),
      v.description("Images that became ready in each of the last 60 minutes, oldest first."),
    ),
    /** In these hours: since the image was created. */
    timeToReady: TimeToReady,
    rejections: v.pipe(v.array(Rejections), v.description("Rejections in these hours, most frequent first.")),
  }),
  v.metadata({ ref: "Stats" }),
);
export type Info = v.InferOutput<typeof Info>;

const hourMs = 3_600_000;
const minuteMs = 60_000;

/** Most hours in a request. */
export const hoursMax = 48;

/** Reads the statistics of the last `hours`, the current one included. */
export const read = fn(
  v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(hoursMax)),
  async (hours): Promise<Info> => {
    const at = Date.now();
    const starts = Array.from({ length: hours }, (_, i) => iso(at - (hours - 1 - i) * hourMs));
    // Also the hour before: its last minutes are among the last 60.
    const [tally, queue, deadLetters] = await Promise.all([
      Counters.since(iso(at - Math.max(1, hours - 1) * hourMs)),
      Queue.depth(Resource.Processing.url),
      Queue.deadLetters(),
    ]);
    const rowsOf = (start: string) => tally.hours.filter(({ slot }) => slot === Counters.hourOf(start));
    const rows = starts.flatMap(rowsOf);
    return {
      at: wholeSeconds(iso(at)),
      images: countsOf(tally.now),
      queue: { ...queue, deadLetters },
      hours: starts.map((start) => hourOf(start, rowsOf(start))),
      readyByMinute: Array.from({ length: 60 }, (_, i) => {
        const minute = iso(at - (59 - i) * minuteMs);
        return Counters.sum(rowsOf(minute), `m${minute.slice(14, 16)}` as Minute);
      }),
      timeToReady: timeToReady(rows),
      rejections: rejectionCodes
        .map((code) => ({ code, count: Counters.sum(rows, code) }))
        .filter(({ count }) => count > 0)
        .sort((a, b) => b.count - a.count),
    };
  },
);

/** Clamps counts to 0: a lost count may leave a negative one until the next comparison. */
const countsOf = (census: Counters.Census): Counters.Census =>
  Object.fromEntries(
    visibleStatuses.map((status) => [status, Math.max(0, census[status])]),
  ) as Counters.Census;

const hourOf = (start: string, rows: readonly Row[]) => ({
  at: `${Counters.hourOf(start)}:00:00Z`,
  ready: Counters.sum(rows, "ready"),
  rejected: Counters.sum(rows, "rejected"),
  failed: Counters.sum(rows, "failed"),
  deleted: Counters.sum(rows, "deleted"),
});

function timeToReady(rows: readonly Row[]): Info["timeToReady"] {
  const times = Array.from({ length: Counters.timesUpTo.length + 1 }, (_, i) => {
    const upTo = Counters.timesUpTo[i];
    return { ...(upTo === undefined ? {} : { upTo }), count: Counters.sum(rows, `t${i}` as Time) };
  });
  const p50 = percentile(times, 0.5);
  const p95 = percentile(times, 0.95);
  return { ...(p50 === undefined ? {} : { p50 }), ...(p95 === undefined ? {} : { p95 }), times };
}

/**
 * Estimates a percentile from the histogram, by linear interpolation between two bounds. Undefined without images, or
 * beyond the last bound.
 */
export function percentile(times: Info["timeToReady"]["times"], share: number): number | undefined {
  const wanted = times.reduce((total, { count }) => total + count, 0) * share;
  let passed = 0;
  let from = 0;
  for (const { upTo, count } of times) {
    if (upTo === undefined) return undefined;
    if (count > 0 && passed + count >= wanted) {
      return Math.round((from + ((upTo - from) * (wanted - passed)) / count) * 10) / 10;
    }
    passed += count;
    from = upTo;
  }
  return undefined;
}

const iso = (ms: number) => new Date(ms).toISOString();
