/**
 * Rules of the protocol that end an image or its original: deletion, its tombstone and its clean-up, and the removal of
 * originals that are not kept. Pure, like the rules in `protocol.ts`, which calls some of them.
 */
export * as Deletion from "./deletion.ts";

import type { ImageRecord } from "../table/image-entity.ts";
import { iso, keptOf, recorded, superseded, type Upload } from "./draft.ts";
import type { Draft, Entry } from "./record.ts";
import { Term } from "./terms.ts";
import { Trash } from "./trash.ts";

/** The decision to write a draft. */
type Write = { do: "write"; draft: Draft; entry?: Entry };

/**
 * A tombstone outlives every message: 4 days in the queue and 14 in the dead-letter queue. That of a closed key does not
 * expire, because a presigned URL (up to 7 days), a redrive or an S3 client can bring bytes at any time.
 */
export const tombstoneMs = 30 * 86_400_000;

/**
 * Rule 8: marks the image `deleting` and increments the attempt, which fences running workers. The reconciler completes
 * the deletion if the caller crashes. `permanent` has it remove the object versions as well. The key of an announced
 * image is closed: it takes no upload any more. A repeated deletion adds only what the earlier one did not ask for.
 */
export function onDelete(
  record: ImageRecord,
  by: string,
  now: number,
  permanent = false,
): Write | { do: "acknowledge"; why: string } {
  const isDeletion = record.status === "deleting" || record.status === "deleted";
  const closed = isAnnounced(record) || undefined;
  const purge = permanent || record.purge;
  if (isDeletion && record.closed === closed && record.purge === purge)
    return { do: "acknowledge", why: `already ${record.status}` };
  const entry: Entry = { type: "deleting", by, ...(permanent && { detail: { permanent } }) };
  if (record.status === "deleted") {
    const expiresAt = closed ? undefined : record.expiresAt;
    // Due at once, so that the transition is filed before the tombstone expires.
    return { do: "write", draft: { ...keptOf(record), closed, purge, expiresAt, dueAt: iso(now) }, entry };
  }
  return { do: "write", draft: { ...deleting(record, iso(now + 60_000)), closed, purge }, entry };
}

/** Rule 21: returns whether the expiry of an image is over: from then on no answer shows it, and it is to be deleted. */
export const isExpired = ({ deleteAt }: Pick<ImageRecord, "deleteAt">, now: number): boolean =>
  deleteAt !== undefined && Date.parse(deleteAt) <= now;

/**
 * Rules 20 and 21: returns the deletion of an image whose expiry, or whose days in the trash, are over; undefined for any
 * other. The object versions are kept as those of any deleted image.
 */
export function onOver(record: ImageRecord, by: string, now: number): Write | undefined {
  const why = isExpired(record, now) ? "expired" : Trash.isOver(record, now) ? "trashed" : undefined;
  const decision = onDelete(record, by, now);
  if (why === undefined || decision.do !== "write") return undefined;
  return { ...decision, entry: { type: "deleting", by, detail: { [why]: true } } };
}

/**
 * Rule 11: bytes came under a closed key. The image stays deleted, and the reconciler removes the object. The attempt
 * grows, so that no check from before the bytes came takes the object for removed.
 */
export function lateBytes(record: ImageRecord, upload: Upload, { now }: { now: number }): Write {
  const { etag, sequencer } = upload;
  const draft = { ...deleting(record, iso(now)), sequencer, etag };
  return { do: "write", ...recorded(record, draft, upload, { late: true }) };
}

/** A record whose original is to be removed by the API, or by the reconciler once it is due. */
const deleting = (record: ImageRecord, dueAt: string): Draft => ({
  ...keptOf(record),
  status: "deleting",
  attempt: record.attempt + 1,
  leaseUntil: undefined,
  dueAt,
  deferredUntil: undefined,
  expiresAt: undefined,
  deleteAt: undefined,
  trash: undefined,
});

/** Returns the record of a deleted image: its sequencer and what is left to remove, without its content. */
export function tombstone(
  record: ImageRecord | undefined,
  key: string,
  context: { imageID: string; owner: string; now: number },
): Draft {
  return {
    imageID: context.imageID,
    owner: record?.owner ?? context.owner,
    key,
    createdAt: record?.createdAt ?? iso(context.now),
    status: "deleted",
    sequencer: record?.sequencer,
    attempt: (record?.attempt ?? 0) + 1,
    superseded: record && superseded(record, context.now, Number.POSITIVE_INFINITY),
    terms: record && Term.of(record),
    revoked: record?.revoked,
    purge: record?.purge,
    announced: (record && isAnnounced(record)) || undefined,
    closed: record?.closed,
    found: record?.closed ? record.found : undefined,
    // Due at once: the reconciler completes the clean-up if the worker does not.
    dueAt: iso(context.now),
    expiresAt: record?.closed ? undefined : Math.ceil((context.now + tombstoneMs) / 1000),
  };
}

/** Returns true if the API created the image; false for an object that an S3 client put under a key of its choice. */
export const isAnnounced = ({ announced, declared }: ImageRecord) => announced ?? declared !== undefined;

/**
 * Clears what the clean-up of a tombstone has finished: `superseded`, `terms` and `dueAt`. The tombstone of a permanent
 * deletion stays due until the reconciler has removed the object versions.
 */
export function onCleanedUp(record: ImageRecord): { draft: Draft } {
  const dueAt = record.purge ? record.dueAt : undefined;
  return { draft: { ...keptOf(record), superseded: undefined, revoked: undefined, terms: undefined, dueAt } };
}

/** Returns whether the original of a rejected image is not kept, because it was larger than accepted. */
export const isDiscarded = ({ status, discarded }: ImageRecord): boolean =>
  (status === "rejected" || status === "trashed") && discarded === true;

/** Returns whether the original of a rejected image is still to be removed. */
export const needsDiscard = (record: ImageRecord): boolean =>
  record.status === "rejected" && isDiscarded(record) && record.dueAt !== undefined;

/** Rule 15: the original is removed. `discarded` stays, so that its removal is not taken for a deletion. */
export function onDiscarded(record: ImageRecord): { draft: Draft } {
  return { draft: { ...keptOf(record), dueAt: undefined } };
}

/** Completes a permanent deletion: no object version is left. `purge` stays, for bytes that come late. */
export function onPurged(record: ImageRecord): { draft: Draft } {
  return { draft: { ...keptOf(record), dueAt: undefined } };
}

/** Returns whether only the object versions of a permanently deleted image are left to remove. */
export const needsPurge = ({ status, purge, dueAt, superseded, terms = [] }: ImageRecord): boolean =>
  status === "deleted" && purge === true && dueAt !== undefined && !superseded && terms.length === 0;

/** Returns true if a tombstone still needs its clean-up. */
export const needsCleanup = ({ status, dueAt }: ImageRecord): boolean =>
  status === "deleted" && dueAt !== undefined;

/** Every key that the clean-up of a tombstone has to remove. */
export const keysToCleanUp = ({ superseded = [], revoked }: ImageRecord): string[] => [
  ...superseded.flatMap(({ keys }) => keys),
  ...(revoked?.keys ?? []),
];
