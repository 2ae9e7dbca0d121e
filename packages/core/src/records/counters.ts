/**
 * Counting what happens to images, so that nobody has to look at all of them to know. A count follows its write and
 * is not part of it: a crash in between loses one, and the daily comparison puts the numbers right.
 */
export * as Counters from "./counters.ts";

import { codes } from "../engine/rejection.ts";
import { ID } from "../id.ts";
import { type ImageRecord, visibleStatuses } from "../table/image-entity.ts";
import { type Counter, type Minute, type Row, TallyEntity, type Time } from "../table/tally-entity.ts";

type Visible = (typeof visibleStatuses)[number];

/** How many images there are in each status. */
export type Census = Record<Visible, number>;

/** In seconds: images that became ready within the first, between the first and the second, ... and in more than the last. */
export const timesUpTo = [1, 2, 3, 5, 8, 15, 30, 60, 300] as const;

/** Later than any hour, as texts go, so that one query reads both. */
const slotNow = "now";

/** Hours are kept for a little longer than anybody can ask for. */
const keptMs = 4 * 86_400_000;

/** Counts what a write has changed. Never throws: the write has happened, and must not look as if it had not. */
export async function count(before: ImageRecord | undefined, after: ImageRecord): Promise<void> {
  await Promise.allSettled([
    add(after.shard, slotNow, moved(before?.status, after.status)),
    add(after.shard, hourOf(after.updatedAt), happened(before, after), Date.parse(after.updatedAt) + keptMs),
  ]);
}

/** Every row since an hour began, and those of `now`. Eight queries, whatever the number of images. */
export async function since(iso: string): Promise<{ hours: Row[]; now: Census }> {
  const pages = await Promise.all(
    ID.shards.map((shard) =>
      TallyEntity.query
        .bySlot({ shard })
        .gte({ slot: hourOf(iso) })
        .go({ pages: "all" }),
    ),
  );
  const rows = pages.flatMap(({ data }) => data);
  const now = rows.filter(({ slot }) => slot === slotNow);
  return { hours: rows.filter(({ slot }) => slot !== slotNow), now: censusOf((status) => sum(now, status)) };
}

/** How many images there are in each status, as counted. */
export async function now(): Promise<Census> {
  return (await since("9")).now;
}

/** How many of each visible status there are among these. */
export function census(statuses: readonly ImageRecord["status"][]): Census {
  return censusOf((status) => statuses.filter((each) => each === status).length);
}

/**
 * Puts the numbers of `now` right, after every image has been looked at. `before` are the numbers from before that:
 * what lies between them and today's may have changed meanwhile; only what lies outside is wrong for certain.
 */
export async function repair(counted: Census, before: Census): Promise<void> {
  const after = await now();
  const wrong = censusOf((status) => {
    const low = Math.min(before[status], after[status]);
    const high = Math.max(before[status], after[status]);
    return counted[status] - Math.min(Math.max(counted[status], low), high);
  });
  await add(ID.shards[0], slotNow, wrong);
}

/** The hour of a time, as it stands in keys. */
export const hourOf = (iso: string) => iso.slice(0, 13);

type Changes = Partial<Record<Counter, number>>;

async function add(shard: string, slot: string, changes: Changes, expiresMs?: number): Promise<void> {
  const given = Object.fromEntries(Object.entries(changes).filter(([, by]) => by !== 0)) as Changes;
  if (Object.keys(given).length === 0) return;
  // An `update` on purpose: whoever counts first makes the row.
  const update = TallyEntity.update({ shard, slot }).add(given);
  await (expiresMs ? update.set({ expiresAt: Math.ceil(expiresMs / 1000) }) : update).go();
}

/** One out of the old status, one into the new. */
function moved(from: string | undefined, to: string): Changes {
  return censusOf((status) => Number(status === to) - Number(status === from));
}

/** What an image has come to with this write; nothing while it is on its way. */
function happened(before: ImageRecord | undefined, after: ImageRecord): Changes {
  const { status, last, version, updatedAt, error } = after;
  if (last.version !== version) return {};
  switch (last.type) {
    case "ready":
      return { ready: 1, [minuteOf(updatedAt)]: 1, [timeOf(before, after)]: 1 };
    case "rejected":
      return { rejected: 1, ...(isCode(error?.code) ? { [error.code]: 1 } : {}) };
    case "failed":
      return { failed: 1 };
    case "deleted":
      return before?.status !== status ? { deleted: 1 } : {};
    default:
      return {};
  }
}

const minuteOf = (iso: string): Minute => `m${iso.slice(14, 16)}` as Minute;

/** From the announcement, or the first sight of the upload, to ready; the next times, from being sent through again. */
function timeOf(before: ImageRecord | undefined, after: ImageRecord): Time {
  const from = before?.processedAt === undefined ? after.createdAt : before.last.at;
  const seconds = (Date.parse(after.updatedAt) - Date.parse(from)) / 1000;
  const index = timesUpTo.findIndex((most) => seconds <= most);
  return `t${index < 0 ? timesUpTo.length : index}` as Time;
}

const isCode = (code: string | undefined): code is (typeof codes)[number] =>
  codes.some((known) => known === code);

/** The sum of one counter over several rows. */
export const sum = (rows: readonly Row[], counter: Counter) =>
  rows.reduce((total, row) => total + (row[counter] ?? 0), 0);

const censusOf = (of: (status: Visible) => number) =>
  Object.fromEntries(visibleStatuses.map((status) => [status, of(status)])) as Census;
