/**
 * The protocol that keeps every record correct although events come twice, late, out of order or never. Pure: each rule
 * takes a record and returns a decision, which `pipeline.ts` and `reconcile.ts` carry out.
 */
export * as Protocol from "./protocol.ts";

import { createHash } from "node:crypto";
import { Crop } from "../engine/crop.ts";
import { fingerprint, followsFocus, type Name, recipe, type Spec } from "../engine/recipe.ts";
import type { ImageRecord } from "../table/image-entity.ts";
import type { StoredVariant } from "../table/stored-variant.ts";
import { Copy } from "./copies.ts";
import { isAnnounced, isDiscarded, isExpired, lateBytes, onDelete, onOver, tombstone } from "./deletion.ts";
import { isFound, iso, keptOf, recorded, superseded, supersededMs } from "./draft.ts";
import { trailed } from "./feed.ts";
import { isUnfetched, onImportFailed, onLostImport } from "./imports.ts";
import type { Check, Created, Message, Removed } from "./message.ts";
import { Placement } from "./placement.ts";
import type { Draft, Entry } from "./record.ts";
import { Term } from "./terms.ts";
import { Trash } from "./trash.ts";
import { VariantFile } from "./variant-file.ts";
import { keysToRevoke, onVisibility } from "./visibility.ts";

/** The input of every rule besides the record. `leaseSeconds` is longer than the longest run of a worker. */
export type Context = {
  imageID: string;
  owner: string;
  now: number;
  leaseSeconds: number;
  /** Visibility of an image that no request created. */
  visibility?: ImageRecord["visibility"];
};

/**
 * A decision: write a draft (`claim` continues with the work, `write` is all), acknowledge the message, or leave it in
 * the queue to be received again.
 */
export type Decision =
  | { do: "claim"; draft: Draft; entry?: Entry }
  | { do: "write"; draft: Draft; entry?: Entry }
  | { do: "acknowledge"; why: string }
  | { do: "retry"; why: string };

const day = 86_400_000;

/** Backoff between the automatic retries of a failed image: one, six and seventeen hours. */
const failedRetryMs = [3_600_000, 21_600_000, 61_200_000];

/** Time until the reconciler sends a check again that had no effect. */
const resendMs = 600_000;

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

/**
 * Rule 13: an upload that replaces an earlier one under the key of an announced image, as a presigned form allows until
 * it expires. Returns the name of the event, by which it counts against the owner's quota once; undefined for any other
 * message. Only events count: that of an upload which a check found first comes later, or was lost.
 */
export function replayOf(record: ImageRecord | undefined, message: Message): string | undefined {
  if (message.kind !== "created" || !record || !isAnnounced(record)) return undefined;
  const { imageID, sequencer } = record;
  return sequencer !== undefined && message.sequencer > sequencer
    ? `${imageID} ${message.sequencer}`
    : undefined;
}

/**
 * Rule 13: refuses a claim, because the owner's quota is used up. The object is replaced already, so that the record
 * cannot stay `ready`: it would name variants of bytes that are gone. Reprocessing makes variants of the new bytes.
 */
export function onOverQuota(record: ImageRecord, claim: Draft, now: number): { draft: Draft; entry: Entry } {
  const code = "quota_exceeded";
  const { attempt, etag = "" } = claim;
  const message =
    "The presigned form was used again, and the owner's upload quota for today is used up. Reprocess the image tomorrow (UTC).";
  return {
    draft: {
      ...withoutContent(claim),
      status: "rejected",
      leaseUntil: undefined,
      dueAt: claim.revoked?.until,
      processedAt: iso(now),
      error: { code, message },
      failures: undefined,
      superseded: superseded(record, now),
    },
    entry: { type: "rejected", by: "processor", detail: { attempt, code, etag } },
  };
}

/**
 * Rule 14: defers a claim to the next day (UTC), because the owner's share of the processor is used up. The image is due
 * then, so that the reconciler sends it again. Variants of an earlier upload stay readable until they are replaced.
 */
export function onOverShare(claim: Draft, now: number): { draft: Draft; entry: Entry } {
  const until = iso((Math.floor(now / day) + 1) * day);
  const { etag = "" } = claim;
  return {
    draft: { ...claim, status: "pending", leaseUntil: undefined, dueAt: until, deferredUntil: until },
    entry: { type: "deferred", by: "processor", detail: { etag, until } },
  };
}

/** Returns true if an image waits for the next day. */
const isDeferred = ({ status, deferredUntil }: ImageRecord, now: number) =>
  status === "pending" && deferredUntil !== undefined && Date.parse(deferredUntil) > now;

/** The result of the work. `gone`: the object was removed meanwhile; `changed`: another upload replaced it. */
export type Outcome =
  | { is: "ready"; result: Result; checked?: Checked | undefined }
  | { is: "rejected"; code: string; message: string; bytes?: number; sha256?: string }
  | { is: "gone" }
  | { is: "changed" }
  | { is: "interrupted" };

/**
 * The worst file of an image whose predicted qualities were checked, for the audit trail: its MS-SSIM, the encoder's
 * setting, and variant and format, such as `large.avif`.
 */
export type Checked = { similarity: number; quality: number; file: string };

/** The engine's output, as the record holds it. */
export type Result = Pick<ImageRecord, "bytes" | "sha256" | "source" | "placeholder"> & {
  variants: Partial<Record<Name, StoredVariant>>;
};

/**
 * Rule 5: an outcome is committed only while its attempt, the fencing token, holds the lease. Undefined if it does not:
 * its variants become orphans.
 */
export function onOutcome(
  record: ImageRecord | undefined,
  attempt: number,
  outcome: Outcome,
  context: Context,
): { draft: Draft; entry?: Entry } | undefined {
  if (record?.attempt !== attempt || !isLeased(record, context.now)) return undefined;
  // Public files of a private image are removed before the work. The reconciler looks once more for what is left.
  const { revoked } = record;
  const kept = {
    ...keptOf(record),
    leaseUntil: undefined,
    dueAt: revoked?.until,
    revoked: revoked && { ...revoked, keys: [] },
  };
  const processedAt = iso(context.now);
  switch (outcome.is) {
    case "ready":
      return {
        draft: {
          ...kept,
          ...outcome.result,
          status: "ready",
          recipe: fingerprint,
          processedAt,
          error: undefined,
          failures: undefined,
          superseded: superseded(record, context.now, supersededMs, VariantFile.keysOf(outcome.result)),
        },
        entry: { type: "ready", by: "processor", detail: { attempt, ...outcome.checked } },
      };
    case "rejected": {
      const { code, message, bytes, sha256 } = outcome;
      // Rule 15: the API accepted an upload of fewer bytes. What an S3 client put under a key of its choice is kept.
      const discarded = (code === "too_many_bytes" && isAnnounced(record)) || undefined;
      return {
        draft: {
          ...withoutContent(kept),
          status: "rejected",
          bytes,
          sha256,
          recipe: fingerprint,
          processedAt,
          error: { code, message },
          failures: undefined,
          superseded: superseded(record, context.now),
          discarded,
          dueAt: discarded ? processedAt : kept.dueAt,
        },
        entry: {
          type: "rejected",
          by: "processor",
          detail: { attempt, code, ...(discarded && { discarded }) },
        },
      };
    }
    case "gone":
      return { draft: tombstone(record, record.key, context), entry: { type: "deleted", by: "processor" } };
    case "changed":
      // The other upload's event will arrive, or the reconciler will find the difference.
      return { draft: { ...kept, status: "pending", dueAt: iso(context.now + resendMs) } };
    case "interrupted":
      // An internal error: releases the lease, so that the next receive need not wait until it expires.
      return { draft: { ...kept, status: "pending", dueAt: iso(context.now + resendMs) } };
  }
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

/**
 * Rule 8: sends the image through the queue again. Its variants stay readable until they are replaced. The entry holds
 * the id of the `request`, if it has one.
 */
export function onReprocess(
  record: ImageRecord,
  by: string,
  now: number,
  request?: string,
): { draft: Draft; entry: Entry } {
  return {
    draft: {
      ...keptOf(record),
      status: "pending",
      attempt: record.attempt + 1,
      recipe: undefined,
      leaseUntil: undefined,
      dueAt: iso(now + resendMs),
    },
    entry: { type: "reprocessed", by, ...(request && { detail: { request } }) },
  };
}

/**
 * Rule 16: the draft of a change of fields. If it moves the focus of a `ready` image, or of one that a worker crops
 * around the old one, the image is processed again: the attempt grows, which fences that worker. Any other image gets the
 * new crops when it is processed.
 */
export function onFocus(record: ImageRecord, draft: Draft, now: number): Draft {
  const { status, attempt } = record;
  const isAffected = status === "ready" || status === "processing";
  if (!isAffected || !isCropped || Crop.keyOf(draft) === Crop.keyOf(record)) return draft;
  return {
    ...draft,
    status: "pending",
    attempt: attempt + 1,
    leaseUntil: undefined,
    dueAt: iso(now + resendMs),
  };
}

/**
 * Rules 16 and 18: returns the variants that a claimed image keeps: those that no focus moves and that are where the
 * visibility asks for, if they were made from the same bytes by the current recipe. A claim of other bytes, and
 * reprocessing, clear `recipe`.
 */
export function keptVariants({
  recipe,
  variants = {},
  visibility,
}: Pick<ImageRecord, "recipe" | "variants" | "visibility">): Result["variants"] {
  if (recipe !== fingerprint || !isCropped) return {};
  return Object.fromEntries(
    specs.flatMap(([name, spec]) => {
      const variant = variants[name];
      const isKept = variant && !followsFocus(spec) && Placement.isInPlace(name, variant, { visibility });
      return isKept ? [[name, variant]] : [];
    }),
  );
}

const specs = Object.entries(recipe) as [Name, Spec][];

/** The recipe has a variant that follows the focus. */
const isCropped = specs.some(([, spec]) => followsFocus(spec));

/**
 * Rule 12: a request that is repeated under its idempotency key continues the work that the key's claim names, and
 * begins no other.
 */
export const workOf = (claim: { workID?: string }): string | undefined => claim.workID;

/** Rule 2: returns true if a message may be acknowledged: its record is settled for its sequencer, or has a newer one. */
export function mayAcknowledge(record: ImageRecord | undefined, message: Message): boolean {
  if (!record) return false;
  if (message.kind === "check") return true;
  const seen = record.sequencer ?? "";
  return seen > message.sequencer || (seen === message.sequencer && isSettled(record));
}

/**
 * The path of an attempt's variants in the processed bucket, which no other attempt writes to. That of a private image is
 * under its owner, except for variants that are `open`. It ends with digits of the random id of the claim: the URL of an
 * earlier attempt does not tell that of a later one, which a worker may write although the image is private by then.
 */
export function pathOf(
  record: Pick<ImageRecord, "imageID" | "attempt" | "owner" | "visibility" | "writeID">,
  etag: string,
  open = false,
): string {
  const { imageID, attempt, writeID } = record;
  const hash = createHash("sha256").update(writeID).digest("hex").slice(0, 8);
  const folder = isPrivate(record) && !open ? Placement.folderOf(record) : `${imageID}/`;
  return `${folder}${attempt}-${etag.slice(0, 8)}${hash}`;
}

const isPrivate = ({ visibility }: Pick<ImageRecord, "visibility">) => visibility === "private";

/** Returns true if a worker holds the lease and may commit. */
export const isLeased = (record: ImageRecord, now: number) =>
  record.status === "processing" && record.leaseUntil !== undefined && Date.parse(record.leaseUntil) > now;

/** Returns true if the record has a final status, which only a newer upload, a request or a retry changes. */
export const isSettled = ({ status }: ImageRecord) =>
  status === "ready" ||
  status === "rejected" ||
  status === "failed" ||
  status === "trashed" ||
  status === "deleted";

/**
 * Rule 14: a row of an image is in a list only while its record confirms it: it has the row's creation time, and the
 * terms of the search. Rows of dropped terms may be left after a crash.
 */
export function confirms(
  record: ImageRecord,
  row: { createdAt: string },
  isSought: (terms: readonly Term.Term[]) => boolean,
): boolean {
  return record.createdAt === row.createdAt && isSought(Term.of(record));
}

/** Every key in the processed bucket that clients may hold: the record's own, and those replaced within a day. */
export function keysInUse(record: ImageRecord, now: number): Set<string> {
  return new Set((superseded(record, now) ?? []).flatMap(({ keys }) => keys));
}

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

function withoutContent(draft: Draft): Draft {
  const { variants, placeholder, source, recipe, processedAt, bytes, sha256, ...rest } = draft;
  return rest;
}

/**
 * Returns the lazy file under a key, if the record of an image that is not deleted names it. It is made only
 * then, and removed again if the record names it no longer once it is written. Replaced variants are not made.
 */
export const lazyFile = (
  record: ImageRecord | undefined,
  key: string,
): VariantFile.VariantFile | undefined =>
  record && record.status !== "deleting" && record.status !== "deleted"
    ? VariantFile.of(record).find((file) => file.key === key && file.bytes === undefined)
    : undefined;

/** The rules that the pipeline applies. The simulation replaces one at a time, to show what each is for. */
export const rules = {
  onCreated,
  onRemoved,
  onCheck,
  onImportFailed,
  isOfCopy: Copy.isOfCopy,
  isUnfetched,
  isDiscarded,
  replayOf,
  onOverQuota,
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
  pathOf,
  keysInUse,
  workOf,
  confirms,
  trailed,
};
export type Rules = typeof rules;
