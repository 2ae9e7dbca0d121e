/**
 * Rule 20 of the protocol: the trash. A deleted image is kept without its files for some days, in which it can be
 * restored. Pure, like the rules in `protocol.ts`.
 */
export * as Trash from "./trash.ts";

import type { ImageRecord } from "../table/image-entity.ts";
import { iso, keptOf, recorded, resendMs, type Upload, workerMs } from "./draft.ts";
import type { Draft, Entry } from "./record.ts";
import { VariantFile } from "./variant-file.ts";

/** The decision to write a draft, or to acknowledge the message. */
type Decision = { do: "write"; draft: Draft; entry?: Entry } | { do: "acknowledge"; why: string };

/** An image in the trash. */
export type Trashed = ImageRecord & { trash: NonNullable<ImageRecord["trash"]> };

const dayMs = 86_400_000;

/**
 * Rule 20: puts an image into the trash for `days`. It keeps its original, its fields and its audit trail, and names no
 * file any more: all of them are `revoked`, those that were superseded included, and so removed at once. The attempt
 * grows, which fences workers; the reconciler looks for files of fenced workers once none can be running, and deletes the
 * image when its days are over.
 */
export function onTrash(record: ImageRecord, by: string, now: number, days: number): Decision {
  if (isTrashed(record)) return { do: "acknowledge", why: "already trashed" };
  const { status, dueAt } = record;
  const keys = [
    ...new Set([
      ...(record.revoked?.keys ?? []),
      ...VariantFile.keysOf(record),
      ...(record.superseded ?? []).flatMap(({ keys }) => keys),
    ]),
  ];
  // No worker has ever had the image: there is no file, and none to come.
  const isClean = keys.length === 0 && record.attempt === 0;
  const revoked = isClean ? undefined : { keys, until: iso(now + workerMs) };
  const { variants, superseded, leaseUntil, deferredUntil, expiresAt, ...kept } = keptOf(record);
  return {
    do: "write",
    draft: {
      ...kept,
      status: "trashed",
      attempt: record.attempt + 1,
      trash: { at: iso(now), until: iso(now + days * dayMs), status, dueAt },
      revoked,
      dueAt: revoked?.until,
    },
    entry: { type: "trashed", by, detail: { days } },
  };
}

/**
 * Rule 20: takes an image out of the trash. One with an original is processed again, because its files are gone. One
 * that was rejected, or whose bytes have not come, has its status again. An image that is not in the trash stays as it is.
 */
export function onRestore(record: ImageRecord, by: string, now: number): Decision {
  if (!isTrashed(record)) return { do: "acknowledge", why: `already ${record.status}` };
  const { trash, ...kept } = keptOf(record);
  const attempt = record.attempt + 1;
  const entry: Entry = { type: "restored", by };
  if (record.etag === undefined || trash?.status === "rejected") {
    const { status = "pending", dueAt } = trash ?? {};
    return {
      do: "write",
      draft: { ...kept, status, attempt, dueAt: dueAt ?? record.revoked?.until },
      entry,
    };
  }
  return {
    do: "write",
    draft: {
      ...kept,
      status: "pending",
      attempt,
      recipe: undefined,
      error: undefined,
      dueAt: iso(now + resendMs),
    },
    entry,
  };
}

/**
 * Rule 20: bytes came under the key of an image in the trash. They are recorded, and processed once the image is
 * restored. The attempt grows, so that no check from before the bytes came takes the object for removed.
 */
export function onBytes(record: Trashed, upload: Upload): Decision {
  const { etag, sequencer } = upload;
  if (record.etag === etag) {
    if (record.sequencer === sequencer) return { do: "acknowledge", why: "already trashed" };
    const draft = { ...keptOf(record), sequencer };
    return { do: "write", ...recorded(record, draft, upload, { unchanged: true }) };
  }
  // The content is of other bytes.
  const { placeholder, source, recipe, processedAt, bytes, sha256, error, discarded, ...kept } =
    keptOf(record);
  const draft = {
    ...kept,
    attempt: record.attempt + 1,
    etag,
    sequencer,
    trash: { ...record.trash, status: "pending" as const, dueAt: undefined },
  };
  return { do: "write", ...recorded(record, draft, upload, { trashed: true }) };
}

/** Returns whether an image is in the trash. */
export const isTrashed = (record: ImageRecord): record is Trashed =>
  record.status === "trashed" && record.trash !== undefined;

/** Returns whether the days of an image in the trash are over, so that it is to be deleted. */
export const isOver = (record: ImageRecord, now: number): boolean =>
  isTrashed(record) && Date.parse(record.trash.until) <= now;
