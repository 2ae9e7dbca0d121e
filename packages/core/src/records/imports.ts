/** Rule 17: imports, whose bytes the importer gets from a URL. Part of the protocol. */
export * as Imports from "./imports.ts";

import type { ImageRecord } from "../table/image-entity.ts";
import { iso, keptOf } from "./draft.ts";
import type { ImportCode } from "./message.ts";
import type { Draft, Entry } from "./record.ts";

/** The decision to write a draft, or to acknowledge the message. */
type Decision = { do: "write"; draft: Draft; entry: Entry } | { do: "acknowledge"; why: string };

/** Time in which an import ends: longer than its message can exist. */
export const importMs = 86_400_000;

/** An import that ended without bytes: `rejected` if a repetition cannot succeed, otherwise `failed`. */
export type ImportFailure = {
  status: "rejected" | "failed";
  code: ImportCode | "empty_file" | "processing_failed";
  message: string;
};

/**
 * Rule 17: an import ended without bytes. Applies only while the image waits for them: bytes of another run, or a
 * deletion, win.
 */
export function onImportFailed(
  record: ImageRecord | undefined,
  { status, code, message }: ImportFailure,
  by: string,
  { now }: { now: number },
): Decision {
  if (!record || !isImporting(record)) return { do: "acknowledge", why: "the record has moved on" };
  return {
    do: "write",
    draft: { ...ended(record, status), processedAt: iso(now), error: { code, message } },
    entry: { type: status, by, detail: { code } },
  };
}

/** An import that ends in the trash stays there, and has the status once it is restored. */
const ended = (record: ImageRecord, status: ImportFailure["status"]): Draft =>
  record.trash
    ? { ...keptOf(record), trash: { ...record.trash, status, dueAt: undefined } }
    : { ...keptOf(record), status, dueAt: undefined };

/** Rule 17: a check found no object of an import. Its message was lost if the import is older than any message. */
export function onLostImport(record: ImageRecord, context: { now: number }): Decision {
  if (!isImporting(record)) return { do: "acknowledge", why: `its import is ${record.status}` };
  if (Date.parse(record.createdAt) + importMs > context.now)
    return { do: "acknowledge", why: "its import is in progress" };
  return onImportFailed(record, interrupted, "reconciler", context);
}

/** The failure of an import whose message was lost. */
export const interrupted: ImportFailure = {
  status: "failed",
  code: "import_interrupted",
  message: "The import was interrupted. Import the URL again.",
};

/** Returns whether an image waits for the bytes of its import, be it in the trash. */
export const isImporting = (record: ImageRecord): boolean =>
  (record.trash?.status ?? record.status) === "pending" && isUnfetched(record);

/** Returns whether an image is imported and has had no bytes yet. Its missing original is no deletion. */
export const isUnfetched = ({ from, etag, status }: ImageRecord): boolean =>
  from !== undefined && etag === undefined && status !== "deleting" && status !== "deleted";
