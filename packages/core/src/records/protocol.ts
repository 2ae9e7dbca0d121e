/**
 * The protocol that keeps every record correct although events come twice, late, out of order or never. Pure: each rule
 * takes a record and returns a decision, which `pipeline.ts` and `reconcile.ts` carry out.
 */
export * as Protocol from "./protocol.ts";

import { fingerprint } from "../engine/recipe.ts";
import type { ImageRecord } from "../table/image-entity.ts";
import { isSettled } from "../table/status.ts";
import { Copy } from "./copies.ts";
import { isDiscarded, isExpired, lateBytes, onDelete, onOver, tombstone } from "./deletion.ts";
import { type Context, isFound, isLeased, iso, keptOf, keysInUse, recorded } from "./draft.ts";
import { trailed } from "./feed.ts";
import { isUnfetched, onImportFailed, onLostImport } from "./imports.ts";
import { isDeferred, onOverQuota, onOverQuotaInTrash, onOverShare, replayOf } from "./limits.ts";
import type { Check, Created, Message, Removed } from "./message.ts";
import { onOutcome } from "./outcome.ts";
import { Placement } from "./placement.ts";
import type { Draft, Entry } from "./record.ts";
import { keptVariants, onFocus } from "./reprocess.ts";
import { Term } from "./terms.ts";
import { Trash } from "./trash.ts";
import { keysToRevoke, onVisibility } from "./visibility.ts";

/**
 * A decision: write a draft (`claim` continues with the work, `write` is all), acknowledge the message, or leave it in
 * the queue to be received again.
 */
export type Decision =
  | { do: "claim"; draft: Draft; entry?: Entry }
  | { do: "write"; draft: Draft; entry?: Entry }
  | { do: "acknowledge"; why: string }
  | { do: "retry"; why: string };

/** Backoff between the automatic retries of a failed image: one, six and seventeen hours. */
const failedRetryMs = [3_600_000, 21_600_000, 61_200_000];

/**
 * Rules 1 and 2: an object was created. Claims it for the worker that received the event, unless it is outdated. If a
 * check found the upload first, the audit trail has it already. Rule 23: the event of a copied original changes nothing.
 */
export function onCreated(record: ImageRecord | undefined, event: Created, context: Context): Decision {
  const { key, sequencer, etag } = event;
  if (record && (record.sequencer ?? "") > sequencer)
    return { do: "acknowledge", why: "a newer event was seen" };
  if (record && rules.isOfCopy(record, etag)) return { do: "acknowledge", why: "the original of a copy" };
  if (record?.sequencer === sequencer) {
    if (isSettled(record) || record.status === "deleting")
      return { do: "acknowledge", why: `already ${record.status}` };
    if (isLeased(record, context.now)) return { do: "retry", why: "another worker holds the lease" };
    if (isDeferred(record, context.now)) return { do: "acknowledge", why: "deferred to the next day" };
    return { do: "claim", draft: claimed(record, { key, sequencer, etag }, context) };
  }
  if (record?.closed) return lateBytes(record, { by: "storage", etag, sequencer }, context);
  if (record && Trash.isTrashed(record)) return rules.onBytes(record, { by: "storage", etag, sequencer });
  const isWorkedOn = record?.etag === etag && isLeased(record, context.now);
  if (isWorkedOn && isFound(record, event))
    return { do: "retry", why: "a worker processes the upload, which a check found" };
  if (record && isSame(record, etag)) {
    const draft = { ...keptOf(record), sequencer };
    return {
      do: "write",
      ...recorded(record, draft, { by: "storage", etag, sequencer }, { unchanged: true }),
    };
  }
  const draft = claimed(record, { key, sequencer, etag }, context);
  return { do: "claim", ...recorded(record, draft, { by: "storage", etag, sequencer }) };
}

/**
 * Rule 7: an object was removed. The tombstone keeps the event's sequencer, so that a late event cannot revive the
 * image. If a check found the removal first, only the sequencer is added, without a second entry. Rule 15: an image
 * whose original was discarded stays `rejected`.
 */
export function onRemoved(record: ImageRecord | undefined, event: Removed, context: Context): Decision {
  if (record && (record.sequencer ?? "") >= event.sequencer) {
    return {
      do: "acknowledge",
      why: record.status === "deleted" ? "already deleted" : "a newer event was seen",
    };
  }
  if (record && rules.isDiscarded(record)) return { do: "acknowledge", why: "its original was discarded" };
  return {
    do: "write",
    draft: { ...tombstone(record, event.key, context), sequencer: event.sequencer },
    ...(record?.status === "deleted" ? {} : { entry: { type: "deleted", by: "storage" } }),
  };
}

/**
 * Rules 8 and 10: a check of the object itself. `etag` is the object's, undefined if there is none. A check has no
 * sequencer: it applies only while the record has the attempt that its sender saw.
 */
export function onCheck(
  record: ImageRecord | undefined,
  { key, attempt, by }: Check,
  etag: string | undefined,
  context: Context,
): Decision {
  if ((record?.attempt ?? 0) !== attempt) return { do: "acknowledge", why: "the record has moved on" };
  if (record && isLeased(record, context.now))
    return { do: "acknowledge", why: "another worker holds the lease" };
  if (etag === undefined) {
    if (!record || record.status === "deleted") return { do: "acknowledge", why: "nothing is there" };
    if (rules.isAwaited(record, context.now))
      return { do: "acknowledge", why: "the original of a copy may be on its way" };
    if (rules.isDiscarded(record)) return { do: "acknowledge", why: "its original was discarded" };
    if (rules.isUnfetched(record)) return onLostImport(record, context);
    if (record.status === "trashed" && record.etag === undefined)
      return { do: "acknowledge", why: "its bytes have not come" };
    return { do: "write", draft: tombstone(record, key, context), entry: { type: "deleted", by } };
  }
  if (record?.status === "deleting") return { do: "acknowledge", why: "the original is about to be deleted" };
  if (record?.closed) return lateBytes(record, { by, etag, sequencer: record.sequencer }, context);
  if (record && Trash.isTrashed(record))
    return rules.onBytes(record, { by, etag, sequencer: record.sequencer });
  if (record && isSame(record, etag)) return { do: "acknowledge", why: `already ${record.status}` };
  const { sequencer } = record ?? {};
  const draft = claimed(record, { key, sequencer, etag }, context);
  if (record?.status !== "deleted" && record?.etag === etag) return { do: "claim", draft };
  return { do: "claim", ...recorded(record, draft, { by, etag, sequencer }) };
}

/** Rule 9: the message was received too often and is a dead letter. */
export function onDeadLetter(
  record: ImageRecord | undefined,
  message: Message,
  letter: { receives: number; reason: string },
  context: Context,
): Decision {
  if (message.kind === "removed") return onRemoved(record, message, context);
  if (message.kind === "check") {
    if ((record?.attempt ?? 0) !== message.attempt)
      return { do: "acknowledge", why: "the record has moved on" };
    if (record?.status === "deleting" || record?.status === "deleted") {
      return { do: "acknowledge", why: "the reconciler completes deletions" };
    }
    if (record?.status === "trashed") return { do: "acknowledge", why: "already trashed" };
  } else {
    if (record && (record.sequencer ?? "") > message.sequencer)
      return { do: "acknowledge", why: "a newer event was seen" };
    if (record?.sequencer === message.sequencer && (isSettled(record) || record.status === "deleting")) {
      return { do: "acknowledge", why: `already ${record.status}` };
    }
    if (record?.closed) {
      const { etag, sequencer } = message;
      return lateBytes(record, { by: "storage", etag, sequencer }, context);
    }
    if (record && Trash.isTrashed(record)) return onCreated(record, message, context);
  }
  const current = message.kind === "check" || record?.sequencer === message.sequencer;
  // The worker that holds the lease may still die: a dead letter is acknowledged on a settled record only.
  if (record && current && isLeased(record, context.now))
    return { do: "retry", why: "a worker holds the lease" };
  const failures = (record?.failures ?? 0) + 1;
  const retryMs = failedRetryMs[failures - 1];
  const { key } = message;
  const sequencer = message.kind === "created" ? message.sequencer : record?.sequencer;
  const etag = message.kind === "created" ? message.etag : record?.etag;
  return {
    do: "write",
    draft: {
      ...claimed(record, { key, sequencer, etag }, context),
      ...(message.kind === "created" && isFound(record, message) && { found: undefined }),
      status: "failed",
      leaseUntil: undefined,
      dueAt: retryMs === undefined ? record?.revoked?.until : iso(context.now + retryMs),
      failures,
      error: { code: "processing_failed", message: letter.reason },
    },
    entry: { type: "failed", by: "dead-letter", detail: letter },
  };
}

/** Rule 2: returns true if a message may be acknowledged: its record is settled for its sequencer, or has a newer one. */
export function mayAcknowledge(record: ImageRecord | undefined, message: Message): boolean {
  if (!record) return false;
  if (message.kind === "check") return true;
  const seen = record.sequencer ?? "";
  return seen > message.sequencer || (seen === message.sequencer && isSettled(record));
}

/**
 * Rule 12: a request that is repeated under its idempotency key continues the work that the key's claim names, and
 * begins no other.
 */
export const workOf = (claim: { workID?: string }): string | undefined => claim.workID;

/** Returns true if the same bytes were processed with the current recipe, so that the result is still valid. */
const isSame = (record: ImageRecord, etag: string) =>
  (record.status === "ready" || record.status === "rejected") &&
  record.etag === etag &&
  record.recipe === fingerprint;

function claimed(
  record: ImageRecord | undefined,
  upload: { key: string; sequencer?: string; etag?: string },
  context: Context,
): Draft {
  const leaseUntil = iso(context.now + context.leaseSeconds * 1000);
  return {
    // An upload under a deleted image's key is a new image: it inherits no title, tags or metadata.
    ...(record && record.status !== "deleted"
      ? keptOf(record)
      : { createdAt: iso(context.now), announced: record?.announced, visibility: context.visibility }),
    imageID: context.imageID,
    owner: record?.owner ?? context.owner,
    ...upload,
    // Of the variants that the record names: they are not of other bytes.
    recipe: record?.etag === upload.etag ? record?.recipe : undefined,
    status: "processing",
    attempt: (record?.attempt ?? 0) + 1,
    leaseUntil,
    dueAt: leaseUntil,
    deferredUntil: undefined,
    expiresAt: undefined,
    purge: undefined,
    discarded: undefined,
    error: undefined,
  };
}

/** The rules that the pipeline applies. The simulation replaces one at a time, to show what each is for. */
export const rules = {
  onCreated,
  onRemoved,
  onCheck,
  onImportFailed,
  isOfCopy: Copy.isOfCopy,
  isAwaited: Copy.isAwaited,
  isUnfetched,
  isDiscarded,
  replayOf,
  onOverQuota,
  onOverQuotaInTrash,
  onOverShare,
  onOutcome,
  onDeadLetter,
  onDelete,
  onTrash: Trash.onTrash,
  onRestore: Trash.onRestore,
  onBytes: Trash.onBytes,
  onOver,
  isExpired,
  onFocus,
  onVisibility,
  keysToRevoke,
  keptVariants,
  mayAcknowledge,
  pathOf: Placement.pathOf,
  keysInUse,
  workOf,
  confirms: Term.confirms,
  trailed,
};
export type Rules = typeof rules;
