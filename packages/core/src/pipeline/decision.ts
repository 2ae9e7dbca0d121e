/**
 * Carries out the protocol's decisions on queue messages. Separate from `pipeline.ts`, because the dead-letter
 * function's bundle contains no engine (sharp).
 */

import { Resource } from "sst";
import { Storage } from "../aws/storage.ts";
import { ID } from "../id.ts";
import { Deletion } from "../records/deletion.ts";
import type { Context } from "../records/draft.ts";
import type { Message } from "../records/message.ts";
import type { Checked } from "../records/outcome.ts";
import { Posting } from "../records/postings.ts";
import { Protocol } from "../records/protocol.ts";
import { type Applied, apply, keep, read, write } from "../records/record.ts";
import { Term } from "../records/terms.ts";
import type { Settings } from "../settings.ts";
import type { ImageRecord } from "../table/image-entity.ts";

/**
 * The result of a message, for the log. Only `acknowledge: true` deletes it from the queue. `idle`: nothing was decoded, so
 * that the spend breaker does not count the run. With the result of a check of predicted qualities, if there was one.
 */
export type Report = {
  acknowledge: boolean;
  imageID: string;
  did: string;
  idle?: boolean;
} & Partial<Checked>;

/** A message's image and its record as read. */
export type Subject = { imageID: string; owner: string; record: ImageRecord | undefined };

/**
 * Resolves an object key to its image and current record. The key of a created upload names its image. Any other key
 * is an image by itself, and so is a key that names an image which was created under another key.
 */
export async function resolve(key: string): Promise<Subject> {
  const upload = ID.parseKey(key);
  if (upload) {
    const record = await read(upload.imageID);
    if (!record || record.key === key) return { ...upload, record };
  }
  const imageID = ID.imageIDFromKey(Resource.Uploads.name, key);
  return { imageID, owner: ID.ownerDefault, record: await read(imageID) };
}

/** The lease outlasts the function, so that a worker that still runs always holds it. */
const leaseMarginSeconds = 15;

/** Applies a rule of the protocol to the subject's record and writes its decision. */
export async function carryOut<D>(
  subject: Subject,
  settings: Settings.Pipeline,
  rule: (record: ImageRecord | undefined, context: Context) => D,
): Promise<Applied<Awaited<D>>> {
  const { imageID, owner } = subject;
  const leaseSeconds = settings.processorTimeoutSeconds + leaseMarginSeconds;
  const visibility = settings.privateByDefault ? "private" : undefined;
  return apply(subject, (record) =>
    rule(record, { imageID, owner, now: Date.now(), leaseSeconds, visibility }),
  );
}

/** Marks the image of a dead letter as `failed`, so that callers see it and may reprocess it. */
export async function onDeadLetter(
  message: Message,
  letter: { receives: number; reason: string },
  settings: Settings.Pipeline,
): Promise<Report> {
  const subject = await resolve(message.key);
  const { imageID } = subject;
  const applied = await carryOut(subject, settings, (record, context) =>
    Protocol.rules.onDeadLetter(record, message, letter, context),
  );
  if (!applied.written) {
    const { do: action, why } = applied.decision;
    return { acknowledge: action === "acknowledge", imageID, did: why };
  }
  await cleanUp(applied.record);
  return { acknowledge: true, imageID, did: `wrote ${applied.record.status}` };
}

/**
 * Cleans up after a deletion: writes the tombstone's last transition to the audit trail and removes its variants and
 * the rows of its terms. Idempotent. Does nothing to a record that needs no cleanup.
 */
export async function cleanUp(record: ImageRecord): Promise<void> {
  if (!Deletion.needsCleanup(record)) return;
  await keep(record);
  await Storage.removeVariants(Deletion.keysToCleanUp(record));
  await Posting.remove(record, Term.of(record));
  // After a conflicting write, that writer or the reconciler cleans up the rest.
  await write(record, Deletion.onCleanedUp(record).draft);
}
