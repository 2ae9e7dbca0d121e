/**
 * Usage of an owner in a month, read from the rows that count its quotas; that of `default` from counters of all its images
 * (`records/used.ts`). And what the owner has stored now.
 */
export * as Usage from "./usage.ts";

import * as v from "valibot";
import { fn } from "../fn.ts";
import { ID } from "../id.ts";
import { Counters } from "../records/counters.ts";
import { isConditionFailure } from "../records/record.ts";
import { Used } from "../records/used.ts";
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
    "Bytes of these uploads as they were announced; of an import the largest size of a file. For the owner `default`, the bytes that arrived and could be read.",
  ),
  changes: count(
    "Requests that update or restore an image, or that create, change, rotate, test or retry a webhook, including those that were refused after the quota. For the owner `default`, the changes that were made.",
  ),
  reprocesses: count(
    "Requests that make variants again: reprocesses, restores, and changes of a focal point, regions or visibility.",
  ),
  runs: count("Runs of the processor, retries included."),
  renders: count("Lazy variants that were made on their first view."),
};

const stored = {
  images: count("Images whose original is stored, those in the trash included."),
  originalBytes: count("Bytes of their originals."),
  variantBytes: count(
    "Bytes of their variants. Without lazy files, files that were replaced within the last day, and noncurrent versions.",
  ),
};

/** The numbers of an owner in a month: of each day with usage, and their sum; and what is stored now. */
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
    stored: v.pipe(
      v.object(stored),
      v.description(
        "Stored now, whichever the month. Eventually consistent, and compared with all images once a day.",
      ),
      v.metadata({ ref: "UsageStored" }),
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
 * Reads an owner's usage in a month, this month by default: one batch of a row for each day, and one of what is stored
 * (eventually consistent); for `default`, nine queries more. Rows are kept for 13 months.
 */
export const read = fn(
  v.object({ owner: ID.owner, month: v.optional(month), now: v.optional(v.number()) }),
  async ({ owner, now = Date.now(), month = dayOf(now).slice(0, 7) }): Promise<Info> => {
    const [rows, used, counted] = await Promise.all([
      rowsOf(owner, daysOf(month, dayOf(now))),
      owner === ID.ownerDefault ? usedIn(month, now) : undefined,
      Counters.storedOf(owner),
    ]);
    await Promise.all(rows.filter(({ replays }) => replays).map((row) => forgetReplays(row, now)));
    const total = { ...none };
    const days = (used ? withRenders(used, rows) : rows)
      .sort((a, b) => (a.day < b.day ? -1 : 1))
      .map((row) => {
        const counts = Object.fromEntries(names.map((name) => [name, row[name] ?? 0])) as Counts;
        for (const name of names) total[name] += counts[name];
        return { date: row.day, ...counts };
      });
    const { images, originalBytes, variantBytes } = counted;
    // A count may follow that of a later write: less than nothing is nothing.
    const stored = {
      images: Math.max(0, images),
      originalBytes: Math.max(0, originalBytes),
      variantBytes: Math.max(0, variantBytes),
    };
    return { owner, month, total, days, stored };
  },
);

/** Reads the usage of the owner `default` in each day of a month. */
async function usedIn(month: string, now: number): Promise<Day[]> {
  await Used.begin(now, Counters.used);
  return Used.ofMonth(month, await Counters.used());
}

/** Adds the renders of the owner `default`, which are counted by day, to its other numbers. */
function withRenders(used: readonly Day[], rows: readonly Row[]): Day[] {
  const days = new Map<string, Day>(used.map((day) => [day.day, day]));
  for (const { day, renders = 0 } of rows) if (renders > 0) days.set(day, { ...days.get(day), day, renders });
  return [...days.values()];
}

type Day = { day: string } & Partial<Counts>;

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
