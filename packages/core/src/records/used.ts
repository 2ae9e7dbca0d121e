/**
 * Usage of the owner `default`, to whom everything of an app without tenants belongs. A row of one owner would be written
 * with every image, more often than a partition of DynamoDB takes. So it is counted in the sharded rows that count images
 * by status, which the same writes add to anyway; and once a day those numbers are kept as where the day began.
 */
export * as Used from "./used.ts";

import { ID } from "../id.ts";
import type { ImageRecord } from "../table/image-entity.ts";
import { TallyEntity } from "../table/tally-entity.ts";

/** Numbers since the stage exists, or of one day. */
export type Used = { uploads: number; bytes: number; changes: number; reprocesses: number; runs: number };

export const names = ["uploads", "bytes", "changes", "reprocesses", "runs"] as const;

/** Partition of an owner's rows, which no shard of the images has. */
export const partitionOf = (owner: string) => `of-${owner}`;

/** Partition of the numbers with which each day began. */
const days = partitionOf(ID.ownerDefault);

const dayMs = 86_400_000;

/** Days for which they are kept: 13 months, and the day after. */
const keptDays = 401;

/**
 * Returns what a write adds to the usage of its owner. Bytes count once processing has read them, and each content of an
 * image once.
 */
export function of(before: ImageRecord | undefined, after: ImageRecord): Used {
  const { status, last, version, etag, sha256, bytes = 0, attempt } = after;
  const isErased = status === "deleting" || status === "deleted";
  const isNew = before === undefined || before.status === "deleted";
  const isReplaced = before?.etag !== undefined && etag !== undefined && etag !== before.etag;
  const isAgain = status === "pending" && attempt > (before?.attempt ?? 0) && before?.etag !== undefined;
  const isChange = last.version === version && (last.type === "updated" || last.type === "restored");
  const isRead = sha256 !== undefined && sha256 !== before?.sha256;
  return {
    uploads: Number(!isErased && (isNew || isReplaced)),
    bytes: isRead ? bytes : 0,
    changes: Number(isChange),
    reprocesses: Number(isAgain),
    runs: Number(status === "processing" && attempt !== before?.attempt),
  };
}

/** Returns the sum of rows of counters. */
export const sumOf = (rows: readonly Partial<Used>[]): Used => {
  const sum = { uploads: 0, bytes: 0, changes: 0, reprocesses: 0, runs: 0 };
  for (const row of rows) for (const name of names) sum[name] += row[name] ?? 0;
  return sum;
};

/**
 * Keeps the numbers of now as those with which the day (UTC) begins, unless it has begun. The first day of a stage begins
 * with none. `read` reads the numbers of now.
 */
export async function begin(now: number, read: () => Promise<Used>): Promise<void> {
  const day = dayOf(now);
  const { data } = await TallyEntity.query
    .bySlot({ shard: days })
    .lte({ slot: day })
    .go({ order: "desc", limit: 1, pages: 1 });
  if (data[0]?.slot === day) return;
  const used = data[0] ? await read() : sumOf([]);
  const expiresAt = Math.ceil((now + keptDays * dayMs) / 1000);
  // A day that another process begins in between begins with its numbers or with these, which differ by seconds.
  await TallyEntity.update({ shard: days, slot: day })
    .set({ ...used, expiresAt })
    .go();
}

/** Reads the usage of each day of a month with any, given the numbers of `now`: one query. */
export async function ofMonth(month: string, now: Used): Promise<(Used & { day: string })[]> {
  const { data } = await TallyEntity.query
    .bySlot({ shard: days })
    .between({ slot: `${month}-01` }, { slot: "9" })
    // The days of a month, and the first one after it.
    .go({ limit: 32, pages: 1 });
  const used = data.map((row, index) => {
    const next = data[index + 1] ?? now;
    const of = Object.fromEntries(
      names.map((name) => [name, Math.max(0, (next[name] ?? 0) - (row[name] ?? 0))]),
    ) as Used;
    return { day: row.slot, ...of };
  });
  return used.filter((row) => row.day.startsWith(month) && names.some((name) => row[name] > 0));
}

const dayOf = (time: number) => new Date(time).toISOString().slice(0, 10);
