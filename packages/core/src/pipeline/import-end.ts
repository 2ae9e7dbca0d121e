/** The end of an import without bytes. Separate from `import.ts`, because the dead-letter function requests no URL. */

import { Imports } from "../records/imports.ts";
import type { Importing } from "../records/message.ts";
import { Protocol } from "../records/protocol.ts";
import type { Settings } from "../settings.ts";
import { carryOut, type Report, resolve, type Subject } from "./decision.ts";

/** Marks the image of an import that became a dead letter as `failed`. */
export async function onDeadImport({ key }: Importing, settings: Settings.Pipeline): Promise<Report> {
  return endImport(await resolve(key), Imports.interrupted, "dead-letter", settings);
}

/** Marks an image whose import ended without bytes. */
export async function endImport(
  subject: Subject,
  failure: Imports.ImportFailure,
  by: string,
  settings: Settings.Pipeline,
): Promise<Report> {
  const { written } = await carryOut(subject, settings, (record, context) =>
    Protocol.rules.onImportFailed(record, failure, by, context),
  );
  const did = written
    ? `wrote ${failure.status}: ${failure.code}`
    : "nothing, because the record has moved on";
  return { acknowledge: true, imageID: subject.imageID, did };
}
