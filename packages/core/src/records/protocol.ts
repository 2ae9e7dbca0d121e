/**
 * The protocol by which events that come twice, late, out of order or never still leave every image right. Pure:
 * each rule takes a record and says what becomes of it. `pipeline.ts` and `reconcile.ts` carry the answers out.
 */
export * as Protocol from "./protocol.ts";

import { fingerprint, type Name } from "../engine/recipe.ts";
import type { ImageRecord, StoredVariant, Superseded } from "../table/image-entity.ts";
import type { Check, Created, Message, Removed } from "./message.ts";
import type { Draft, Entry } from "./record.ts";

/** What every rule needs to know beside the record. `leaseSeconds` outlasts the longest run of a worker. */
export type Context = { imageID: string; owner: string; now: number; leaseSeconds: number };

/**
 * What to do: write a draft (`claim` and go on to the work, or just `write`), let the message go, or leave it in
 * the queue for later.
 */
export type Decision =
  | { do: "claim"; draft: Draft; entry?: Entry }
  | { do: "write"; draft: Draft; entry?: Entry }
  | { do: "acknowledge"; why: string }
  | { do: "retry"; why: string };

const day = 86_400_000;

/** A tombstone outlives every message: 4 days in the queue and 14 among the dead letters. */
const tombstoneMs = 30 * day;

/** How long variants stay readable after they were replaced, for clients that hold an older answer. */
export const supersededMs = day;

/** When a failed image is tried again by itself: after one, six and seventeen hours more. */
const failedRetryMs = [3_600_000, 21_600_000, 61_200_000];

/** How long a message of our own may take before the reconciler sends another. */
const resendMs = 600_000;

/** Rules 1 and 2: may this event's upload be processed by whoever asks now? */
export function onCreated(record: ImageRecord | undefined, event: Created, context: Context): Decision {
  const { key, sequencer, etag } = event;
  if (record && (record.sequencer ?? "") > sequencer)
    return { do: "acknowledge", why: "a newer event was seen" };
  if (record?.sequencer === sequencer) {
    if (isSettled(record) || record.status === "deleting")
      return { do: "acknowledge", why: `already ${record.status}` };
    if (isLeased(record, context.now)) return { do: "retry", why: "another worker holds the lease" };
    return { do: "claim", draft: claimed(record, { key, sequencer, etag }, context) };
  }
  if (record && isSame(record, etag)) {
    return {
      do: "write",
      draft: { ...keptOf(record), sequencer },
      entry: { type: "uploaded", by: "storage", detail: { etag, unchanged: true } },
    };
  }
  return {
    do: "claim",
    draft: claimed(record, { key, sequencer, etag }, context),
    entry: { type: "uploaded", by: "storage", detail: { etag } },
  };
}

/**
 * Rule 7: an object is gone. The tombstone keeps its place in the order, so that a late event cannot revive it. Where
 * somebody else found it gone before its event came, it takes its place now, and is not told of again.
 */
export function onRemoved(record: ImageRecord | undefined, event: Removed, context: Context): Decision {
  if (record && (record.sequencer ?? "") >= event.sequencer) {
    return {
      do: "acknowledge",
      why: record.status === "deleted" ? "already deleted" : "a newer event was seen",
    };
  }
  return {
    do: "write",
    draft: { ...tombstone(record, event.key, context), sequencer: event.sequencer },
    ...(record?.status === "deleted" ? {} : { entry: { type: "deleted", by: "storage" } }),
  };
}

/**
 * Rules 8 and 10: somebody asks for a look. `etag` is what lies in the bucket now, undefined where nothing does.
 * There is no sequencer to go by, so the attempt that was seen when the question was asked is the lock.
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
    return { do: "write", draft: tombstone(record, key, context), entry: { type: "deleted", by } };
  }
  if (record?.status === "deleting") return { do: "acknowledge", why: "the original is about to be deleted" };
  if (record && isSame(record, etag)) return { do: "acknowledge", why: `already ${record.status}` };
  const known = record?.status !== "deleted" && record?.etag === etag;
  return {
    do: "claim",
    draft: claimed(record, { key, sequencer: record?.sequencer, etag }, context),
    ...(known ? {} : { entry: { type: "uploaded", by, detail: { etag } } }),
  };
}

/** What the work came to. `gone`: the object was removed meanwhile; `changed`: another upload took its place. */
export type Outcome =
  | { is: "ready"; result: Result }
  | { is: "rejected"; code: string; message: string; bytes?: number; sha256?: string }
  | { is: "gone" }
  | { is: "changed" }
  | { is: "interrupted" };

/** What the engine made, as it is recorded. */
export type Result = Pick<ImageRecord, "bytes" | "sha256" | "source" | "placeholder"> & {
  variants: Partial<Record<Name, StoredVariant>>;
};

/**
 * Rule 5: the outcome counts only while this attempt still holds its lease. Undefined: it does not, and what was
 * made is nobody's.
 */
export function onOutcome(
  record: ImageRecord | undefined,
  attempt: number,
  outcome: Outcome,
  context: Context,
): { draft: Draft; entry?: Entry } | undefined {
  if (record?.attempt !== attempt || !isLeased(record, context.now)) return undefined;
  const kept = { ...keptOf(record), leaseUntil: undefined, dueAt: undefined };
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
          superseded: superseded(record, context.now),
        },
        entry: { type: "ready", by: "processor", detail: { attempt } },
      };
    case "rejected": {
      const { code, message, bytes, sha256 } = outcome;
      return {
        draft: {
          ...withoutPicture(kept),
          status: "rejected",
          bytes,
          sha256,
          recipe: fingerprint,
          processedAt,
          error: { code, message },
          failures: undefined,
          superseded: superseded(record, context.now),
        },
        entry: { type: "rejected", by: "processor", detail: { attempt, code } },
      };
    }
    case "gone":
      return { draft: tombstone(record, record.key, context), entry: { type: "deleted", by: "processor" } };
    case "changed":
      // Its own event is on the way, or the reconciler will see the difference.
      return { draft: { ...kept, status: "pending", dueAt: iso(context.now + resendMs) } };
    case "interrupted":
      // Our fault: give the lease back, so that the queue's next try need not wait for its end.
      return { draft: { ...kept, status: "pending", dueAt: iso(context.now + resendMs) } };
  }
}

/** Rule 9: the queue has given up on this message. */
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
      return { do: "acknowledge", why: "the reconciler sees to deletions" };
    }
  } else {
    if (record && (record.sequencer ?? "") > message.sequencer)
      return { do: "acknowledge", why: "a newer event was seen" };
    if (record?.sequencer === message.sequencer && (isSettled(record) || record.status === "deleting")) {
      return { do: "acknowledge", why: `already ${record.status}` };
    }
  }
  const current = message.kind === "check" || record?.sequencer === message.sequencer;
  // Whoever holds the lease may still die: only a settled record lets a dead letter go.
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
      status: "failed",
      leaseUntil: undefined,
      dueAt: retryMs === undefined ? undefined : iso(context.now + retryMs),
      failures,
      error: { code: "processing_failed", message: letter.reason },
    },
    entry: { type: "failed", by: "dead-letter", detail: letter },
  };
}

/** Rule 8, first half: from now on no worker's outcome counts, and the reconciler finishes what the caller may not. */
export function onDelete(record: ImageRecord, by: string, now: number): { draft: Draft; entry: Entry } {
  return {
    draft: {
      ...keptOf(record),
      status: "deleting",
      attempt: record.attempt + 1,
      leaseUntil: undefined,
      dueAt: iso(now + 60_000),
      expiresAt: undefined,
    },
    entry: { type: "deleting", by },
  };
}

/** Rule 8: back through the queue. The variants stay readable until others take their place. */
export function onReprocess(record: ImageRecord, by: string, now: number): { draft: Draft; entry: Entry } {
  return {
    draft: {
      ...keptOf(record),
      status: "pending",
      attempt: record.attempt + 1,
      recipe: undefined,
      leaseUntil: undefined,
      dueAt: iso(now + resendMs),
    },
    entry: { type: "reprocessed", by },
  };
}

/** The tombstone is on file, its variants are gone and its tags are in no list: nothing is left to do. */
export function onCleanedUp(record: ImageRecord): { draft: Draft } {
  return { draft: { ...keptOf(record), superseded: undefined, tags: undefined, dueAt: undefined } };
}

/** Rule 2: a message may go once the record is settled for its sequencer or a newer one. */
export function mayAcknowledge(record: ImageRecord | undefined, message: Message): boolean {
  if (!record) return false;
  if (message.kind === "check") return true;
  const seen = record.sequencer ?? "";
  return seen > message.sequencer || (seen === message.sequencer && isSettled(record));
}

/** The path of an attempt's variants in the processed bucket: no attempt writes where another wrote. */
export const pathOf = (
  { imageID, attempt }: Pick<ImageRecord, "imageID" | "attempt">,
  etag: string,
): string => `${imageID}/${attempt}-${etag.slice(0, 8)}`;

/** Whether a worker may still commit to this record. */
export const isLeased = (record: ImageRecord, now: number) =>
  record.status === "processing" && record.leaseUntil !== undefined && Date.parse(record.leaseUntil) > now;

/** Whether nothing more happens to this record by itself. */
export const isSettled = ({ status }: ImageRecord) =>
  status === "ready" || status === "rejected" || status === "failed" || status === "deleted";

/** Every key in the processed bucket that readers may hold: the record's own, and those replaced since yesterday. */
export function keysInUse(record: ImageRecord, now: number): Set<string> {
  return new Set((superseded(record, now) ?? []).flatMap(({ keys }) => keys));
}

/** Whether a tombstone's last transition may be off file, or anything of it may be left to be removed. */
export const needsCleanup = ({ status, dueAt }: ImageRecord): boolean =>
  status === "deleted" && dueAt !== undefined;

/** Every key that a tombstone still has to remove. */
export const keysToCleanUp = (record: ImageRecord): string[] =>
  (record.superseded ?? []).flatMap(({ keys }) => keys);

/** Whether these very bytes have been seen to already, by today's recipe: nothing needs doing twice. */
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
    // What comes back after it was deleted is another picture: nothing that was said of the first holds for it.
    ...(record && record.status !== "deleted" ? keptOf(record) : { createdAt: iso(context.now) }),
    imageID: context.imageID,
    owner: record?.owner ?? context.owner,
    ...upload,
    status: "processing",
    attempt: (record?.attempt ?? 0) + 1,
    leaseUntil,
    dueAt: leaseUntil,
    expiresAt: undefined,
    error: undefined,
  };
}

/** Holds the image's place in the order, and what is left to be removed; nothing of what it showed or was called. */
function tombstone(record: ImageRecord | undefined, key: string, context: Context): Draft {
  return {
    imageID: context.imageID,
    owner: record?.owner ?? context.owner,
    key,
    createdAt: record?.createdAt ?? iso(context.now),
    status: "deleted",
    sequencer: record?.sequencer,
    attempt: (record?.attempt ?? 0) + 1,
    superseded: record && superseded(record, context.now, Number.POSITIVE_INFINITY),
    tags: record?.tags,
    // Due at once: until it is purged, the reconciler looks after it.
    dueAt: iso(context.now),
    expiresAt: Math.ceil((context.now + tombstoneMs) / 1000),
  };
}

/** What was replaced within `keptMs`, with the record's own variants added. What is older is left to the sweep. */
function superseded(record: ImageRecord, now: number, keptMs = supersededMs): Superseded[] | undefined {
  const older = (record.superseded ?? []).filter(({ at }) => Date.parse(at) > now - keptMs);
  const keys = keysOf(record);
  const all = keys.length > 0 ? [...older, { keys, at: iso(now) }] : older;
  return all.length > 0 ? all : undefined;
}

/** The keys of every file of every variant that a record names. */
export const keysOf = ({ variants = {} }: Pick<ImageRecord, "variants">): string[] =>
  Object.values(variants).flatMap(({ key, also = [] }) => [key, ...also.map((file) => file.key)]);

function withoutPicture(draft: Draft): Draft {
  const { variants, placeholder, source, recipe, processedAt, bytes, sha256, ...rest } = draft;
  return rest;
}

function keptOf(record: ImageRecord): Draft {
  const { version, updatedAt, last, writeID, shard, dueOrder, content, ...rest } = record;
  return rest;
}

/** The rules that the pipeline applies. The simulation replaces them one at a time, to show what each is for. */
export const rules = {
  onCreated,
  onRemoved,
  onCheck,
  onOutcome,
  onDeadLetter,
  mayAcknowledge,
  pathOf,
  keysInUse,
};
export type Rules = typeof rules;

const iso = (ms: number) => new Date(ms).toISOString();
