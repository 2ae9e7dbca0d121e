/**
 * Reading and writing records: every write is a compare-and-set on the version that was read, so each change of an
 * image is decided in plain code on the whole record and still cannot overtake another.
 *
 * The audit trail needs no transaction: a record carries its newest transition as `last`, and the write that
 * replaces it first puts the older one into its own row, under a key that its version determines. A crash between
 * the two repeats that put and changes nothing.
 */
import { randomUUID } from "node:crypto";
import { shardOf } from "../id.ts";
import { pause } from "../table/dynamodb.ts";
import { ElectroError } from "../table/electrodb.ts";
import { EventEntity, type Transition } from "../table/event-entity.ts";
import { ImageEntity, type ImageRecord, indexed } from "../table/image-entity.ts";
import { lookUp } from "../table/look-up.ts";
import { Counters } from "./counters.ts";

/** What a transition adds to the audit trail; when and as which version it happened is filled in by `write`. */
export type Entry = Pick<Transition, "type" | "by" | "detail">;

/** What a writer decides; the rest of the record is bookkeeping that `write` does. */
export type Draft = Omit<
  ImageRecord,
  "version" | "updatedAt" | "last" | "writeID" | "shard" | "dueOrder" | "content"
>;

/** The record as it stands now (a consistent read), tombstones included; undefined where there is none. */
export const read = lookUp;

/** The records of these ids that exist, in their order: consistent reads of 100 at a time. */
export async function readMany(ids: readonly string[]): Promise<ImageRecord[]> {
  const found = new Map<string, ImageRecord>();
  // Two keys may name one image, and DynamoDB refuses to be asked for the same item twice.
  let wanted = [...new Set(ids)].map((imageID) => ({ imageID }));
  for (let round = 0; wanted.length > 0; round++) {
    // What DynamoDB left out it was too busy for.
    if (round > 0) await pause(round);
    const { data, unprocessed } = await ImageEntity.get(wanted).go({ consistent: true });
    for (const record of data) found.set(record.imageID, record);
    wanted = unprocessed;
  }
  return ids.flatMap((id) => found.get(id) ?? []);
}

/**
 * Replaces `before` (undefined: no record yet) by `draft`, with `entry` as its newest transition where there is one.
 * Returns the new record, or undefined if somebody else wrote since `before` was read.
 */
export async function write(
  before: ImageRecord | undefined,
  draft: Draft,
  entry?: Entry,
): Promise<ImageRecord | undefined> {
  const now = new Date().toISOString();
  const version = (before?.version ?? 0) + 1;
  const last = entry ? { ...entry, version, at: now } : before?.last;
  if (!last) throw new Error(`The first write of ${draft.imageID} must say what happened.`);
  if (before && entry) await keep(before);
  const after: ImageRecord = {
    ...draft,
    version,
    last,
    updatedAt: now,
    shard: shardOf(draft.imageID),
    ...indexed(draft),
    writeID: randomUUID(),
  };
  try {
    if (before) {
      await ImageEntity.put(after)
        .where(({ version }, { eq }) => eq(version, before.version))
        .go();
    } else {
      await ImageEntity.create(after).go();
    }
  } catch (error) {
    if (!isConditionFailure(error)) throw error;
    // A write that timed out may have been applied all the same, and its retry then fails its own condition.
    const current = await read(draft.imageID);
    if (current?.writeID !== after.writeID) return undefined;
  }
  await Counters.count(before, after);
  return after;
}

/** A decided change of a record: its next content and, where it is a transition, the entry for the audit trail. */
export type Change = { draft: Draft; entry?: Entry };

/** A decision that was carried out: the record as written, or as read where the decision wrote nothing. */
export type Applied<D> =
  | { written: true; decision: Extract<D, Change>; record: ImageRecord }
  | ([Exclude<D, Change>] extends [never]
      ? never
      : { written: false; decision: Exclude<D, Change>; record: ImageRecord | undefined });

/** Most conflicting writes that a writer decides again after. */
const conflictsMax = 8;

/**
 * The compare-and-set loop behind every change of a record: decides on the record as read, writes the draft (a
 * decision without one writes nothing), and after a conflict reads and decides again. Throws after 8 conflicts.
 */
export async function apply<D>(
  read: { imageID: string; record: ImageRecord | undefined },
  decide: (record: ImageRecord | undefined) => D | Promise<D>,
): Promise<Applied<Awaited<D>>> {
  const { imageID } = read;
  let { record } = read;
  for (let conflicts = 0; conflicts < conflictsMax; conflicts++) {
    const decision = await decide(record);
    if (!isChange(decision)) return { written: false, decision, record } as Applied<Awaited<D>>;
    const written = await write(record, decision.draft, decision.entry);
    if (written) return { written: true, decision, record: written };
    record = await lookUp(imageID);
  }
  throw new Error(
    `Gave up on ${imageID} after ${conflictsMax} write conflicts; the queue or the caller may try again.`,
  );
}

function isChange<D>(decision: D): decision is Extract<D, Change> {
  return typeof decision === "object" && decision !== null && "draft" in decision;
}

/** Puts the record's newest transition into its row of the audit trail. May be repeated. */
export async function keep({ imageID, owner, last }: ImageRecord): Promise<void> {
  const { version, ...entry } = last;
  await EventEntity.put({ imageID, owner, order: orderOf(version), ...entry }).go();
}

/** A version as it stands in a sort key. */
export const orderOf = (version: number) => String(version).padStart(10, "0");

/** Whether a write was refused because its condition did not hold. */
export function isConditionFailure(error: unknown): boolean {
  return (
    error instanceof ElectroError &&
    error.cause instanceof Error &&
    error.cause.name === "ConditionalCheckFailedException"
  );
}
