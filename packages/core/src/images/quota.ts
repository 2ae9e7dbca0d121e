/** Quotas of an owner, so that a stolen token is neither free storage nor free processing. */
export * as Quota from "./quota.ts";

import { createHash } from "node:crypto";
import { VisibleError } from "../error.ts";
import { ID } from "../id.ts";
import { isConditionFailure, readMany } from "../records/record.ts";
import { UsageEntity } from "../table/usage-entity.ts";
import { Slots } from "./slots.ts";

/** Limits of one owner; 0: no limit. A day is a day in UTC. */
export type Limits = {
  pendingMax: number;
  uploadsPerDayMax: number;
  bytesPerDayMax: number;
  reprocessesPerDayMax: number;
  changesPerDayMax: number;
};

/** Numbers of one owner's day, by counter. */
type Usage = Partial<Record<"uploads" | "bytes" | "reprocesses" | "changes", number>>;

const dayMs = 86_400_000;

/** Days for which `GET /usage` reads the numbers of a day: 13 months. */
const keptDays = 400;

/** Most replays of one owner in a day, whichever the limits: each adds 12 bytes to the row, and a row holds 400 KB. */
const replaysMax = 10_000;

/** Time in which the record of a new upload must follow its slot. */
const graceMs = 60_000;

/**
 * Takes one upload of `bytes` from an owner's quota of today, and one of its slots for pending uploads until the bytes
 * arrive, the image is deleted or `seconds` are over. The upload is not given back if the bytes never arrive. Throws
 * `quota_exceeded` with the time until a retry can succeed.
 */
export async function take(
  upload: { owner: string; imageID: string; bytes: number; seconds: number },
  limits: Limits,
): Promise<void> {
  const { owner, imageID, bytes, seconds } = upload;
  const { pendingMax } = limits;
  const slot = { owner, kind: "pending", holder: imageID } as const;
  if (pendingMax > 0 && !(await Slots.take({ ...slot, max: pendingMax, seconds, done }))) {
    throw new VisibleError(
      "quota_exceeded",
      `${pendingMax} created uploads wait for their bytes. Send or delete some of them first.`,
      { retryAfterSeconds: 60 },
    );
  }
  try {
    await count(owner, { uploads: 1, bytes }, limits);
  } catch (error) {
    if (pendingMax > 0) await Slots.release(slot);
    throw error;
  }
}

/** Takes one reprocess from an owner's quota of today. Throws like `take`. */
export const reprocess = (owner: string, limits: Limits): Promise<void> =>
  count(owner, { reprocesses: 1 }, limits);

/**
 * Takes one change of an image from an owner's quota of today, in the same write one reprocess if its variants are made
 * again. Throws like `take`.
 */
export const change = (
  { owner, isReprocess }: { owner: string; isReprocess: boolean },
  limits: Limits,
): Promise<void> => count(owner, { changes: 1, ...(isReprocess && { reprocesses: 1 }) }, limits);

/**
 * Takes a replayed upload of `bytes` from an owner's quota of today: an upload whose presigned form was used before. Each
 * `event` counts once, however often it comes. Returns false if the quota is used up.
 */
export async function replay(
  replayed: { owner: string; event: string; bytes: number },
  limits: Pick<Limits, "uploadsPerDayMax" | "bytesPerDayMax">,
): Promise<boolean> {
  const { owner, event, bytes } = replayed;
  const { uploadsPerDayMax, bytesPerDayMax } = limits;
  if (uploadsPerDayMax === 0 && bytesPerDayMax === 0) return true;
  const { day, expiresAt } = today();
  const mark = createHash("sha256").update(event).digest("base64url").slice(0, 11);
  try {
    await UsageEntity.update({ owner, day })
      .add({ uploads: 1, bytes, replays: [mark] })
      .set({ expiresAt })
      .where((row, { notExists, lte, size, value, notContains }) =>
        [
          ...(uploadsPerDayMax > 0
            ? [`(${notExists(row.uploads)} OR ${lte(row.uploads, uploadsPerDayMax - 1)})`]
            : []),
          ...(bytesPerDayMax > 0
            ? [`(${notExists(row.bytes)} OR ${lte(row.bytes, bytesPerDayMax - bytes)})`]
            : []),
          `(${notExists(row.replays)} OR (${notContains(row.replays, mark)} AND ${size(row.replays)} < ${value(row.uploads, replaysMax)}))`,
        ].join(" AND "),
      )
      .go();
    return true;
  } catch (error) {
    if (!isConditionFailure(error)) throw error;
  }
  // Used up, or counted before. A write tells which: the processor has no right to read an owner's items.
  try {
    await UsageEntity.update({ owner, day })
      .set({ expiresAt })
      .where((row, { contains }) => contains(row.replays, mark))
      .go();
    return true;
  } catch (error) {
    if (isConditionFailure(error)) return false;
    throw error;
  }
}

/**
 * Counts one run of the processor for an image of this owner. Returns false if the owner's share of today is used up: then
 * the image waits. Every run counts, retries included, because each has its cost. Images of the owner `default` are those
 * of the operator's own keys and S3 clients, and have no share.
 */
export async function run(
  owner: string,
  { processedPerOwnerMax: most }: { processedPerOwnerMax: number },
): Promise<boolean> {
  return most === 0 || owner === ID.ownerDefault || countOne(owner, "runs", most);
}

/**
 * Counts one lazy file that is made of an image of this owner. Returns false if the day's renders are used up, or the
 * owner's quarter of them: then no file is made until the next day. Like `run`, no owner reaches the limit of all alone.
 */
export async function render(
  owner: string,
  { rendersPerDayMax: most }: { rendersPerDayMax: number },
): Promise<boolean> {
  if (most === 0) return true;
  const isDefault = owner === ID.ownerDefault;
  if (!isDefault && !(await countOne(owner, "renders", Math.ceil(most / 4)))) return false;
  // The row of `default` has both counters, so that one write counts both.
  return countOne(ID.ownerDefault, "rendersOfAll", most, isDefault ? { renders: 1 } : {});
}

/** Returns the seconds until the next day (UTC), when every quota is full again. */
export const secondsLeft = (now = Date.now()): number => Math.ceil((dayMs - (now % dayMs)) / 1000);

/**
 * Adds one to a counter of an owner's day, and `others` to others, unless it has reached its maximum: then returns false.
 */
async function countOne(
  owner: string,
  counter: "runs" | "renders" | "rendersOfAll",
  most: number,
  others: { renders?: number } = {},
): Promise<boolean> {
  const { day, expiresAt } = today();
  try {
    await UsageEntity.update({ owner, day })
      .add({ [counter]: 1, ...others })
      .set({ expiresAt })
      .where((row, { notExists, lte }) => `${notExists(row[counter])} OR ${lte(row[counter], most - 1)}`)
      .go();
    return true;
  } catch (error) {
    if (isConditionFailure(error)) return false;
    throw error;
  }
}

/** Finds the images that no longer wait for their bytes. An image that is pending for a reprocess has its bytes. */
async function done(slots: Parameters<NonNullable<Slots.Wanted["done"]>>[0]): Promise<Set<string>> {
  const records = new Map(
    (await readMany(slots.map(({ holder }) => holder))).map((record) => [record.imageID, record]),
  );
  const over = slots.filter(({ holder, takenAt }) => {
    const record = records.get(holder);
    return record ? record.status !== "pending" || record.etag !== undefined : takenAt < Date.now() - graceMs;
  });
  return new Set(over.map(({ holder }) => holder));
}

async function count(owner: string, usage: Usage, limits: Limits): Promise<void> {
  const most = {
    uploads: limits.uploadsPerDayMax,
    bytes: limits.bytesPerDayMax,
    reprocesses: limits.reprocessesPerDayMax,
    changes: limits.changesPerDayMax,
  };
  const limited = (Object.entries(usage) as [keyof Usage, number][]).filter(([name]) => most[name] > 0);
  if (limited.length === 0) return;
  const now = Date.now();
  try {
    if (limited.some(([name, by]) => by > most[name])) throw exceeded(now, limited, most);
    // An `update` with its own condition: the first one of a day creates the row.
    const { day, expiresAt } = today(now);
    await UsageEntity.update({ owner, day })
      .add(usage)
      .set({ expiresAt })
      .where((row, { notExists, lte }) =>
        limited
          .map(([name, by]) => `(${notExists(row[name])} OR ${lte(row[name], most[name] - by)})`)
          .join(" AND "),
      )
      .go();
  } catch (error) {
    throw isConditionFailure(error) ? exceeded(now, limited, most) : error;
  }
}

/** The day (UTC) of a time, and when its row expires, in seconds since 1970. */
const today = (now = Date.now()) => ({
  day: new Date(now).toISOString().slice(0, 10),
  expiresAt: Math.ceil((now + keptDays * dayMs) / 1000),
});

function exceeded(now: number, limited: [keyof Usage, number][], most: Required<Usage>): VisibleError {
  const allowed = limited.map(([name]) => `${most[name]} ${name}`).join(" and ");
  return new VisibleError(
    "quota_exceeded",
    `The owner's quota for today is used up: ${allowed} a day (UTC). Try again tomorrow.`,
    { retryAfterSeconds: secondsLeft(now) },
  );
}
