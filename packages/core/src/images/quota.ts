/** Quotas of an owner's uploads, so that a stolen token is not free storage. */
export * as Quota from "./quota.ts";

import { VisibleError } from "../error.ts";
import { isConditionFailure } from "../records/record.ts";
import { ImageEntity } from "../table/image-entity.ts";
import { UsageEntity } from "../table/usage-entity.ts";

/** Limits in uploads and bytes; 0: no limit. A day is a day in UTC. */
export type Limits = { pendingMax: number; uploadsPerDayMax: number; bytesPerDayMax: number };

const dayMs = 86_400_000;

/**
 * Takes one upload of `bytes` from an owner's quota of today. Not given back if the bytes never arrive. Throws
 * `quota_exceeded` with the time until a retry can succeed.
 */
export async function take(owner: string, bytes: number, limits: Limits): Promise<void> {
  if (limits.pendingMax > 0) await mayWait(owner, limits.pendingMax);
  if (limits.uploadsPerDayMax > 0 || limits.bytesPerDayMax > 0) await count(owner, bytes, limits);
}

/** Checks the number of pending uploads. Images that are pending again for a reprocess do not count. */
async function mayWait(owner: string, pendingMax: number): Promise<void> {
  const { data } = await ImageEntity.query
    .byOwnerStatus({ owner, status: "pending" })
    .gt({ createdAt: new Date(Date.now() - dayMs).toISOString() })
    .go({ limit: pendingMax, pages: 1, order: "desc", attributes: ["etag", "dueAt"] });
  if (data.filter(({ etag }) => etag === undefined).length < pendingMax) return;
  throw new VisibleError(
    "quota_exceeded",
    `${pendingMax} announced images wait for their bytes. Send or delete some of them first.`,
    { retryAfterSeconds: 60 },
  );
}

async function count(owner: string, bytes: number, limits: Limits): Promise<void> {
  const now = Date.now();
  const uploadsMax = limits.uploadsPerDayMax || Number.MAX_SAFE_INTEGER;
  const bytesMax = limits.bytesPerDayMax || Number.MAX_SAFE_INTEGER;
  const expiresAt = Math.ceil((now + 2 * dayMs) / 1000);
  try {
    if (bytes > bytesMax) throw exceeded(now, limits);
    // An `update` with its own condition: the first upload of a day creates the row.
    await UsageEntity.update({ owner, day: new Date(now).toISOString().slice(0, 10) })
      .add({ uploads: 1, bytes })
      .set({ expiresAt })
      .where(
        (row, { notExists, lt, lte }) =>
          `${notExists(row.uploads)} OR (${lt(row.uploads, uploadsMax)} AND ${lte(row.bytes, bytesMax - bytes)})`,
      )
      .go();
  } catch (error) {
    throw isConditionFailure(error) ? exceeded(now, limits) : error;
  }
}

const exceeded = (now: number, { uploadsPerDayMax, bytesPerDayMax }: Limits) =>
  new VisibleError(
    "quota_exceeded",
    `The owner's quota for today is used up: ${uploadsPerDayMax || "unlimited"} uploads and ${bytesPerDayMax || "unlimited"} bytes a day (UTC). Try again tomorrow.`,
    { retryAfterSeconds: Math.ceil((dayMs - (now % dayMs)) / 1000) },
  );
