/**
 * Copies of images from another stage: their records, as the target has to write them, and the rule for the event of a
 * copied original. Pure, like the rules in `protocol.ts`.
 */
export * as Copy from "./copies.ts";

import { ID } from "../id.ts";
import type { ImageRecord } from "../table/image-entity.ts";
import { Term } from "./terms.ts";
import { VariantFile } from "./variant-file.ts";

/**
 * Sequencer of a copied record, below every sequencer of S3: those of another bucket are of another order. Any event of
 * the target's bucket is newer.
 */
export const sequencer = "0".repeat(32);

/**
 * Returns true for the event of the copied original itself: the record was written before the object, and is complete. It
 * changes nothing, so that the copy keeps its version; of other recipes too.
 */
export const isOfCopy = (record: ImageRecord, etag: string): boolean =>
  record.sequencer === sequencer &&
  record.etag === etag &&
  ["ready", "rejected", "failed", "trashed"].includes(record.status);

const dayMs = 86_400_000;

/**
 * Returns true for a copied record whose original may still be on its way: for a day after its last write. A later
 * comparison finds one that never came.
 */
export const isAwaited = (record: ImageRecord, now: number): boolean =>
  record.sequencer === sequencer && Date.parse(record.updatedAt) > now - dayMs;

/** Returns true for the tombstone of a copy whose original never came: only a check leaves the sequencer of copies. */
export const isAbandoned = (record: ImageRecord): boolean =>
  record.sequencer === sequencer && record.status === "deleted" && !record.closed;

/** Returns true for a record that can be copied: not of a deletion, and its bytes have come if it waits for any. */
export const isCopied = ({ status, etag }: ImageRecord): boolean => {
  if (status === "deleting" || status === "deleted") return false;
  return etag !== undefined || (status !== "pending" && status !== "processing");
};

/**
 * Returns the record of a copy: the same id, version, content and newest transition. `etag` is that of the object in the
 * target's bucket; undefined if there is none. An image that was being processed is due at once. `before` is the record that
 * it replaces: then the version grows, also that of the newest transition, and the files that only `before` names are removed
 * a day later.
 */
export function recordOf(
  record: ImageRecord,
  {
    etag,
    now,
    writeID,
    before,
  }: { etag: string | undefined; now: string; writeID: string; before?: ImageRecord },
): ImageRecord {
  const {
    leaseUntil,
    deferredUntil,
    superseded,
    revoked,
    terms,
    purge,
    closed,
    found,
    dueAt,
    trash,
    ...kept
  } = record;
  const isUnfinished = record.status === "pending" || record.status === "processing";
  const names = new Set(VariantFile.keysOf(record));
  const keys = before ? VariantFile.keysOf(before).filter((key) => !names.has(key)) : [];
  const version = before ? Math.max(record.version, before.version + 1) : record.version;
  return {
    ...kept,
    key: ID.keyOf(record.owner, record.imageID),
    status: isUnfinished ? "pending" : record.status,
    version,
    last: before ? { ...record.last, version } : record.last,
    etag,
    sequencer: etag === undefined ? undefined : sequencer,
    // The uploads bucket has no original that is still to be removed.
    dueAt: isUnfinished ? now : record.status === "failed" ? dueAt : undefined,
    ...(trash && { trash }),
    ...(keys.length > 0 && { superseded: [{ keys, at: now }] }),
    // Clients of the change feed have read beyond the old time.
    updatedAt: now,
    writeID,
    indexed: Term.scheme,
  };
}
