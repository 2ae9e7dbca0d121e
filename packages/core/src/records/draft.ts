/** Drafts of records that every rule of the protocol builds on: the fields kept and the files replaced. */
import type { ImageRecord, Superseded } from "../table/image-entity.ts";
import type { Draft } from "./record.ts";
import { VariantFile } from "./variant-file.ts";

/** Grace period of replaced variants, for clients that hold an older response. */
export const supersededMs = 86_400_000;

/** Lambda's longest run, and a minute for clocks: until then a fenced worker may write a file. */
export const workerMs = 960_000;

/** Formats a time for a record: ISO 8601 in UTC, with milliseconds. */
export const iso = (ms: number): string => new Date(ms).toISOString();

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
