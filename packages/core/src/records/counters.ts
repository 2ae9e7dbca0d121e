/**
 * Counters of images by status and of transitions by hour, so that statistics read no images. A count follows its
 * write and is not part of it: a crash in between loses it, and the daily comparison corrects the counters.
 */
export * as Counters from "./counters.ts";

import { ID } from "../id.ts";
import { type ImageRecord, visibleStatuses } from "../table/image-entity.ts";
import {
  type Counter,
  type Minute,
  type Row,
  rejectionCodes,
  TallyEntity,
  type Time,
} from "../table/tally-entity.ts";
import { Stored } from "./stored.ts";
import { Used } from "./used.ts";

type Visible = (typeof visibleStatuses)[number];

/** Number of images in each status. */
export type Census = Record<Visible, number>;

/** Upper bounds in seconds of the histogram of times to ready; its last bucket has none. */
export const timesUpTo = [1, 2, 3, 5, 8, 15, 30, 60, 300] as const;

/** Slot of the current numbers. Sorts after every hour, so that one query reads both. */
const slotNow = "now";

/** Life of an hour's row, longer than statistics reach back. */
const keptMs = 4 * 86_400_000;

/** Counts the change of a write. Never throws: the write has succeeded, and a lost count must not fail it. */
export async function count(before: ImageRecord | undefined, after: ImageRecord): Promise<void> {
  const shard = ID.shardOf(after.imageID);
  const used = after.owner === ID.ownerDefault ? Used.of(before, after) : {};
  await Promise.allSettled([
    ...addNow(before, after, used),
    add(shard, hourOf(after.updatedAt), happened(before, after), Date.parse(after.updatedAt) + keptMs),
  ]);
}

/**
 * Counts an image that a copy brought, as an image in its status and with its bytes, and not as a transition or an upload.
 * Never throws, like `count`.
 */
export async function move(before: ImageRecord | undefined, after: ImageRecord): Promise<void> {
  await Promise.allSettled(addNow(before, after));
}

/** Adds what a write changes in the current numbers: one row for images of `default`, else a second one of the owner. */
function addNow(
  before: ImageRecord | undefined,
  after: ImageRecord,
  used: Partial<Used.Used> = {},
): Promise<void>[] {
  const shard = ID.shardOf(after.imageID);
  const statuses = moved(before?.status, after.status);
  const stored = Stored.rules.change(before, after);
  return after.owner === ID.ownerDefault
    ? [add(shard, slotNow, { ...statuses, ...stored, ...used })]
    : [add(shard, slotNow, statuses), add(Used.partitionOf(after.owner), slotNow, stored)];
}

/**
 * Reads every row since the start of an hour, and the current numbers: eight queries, regardless of the number of
 * images.
 */
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

/** Reads the current number of images in each status. */
export async function now(): Promise<Census> {
  return (await since("9")).now;
}

/** Reads what an owner has stored, as it is counted: one query for an owner, eight for `default`. */
export async function storedOf(owner: string): Promise<Stored.Counted> {
  const rows = owner === ID.ownerDefault ? await rowsOfNow() : await rowsAtNow(Used.partitionOf(owner));
  const names = Object.keys(Stored.none) as (keyof Stored.Counted)[];
  return Object.fromEntries(names.map((name) => [name, sum(rows, name)])) as Stored.Counted;
}

/** Reads the usage of the owner `default` since the stage exists. */
export const used = async (): Promise<Used.Used> => Used.sumOf(await rowsOfNow());

const rowsOfNow = async () => (await Promise.all(ID.shards.map(rowsAtNow))).flat();

const rowsAtNow = async (shard: string) =>
  (await TallyEntity.query.bySlot({ shard }).gte({ slot: slotNow }).go({ pages: "all" })).data;

/**
 * The longest time between a record's `updatedAt` and its count, in milliseconds: twice four attempts of 5 s, for the
 * write and for the count, their backoff, and the difference between two clocks.
 */
export const lagMs = 120_000;

/** Statuses of all images by id, as a complete scan read them, and the ids of those that had just been written. */
export type Scanned = { statuses: Map<string, ImageRecord["status"]>; recent: Set<string> };

/**
 * Corrects the current numbers after a scan that read every image. `before` are the numbers from before the scan, and
 * `recent` the images written since `lagMs` before that: their counts may be in `before`, or only follow. So a number
 * within their reach is left alone, and a later scan corrects it.
 */
export async function repair({ statuses, recent }: Scanned, before: Census): Promise<void> {
  const counted = censusOf(() => 0);
  for (const status of statuses.values()) if (isVisible(status)) counted[status]++;
  const wrong = censusOf((status) => {
    const arrived = [...recent].filter((imageID) => statuses.get(imageID) === status).length;
    const low = before[status] - (recent.size - arrived);
    const high = before[status] + arrived;
    return counted[status] - Math.min(Math.max(counted[status], low), high);
  });
  await add(ID.shards[0], slotNow, wrong);
}

/** Corrects what an owner has stored after a scan that read every image. `before` are the totals from before it. */
export async function repairStored(
  owner: string,
  scanned: Stored.Scanned,
  before: Stored.Counted,
): Promise<void> {
  const wrong = Stored.rules.correction(scanned, before, await storedOf(owner));
  await add(owner === ID.ownerDefault ? ID.shards[0] : Used.partitionOf(owner), slotNow, wrong);
}

/** Returns the hour of a time, as used in keys. */
export const hourOf = (iso: string) => iso.slice(0, 13);

type Changes = Partial<Record<Counter, number>>;

async function add(shard: string, slot: string, changes: Changes, expiresMs?: number): Promise<void> {
  const given = Object.fromEntries(Object.entries(changes).filter(([, by]) => by !== 0)) as Changes;
  if (Object.keys(given).length === 0) return;
  // An `update` without condition on purpose: the first count creates the row.
  const update = TallyEntity.update({ shard, slot }).add(given);
  await (expiresMs ? update.set({ expiresAt: Math.ceil(expiresMs / 1000) }) : update).go();
}

/** Moves one image from the old status to the new one. */
function moved(from: string | undefined, to: string): Changes {
  return censusOf((status) => Number(status === to) - Number(status === from));
}

/** Returns the counters of the transition that a write made; none for an unfinished image. */
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

/** Returns the bucket of the time to ready: since the image was created, or since it was last reprocessed. */
function timeOf(before: ImageRecord | undefined, after: ImageRecord): Time {
  const from = before?.processedAt === undefined ? after.createdAt : before.last.at;
  const seconds = (Date.parse(after.updatedAt) - Date.parse(from)) / 1000;
  const index = timesUpTo.findIndex((most) => seconds <= most);
  return `t${index < 0 ? timesUpTo.length : index}` as Time;
}

const isCode = (code: string | undefined): code is (typeof rejectionCodes)[number] =>
  rejectionCodes.some((known) => known === code);

/** Sums one counter over several rows. */
export const sum = (rows: readonly Row[], counter: Counter) =>
  rows.reduce((total, row) => total + (row[counter] ?? 0), 0);

const isVisible = (status: ImageRecord["status"]): status is Visible =>
  visibleStatuses.some((visible) => visible === status);

const censusOf = (of: (status: Visible) => number) =>
  Object.fromEntries(visibleStatuses.map((status) => [status, of(status)])) as Census;
