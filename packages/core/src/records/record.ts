/**
 * Reads and writes records. Every write is a compare-and-set on the version that was read: changes are decided in plain
 * code on the whole record, and none is lost.
 *
 * The audit trail needs no transaction: a record holds its newest transition as `last`, and the write that replaces it
 * first puts the previous one into the audit trail, under a key derived from its version. A crash between the two
 * repeats that put, which is idempotent.
 *
 * Deliveries to webhooks are written before the record, and name the write that they wait for: `webhooks/outbox.ts`.
 *
 * The rows by which an image is found need none either: a write first adds those of new terms, and last removes those of
 * dropped ones. A crash in between leaves rows that readers ignore.
 */
import { randomBytes } from "node:crypto";
import { EventEntity, type Transition } from "../table/event-entity.ts";
import { ImageEntity, type ImageRecord } from "../table/image-entity.ts";
import { Table } from "../table/table.ts";
import { backoff } from "../time.ts";
import { Outbox } from "../webhooks/outbox.ts";
import { Counters } from "./counters.ts";
import { Outgoing } from "./outgoing.ts";
import { Posting } from "./postings.ts";
import { Term } from "./terms.ts";

export { isConditionFailure } from "../table/table.ts";

/** Entry for the audit trail; `write` adds its time and version. */
export type Entry = Pick<Transition, "type" | "by" | "detail">;

/** Content of a record; `write` adds the bookkeeping. */
export type Draft = Omit<ImageRecord, "version" | "updatedAt" | "last" | "writeID" | "indexed">;

/** Returns a new id of a write: 96 random bits in 16 characters, of which the URLs of an attempt's files are derived. */
export const newWriteID = () => randomBytes(12).toString("base64url");

/** Reads the current record, tombstones included, by one consistent GetItem; undefined if there is none. */
export async function read(imageID: string): Promise<ImageRecord | undefined> {
  const { data } = await ImageEntity.get({ imageID }).go({ consistent: true });
  return data ?? undefined;
}

/** Most rounds of a batch whose keys DynamoDB leaves unprocessed: about 15 seconds of backoff. */
const roundsMax = 10;

/** Reads the records of these ids that exist, in their order: consistent reads of 100 at a time. */
export async function readMany(ids: readonly string[]): Promise<ImageRecord[]> {
  const found = new Map<string, ImageRecord>();
  // Two keys may name one image, and DynamoDB rejects duplicate keys in a batch.
  let wanted = [...new Set(ids)].map((imageID) => ({ imageID }));
  for (let round = 0; wanted.length > 0; round++) {
    // The SDK does not retry the keys that a throttled BatchGetItem leaves unprocessed.
    if (round >= roundsMax)
      throw new Error(`DynamoDB left ${wanted.length} keys unprocessed ${round} times.`);
    if (round > 0) await backoff(round);
    const { data, unprocessed } = await ImageEntity.get(wanted).go({ consistent: true });
    for (const record of data) found.set(record.imageID, record);
    wanted = unprocessed;
  }
  return ids.flatMap((id) => found.get(id) ?? []);
}

/**
 * Replaces `before` (undefined: no record yet) by `draft`, with `entry` as its newest transition if given. Returns the
 * new record, or undefined on a conflict: another writer was faster.
 */
export async function write(
  before: ImageRecord | undefined,
  draft: Draft,
  entry?: Entry,
): Promise<ImageRecord | undefined> {
  const now = new Date().toISOString();
  const version = (before?.version ?? 0) + 1;
  const writeID = newWriteID();
  const last = entry ? { ...entry, version, at: now } : before && lastOf(before);
  if (!last) throw new Error(`The first write of ${draft.imageID} has no entry for the audit trail.`);
  if (before && entry) await keep(before);
  const { added, dropped } = Posting.changesOf(before, draft);
  await Posting.add({ ...draft, version }, added);
  const drafted: ImageRecord = {
    ...draft,
    version,
    last,
    updatedAt: new Date().toISOString(),
    writeID,
    indexed: Term.scheme,
  };
  const outgoing = entry ? await Outbox.prepare(before, drafted) : [];
  const after: ImageRecord = {
    ...drafted,
    // After the writes above: the change feed allows for the time from here to the record's row in the index.
    updatedAt: new Date().toISOString(),
  };
  const result = await put(before, after, added);
  if (result === "refused") await Outbox.discard(outgoing);
  if (result !== "written") return undefined;
  await Promise.all([Counters.count(before, after), Outbox.send(outgoing)]);
  if (before) await Posting.remove({ ...before, version }, dropped);
  return after;
}

/**
 * Writes the record of a copied image as it is, with its audit trail, instead of `before` (undefined: no record yet). No
 * transition happens: the hours of the statistics stay, and no webhook is sent. Returns false on a conflict.
 */
export async function copy(
  before: ImageRecord | undefined,
  after: ImageRecord,
  events: readonly (Omit<Transition, "version"> & { order: string })[],
): Promise<boolean> {
  const { imageID, owner, version } = after;
  for (const event of events) await EventEntity.put({ ...event, imageID, owner }).go();
  const { added, dropped } = Posting.changesOf(before, after);
  await Posting.add(after, added);
  // As in `write`: the change feed allows for the time from here.
  if ((await put(before, { ...after, updatedAt: new Date().toISOString() }, added)) !== "written")
    return false;
  await Counters.move(before, after);
  if (!before) return true;
  await Posting.remove({ ...before, version }, dropped);
  // The audit trail of the image that was replaced. Another writer keeps its transitions under higher versions.
  const kept = new Set(events.map(({ order }) => order));
  const stale = (await history(imageID)).filter(({ order }) => order < orderOf(version) && !kept.has(order));
  // One by one: a throttled batch leaves rows that the SDK does not retry.
  for (const { order } of stale) await EventEntity.delete({ imageID, order }).go();
  return true;
}

/** Reads the whole audit trail of an image but its newest transition, which the record has. */
export async function history(imageID: string): Promise<(Omit<Transition, "version"> & { order: string })[]> {
  const { data } = await EventEntity.query.byImage({ imageID }).go({ consistent: true, pages: "all" });
  return data.map(({ order, type, at, by, detail }) => ({ order, type, at, by, ...(detail && { detail }) }));
}

/**
 * Writes a record whose terms' rows `added` exist, if `before` is still the current one. Otherwise returns `refused`, or
 * `unknown` if it may have been written and replaced since.
 */
async function put(
  before: ImageRecord | undefined,
  after: ImageRecord,
  added: readonly Term.Term[],
): Promise<"written" | "refused" | "unknown"> {
  try {
    if (before) {
      await ImageEntity.put(after)
        .where(({ version }, { eq }) => eq(version, before.version))
        .go();
    } else {
      await ImageEntity.create(after).go();
    }
  } catch (error) {
    if (!Table.isConditionFailure(error)) throw error;
    // A write that timed out may have been applied. Its retry then fails its own condition.
    const current = await read(after.imageID);
    if (current?.writeID !== after.writeID) {
      await Posting.remove(after, Posting.unconfirmed(after, added, current));
      return Outgoing.rules.isRefused(current, after) ? "refused" : "unknown";
    }
  }
  return "written";
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
  from: { imageID: string; record: ImageRecord | undefined },
  decide: (record: ImageRecord | undefined) => D | Promise<D>,
): Promise<Applied<Awaited<D>>> {
  const { imageID } = from;
  let { record } = from;
  for (let conflicts = 0; conflicts < conflictsMax; conflicts++) {
    const decision = await decide(record);
    if (!isChange(decision)) return { written: false, decision, record } as Applied<Awaited<D>>;
    const written = await write(record, decision.draft, decision.entry);
    if (written) return { written: true, decision, record: written };
    record = await read(imageID);
  }
  throw new Error(
    `Gave up on ${imageID} after ${conflictsMax} write conflicts; the queue or the caller may try again.`,
  );
}

function isChange<D>(decision: D): decision is Extract<D, Change> {
  return typeof decision === "object" && decision !== null && "draft" in decision;
}

/** Writes `last` to the audit trail. Idempotent. */
export async function keep(record: ImageRecord): Promise<void> {
  const { imageID, owner } = record;
  const { version, ...entry } = lastOf(record);
  await EventEntity.put({ imageID, owner, order: orderOf(version), ...entry }).go();
}

/**
 * Returns the newest transition with the id of the write that made it, by which deliveries to webhooks find out whether
 * that write has succeeded. The record itself has that id in `last` only after a later write that made no transition.
 */
export const lastOf = ({ last, version, writeID }: ImageRecord): ImageRecord["last"] =>
  last.version === version ? { ...last, writeID } : last;

/** Most entries of an audit trail that are searched for a request. Its id is repeated within a day. */
const searchedMax = 100;

/** Returns true if one of the image's newest transitions has this request's id in its detail. */
export async function hasDone({ imageID, last }: ImageRecord, request: string): Promise<boolean> {
  if (last.detail?.request === request) return true;
  const { data } = await EventEntity.query
    .byImage({ imageID })
    .go({ consistent: true, limit: searchedMax, pages: 1, order: "desc" });
  return data.some(({ detail }) => detail?.request === request);
}

/** Formats a version for a sort key. */
export const orderOf = (version: number) => String(version).padStart(10, "0");
