/** Context and drafts that every rule of the protocol builds on: the fields kept, the files replaced, the lease. */
import type { ImageRecord, Superseded } from "../table/image-entity.ts";
import type { Draft, Entry } from "./record.ts";
import { VariantFile } from "./variant-file.ts";

/** Grace period of replaced variants, for clients that hold an older response. */
export const supersededMs = 86_400_000;

/** Lambda's longest run, and a minute for clocks: until then a fenced worker may write a file. */
export const workerMs = 960_000;

/** Time until the reconciler sends a message again that had no effect. */
export const resendMs = 600_000;

/** Formats a time for a record: ISO 8601 in UTC, with milliseconds. */
export const iso = (ms: number): string => new Date(ms).toISOString();

/** The input of every rule besides the record. `leaseSeconds` is longer than the longest run of a worker. */
export type Context = {
  imageID: string;
  owner: string;
  now: number;
  leaseSeconds: number;
  /** Visibility of an image that no request created. */
  visibility?: ImageRecord["visibility"];
};

/** Returns the content of a record as the draft of its next version. */
export function keptOf(record: ImageRecord): Draft {
  const { version, updatedAt, last, writeID, indexed, ...rest } = record;
  return rest;
}

/**
 * Returns the keys replaced within `keptMs`, and the record's own apart from those that its successor keeps. Older ones are
 * left to the reconciler's sweep.
 */
export function superseded(
  record: ImageRecord,
  now: number,
  keptMs = supersededMs,
  kept: readonly string[] = [],
): Superseded[] | undefined {
  const older = (record.superseded ?? []).filter(({ at }) => Date.parse(at) > now - keptMs);
  const keys = VariantFile.keysOf(record).filter((key) => !kept.includes(key));
  const all = keys.length > 0 ? [...older, { keys, at: iso(now) }] : older;
  return all.length > 0 ? all : undefined;
}

/** Every key in the processed bucket that clients may hold: the record's own, and those replaced within a day. */
export function keysInUse(record: ImageRecord, now: number): Set<string> {
  return new Set((superseded(record, now) ?? []).flatMap(({ keys }) => keys));
}

/** Returns a draft without the content that was made of its bytes. */
export function withoutContent(draft: Draft): Draft {
  const { variants, placeholder, source, recipe, processedAt, bytes, sha256, ...rest } = draft;
  return rest;
}

/** Returns true if a worker holds the lease and may commit. */
export const isLeased = (record: ImageRecord, now: number) =>
  record.status === "processing" && record.leaseUntil !== undefined && Date.parse(record.leaseUntil) > now;

/** An upload as an event or a check reports it. A check has no sequencer, and leaves that of the record. */
export type Upload = { by: string; etag: string; sequencer: string | undefined };

/** Returns true for the event of an upload that a check found first. */
export const isFound = (
  record: ImageRecord | undefined,
  { etag, sequencer }: Pick<Upload, "etag" | "sequencer">,
): boolean => record?.found === etag && sequencer !== record.sequencer;

/**
 * Returns a draft with the entry of its upload, which the audit trail gets once: the event of an upload that a check found
 * adds none.
 */
export function recorded(
  record: ImageRecord | undefined,
  draft: Draft,
  upload: Upload,
  detail?: Entry["detail"],
): { draft: Draft; entry?: Entry } {
  const { by, etag, sequencer } = upload;
  if (isFound(record, upload)) return { draft: { ...draft, found: undefined } };
  const isEvent = sequencer !== record?.sequencer;
  return {
    draft: isEvent ? draft : { ...draft, found: etag },
    entry: { type: "uploaded", by, detail: { etag, ...detail } },
  };
}
