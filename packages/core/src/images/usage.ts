/** Usage of an owner in a month, read from the rows that count its quotas. */
export * as Usage from "./usage.ts";

import * as v from "valibot";
import { fn } from "../fn.ts";
import { ID } from "../id.ts";
import { isConditionFailure } from "../records/record.ts";
import { UsageEntity } from "../table/usage-entity.ts";
import { backoff } from "../time.ts";

/** A month (UTC) such as `2026-11`. */
export const month = v.pipe(
  v.string(),
  v.regex(/^\d{4}-(0[1-9]|1[0-2])$/, "Must be a month such as 2026-11."),
);

const count = (description: string) =>
  v.pipe(v.number(), v.integer(), v.minValue(0), v.metadata({ format: "int64" }), v.description(description));

const counts = {
  uploads: count(
    "Images that were created, by copies and imports too, and repeated uses of a presigned form. Also those whose file never arrived.",
  ),
  bytes: count(
    "Bytes of these uploads as they were announced; of an import the largest size of a file. Not the bytes that are stored now.",
  ),
  changes: count(
    "Requests that update or restore an image, including those that were refused after the quota.",
  ),
  reprocesses: count(
    "Requests that make variants again: reprocesses, restores, and changes of a focal point, regions or visibility.",
  ),
  runs: count("Runs of the processor, retries included. Not those for images of the owner `default`."),
  renders: count("Lazy variants that were made on their first view."),
};

/** The numbers of an owner in a month: of each day with usage, and their sum. */
export const Info = v.pipe(
  v.object({
    owner: v.pipe(ID.owner, v.description("Owner whose usage this is.")),
    month: v.pipe(month, v.description("Month in UTC.")),
    total: v.pipe(v.object(counts), v.metadata({ ref: "UsageCounts" })),
    days: v.pipe(
      v.array(
        v.pipe(
          v.object({ date: v.pipe(v.string(), v.isoDate(), v.description("Day in UTC.")), ...counts }),
          v.metadata({ ref: "UsageDay" }),
        ),
      ),
      v.description("Days with usage, the first one first."),
    ),
  }),
  v.metadata({ ref: "Usage" }),
);
export type Info = v.InferOutput<typeof Info>;

type Counts = Info["total"];

const none: Counts = { uploads: 0, bytes: 0, changes: 0, reprocesses: 0, runs: 0, renders: 0 };
const names = Object.keys(none) as (keyof Counts)[];

/** Most rounds of requests for keys that a throttled batch left unprocessed. */
const roundsMax = 5;

/**
 * Reads an owner's usage in a month, this month by default: one batch of a row for each day (eventually consistent). Rows
 * are kept for 13 months.
 */
export const read = fn(
  v.object({ owner: ID.owner, month: v.optional(month), now: v.optional(v.number()) }),
  async ({ owner, now = Date.now(), month = dayOf(now).slice(0, 7) }): Promise<Info> => {
    const rows = await rowsOf(owner, daysOf(month, dayOf(now)));
    await Promise.all(rows.filter(({ replays }) => replays).map((row) => forgetReplays(row, now)));
    const total = { ...none };
    const days = rows
      .sort((a, b) => (a.day < b.day ? -1 : 1))
      .map((row) => {
        const counts = Object.fromEntries(names.map((name) => [name, row[name] ?? 0])) as Counts;
        for (const name of names) total[name] += counts[name];
        return { date: row.day, ...counts };
      });
    return { owner, month, total, days };
  },
);

const dayMs = 86_400_000;

const dayOf = (time: number) => new Date(time).toISOString().slice(0, 10);

/** Returns the days of a month up to `today`. */
function daysOf(month: string, today: string): string[] {
  const first = Date.parse(`${month}-01T00:00:00Z`);
  const days = Array.from({ length: 31 }, (_, index) => dayOf(first + index * dayMs));
  return days.filter((day) => day.startsWith(month) && day <= today);
}

type Row = NonNullable<Awaited<ReturnType<typeof getRow>>["data"]>;
const getRow = (owner: string, day: string) => UsageEntity.get({ owner, day }).go();

async function rowsOf(owner: string, days: readonly string[]): Promise<Row[]> {
  const rows: Row[] = [];
  let wanted = days.map((day) => ({ owner, day }));
  for (let round = 0; wanted.length > 0; round++) {
    // The SDK does not retry the keys that a throttled BatchGetItem leaves unprocessed.
    if (round >= roundsMax)
      throw new Error(`DynamoDB left ${wanted.length} keys unprocessed ${round} times.`);
    if (round > 0) await backoff(round);
    const { data, unprocessed } = await UsageEntity.get(wanted).go();
    rows.push(...data);
    wanted = unprocessed;
  }
  return rows;
}

/**
 * Removes the hashes of replayed uploads from the row of a day that has passed: up to 120 KB, which every later read would
 * pay for. A replay counts on the day on which it arrives.
 */
async function forgetReplays({ owner, day }: Row, now: number): Promise<void> {
  // A write that began before midnight may arrive after it.
  if (day >= dayOf(now - dayMs)) return;
  try {
    await UsageEntity.patch({ owner, day }).remove(["replays"]).go();
  } catch (error) {
    // The row has expired in between.
    if (!isConditionFailure(error)) throw error;
  }
}
