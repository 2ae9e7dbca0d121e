/**
 * Observes every write that took effect, in order, and checks the invariants at each. Reads the requests
 * themselves, independently of the protocol and the product's readers.
 */

import type { Readable } from "node:stream";
import { Crop } from "@image-pipeline/core/engine/crop";
import { ID } from "@image-pipeline/core/id";
import { Placement } from "@image-pipeline/core/records/placement";
import type { Term } from "@image-pipeline/core/records/terms";
import type { ImageRecord } from "@image-pipeline/core/table/image-entity";
import { withWholeKeys } from "@image-pipeline/core/table/stored-variant";
import { names } from "@image-pipeline/local/environment";
import type { ObjectEvent } from "@image-pipeline/local/s3/event";
import { copyJob } from "./copies.ts";
import type { Applied } from "./faults.ts";
import { type File, look, type Seen } from "./image-files.ts";
import type { Change, Delivery, Row, State } from "./invariants/invariant.ts";
import { invariants } from "./invariants/invariants.ts";
import { termKeyOf } from "./invariants/lists.ts";
import { eventOf } from "./invariants/webhooks.ts";
import { createLaggingIndex } from "./lag.ts";
import { type Job, now } from "./scheduler.ts";

/** An image in an answer of the API: the fields that are read by name. */
type Answered = {
  id?: string;
  version?: number;
  filename?: string;
  visibility?: string;
  expiresAt?: string;
};

export type Observer = State & {
  /** Primary keys, as JSON, of every item that was ever put into the table. */
  keys: Set<string>;
  /** Number of objects and records that were written or removed. */
  writes: number;
  /** The index of changes, which lags. */
  index: ReturnType<typeof createLaggingIndex>;
  /** Every violation so far, with the number of its invariant. */
  violations: Set<string>;
  report(invariant: string, violation: string): void;
  applied(applied: Applied): Promise<void>;
  stored(event: ObjectEvent): void;
  answered(request: string, image: Answered, sent?: object): void;
  expired(): void;
  /** Forgets everything about a stage that was emptied. */
  empty(): void;
};

/** Longest time in milliseconds from the time of a record to its write for which the change feed allows. */
const writeMsMax = 20_000;

/** Creates the observer of an empty world in which only these files are uploaded. */
export function createObserver(files: readonly File[]): Observer {
  const decoded = new Map<string, Promise<Seen>>();
  const observer: Observer = {
    files,
    uploads: new Map(),
    variants: new Map(),
    records: new Map(),
    history: new Map(),
    terms: new Set(),
    rows: new Map(),
    late: new Set(),
    doomed: new Set(),
    erased: new Set(),
    crops: new Map(),
    puts: new Map(),
    replays: { charged: 0, claimed: 0 },
    endpoints: [],
    transitions: new Map(),
    deliveries: new Map(),
    copies: new Map(),
    touched: new Set(),
    keys: new Set(),
    writes: 0,
    index: createLaggingIndex(),
    violations: new Set(),
    report: (invariant, violation) => void observer.violations.add(`${invariant}: ${violation}`),
    applied,
    stored,
    answered(request, image, sent = {}) {
      const { id = "", version, filename, visibility, expiresAt } = image;
      if (request.startsWith("DELETE")) erased.add(id);
      const other = "filename" in sent && sent.filename !== filename;
      const exposes = visibility === "private" && JSON.stringify(image).includes("/media/img_");
      check({ of: "answer", request, id, version, other, exposes, expiresAt });
    },
    expired,
    empty() {
      for (const kept of Object.values(observer))
        if (kept instanceof Map || (kept instanceof Set && kept !== observer.violations)) kept.clear();
      Object.assign(replays, { charged: 0, claimed: 0 });
      observer.index = createLaggingIndex();
    },
  };
  const { uploads, variants, records, history, terms, rows, late, doomed, erased, crops, puts, replays } =
    observer;
  const { copies } = observer;

  function check(change: Change) {
    for (const [name, { onChange }] of Object.entries(invariants))
      for (const violation of onChange?.(change, observer) ?? []) observer.report(name, violation);
  }

  async function applied({ operation, input, job }: Applied): Promise<void> {
    if (operation === "PutObject") return wroteObject(input as Parameters<typeof wroteObject>[0]);
    const { Key, Item, ...rest } = input as {
      Key?: object;
      Item?: object;
      ExpressionAttributeValues?: object;
    };
    if (operation === "DeleteItem") return removedTerm(plain(Key ?? {}) as Keys);
    if (operation !== "UpdateItem" && operation !== "PutItem") return;
    const item = plain(Item ?? Key ?? {}) as { pk: string; sk: string; __edb_e__?: string };
    observer.keys.add(JSON.stringify([item.pk, item.sk]));
    // The only set that the product writes.
    if (Object.values(rest.ExpressionAttributeValues ?? {}).some((value) => "SS" in value)) replays.charged++;
    if (item.__edb_e__ === "image") {
      observer.index.wrote(item);
      const record = item as unknown as ImageRecord;
      const { imageID, owner, key = ID.keyOf(owner, imageID), variants } = record;
      wroteRecord({ ...record, key, ...(variants && { variants: withWholeKeys(variants, imageID) }) }, job);
    }
    if (item.__edb_e__ === "delivery") {
      const { webhookID, deliveryID, ...row } = item as unknown as Delivery;
      observer.writes++;
      observer.deliveries.set(`${webhookID} ${deliveryID}`, { webhookID, deliveryID, ...row });
    }
    if (item.__edb_e__ === "term") terms.add(termKey(item));
    if (item.__edb_e__ === "event") wroteRow(item as unknown as Row & { imageID: string; order: string });
  }

  async function wroteObject({
    Bucket,
    Key,
    Body,
  }: {
    Bucket: string;
    Key: string;
    Body: Buffer | Readable;
  }) {
    // An import sends streams, of files that it has in the copy.
    if (!Buffer.isBuffer(Body)) {
      const content = copies.get(Placement.imageIDOf(Key))?.contents.get(`variants/${Key}`);
      const stored = variants.get(Key);
      if (content && stored) Object.assign(stored, await look(content));
      return;
    }
    check({ of: "put", bucket: Bucket, bytes: Body.length });
    if (Body.length === 0) return;
    const content = Body.toString("base64");
    const known = decoded.get(content) ?? look(Body);
    decoded.set(content, known);
    const stored = variants.get(Key);
    if (stored) Object.assign(stored, await known);
  }

  function stored({ bucket, key, name, eTag: etag = "", sequencer }: ObjectEvent) {
    observer.writes++;
    const removed = name === "ObjectRemoved:Delete";
    if (bucket === names.uploads) {
      if (removed) uploads.delete(key);
      else {
        uploads.set(key, { etag, sequencer });
        puts.set(key, (puts.get(key) ?? 0) + 1);
      }
      return;
    }
    const before = variants.get(key)?.etag;
    if (removed) variants.delete(key);
    else variants.set(key, { etag });
    check({ of: "variant", key, before, after: removed ? undefined : etag });
  }

  function wroteRecord(after: ImageRecord, job: Job | undefined) {
    const { imageID, version, last, status } = after;
    const before = records.get(imageID);
    const entry = last.version === version ? last : undefined;
    records.set(imageID, after);
    if (now() - Date.parse(after.updatedAt) < writeMsMax) late.delete(imageID);
    else late.add(imageID);
    observer.writes++;
    if (job?.name === copyJob) {
      const filed = [...(rows.get(imageID) ?? [])].map(([version, row]) => ({ ...row, version }));
      history.set(imageID, [...filed.sort((a, b) => a.version - b.version), last]);
      crops.set(imageID, Crop.keyOf(after));
      const uploaded = [...filed, last].filter(({ type }) => type === "uploaded").length;
      puts.set(after.key, (puts.get(after.key) ?? 0) + uploaded);
      return check({ of: "copy", after });
    }
    const type = entry && eventOf(before, after);
    if (type) observer.transitions.set(`${imageID} ${version}`, { type, before, after, startedAt: entry.at });
    if (entry) history.set(imageID, [...(history.get(imageID) ?? []), entry]);
    if (history.get(imageID)?.[0]?.type === "announced" && isReplay(before, after)) replays.claimed++;
    if (status === "processing" && job) job.attempt = after.attempt;
    if (status === "processing" && before?.attempt !== after.attempt) crops.set(imageID, Crop.keyOf(after));
    if (before && status === "deleted")
      for (const { keys } of after.superseded ?? []) for (const key of keys) doomed.add(key);
    check({ of: "record", before, after, entry, job });
  }

  function removedTerm(key: Keys) {
    if (terms.delete(termKey(key))) check({ of: "term", imageID: termOf(key).imageID });
  }

  function wroteRow({ imageID, order, type, at, by, detail }: Row & { imageID: string; order: string }) {
    const filed = rows.get(imageID) ?? new Map<number, Row>();
    rows.set(imageID, filed);
    const after = { type, at, by, detail };
    const before = filed.get(Number(order));
    filed.set(Number(order), after);
    check({ of: "row", before, after });
  }

  /** Removes the records whose time to live is over, as the table does. */
  function expired() {
    for (const [imageID, { expiresAt }] of records)
      if (expiresAt !== undefined && expiresAt * 1000 < now()) records.delete(imageID);
  }

  return observer;
}

/** Returns true for the claim of an upload whose event followed that of an earlier one. */
const isReplay = (before: ImageRecord | undefined, after: ImageRecord) =>
  after.status === "processing" &&
  before?.sequencer !== undefined &&
  (after.sequencer ?? "") > before.sequencer;

type Keys = { pk: string; sk: string };

/** Returns the image and the term in the key of a term row; empty texts for any other key. */
function termOf({ pk, sk }: Keys) {
  const [, kind = "", owner = ""] = /^\$images#kind_(\w+)#owner_(\w+)$/.exec(pk) ?? [];
  const [, term = "", createdAt = "", imageID = ""] =
    /^\$term_1#term_(.+)#createdAt_(.+)#imageID_(.+)$/.exec(sk) ?? [];
  return { imageID, owner, createdAt, term: `${kind}:${term}` as Term.Term };
}

function termKey(key: Keys): string {
  const { term, ...image } = termOf(key);
  return termKeyOf(image, term);
}

type WireValue = { S?: string; N?: string; BOOL?: boolean; M?: Record<string, WireValue>; L?: WireValue[] };

/** Returns a DynamoDB item's attributes as JavaScript values, of the types that this product writes. */
const plain = (item: object): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(item as Record<string, WireValue>).map(([name, value]) => [name, plainValue(value)]),
  );

function plainValue({ S, N, BOOL, M, L }: WireValue): unknown {
  if (S !== undefined) return S;
  if (N !== undefined) return Number(N);
  if (M !== undefined) return plain(M);
  if (L !== undefined) return L.map(plainValue);
  return BOOL;
}
