/**
 * Sees every write that took effect, in order, and holds it to what must be true at every moment. What it knows is
 * its own: it asks neither the protocol nor the records' reader.
 */

import { Protocol } from "@image-pipeline/core/records/protocol";
import type { Transition } from "@image-pipeline/core/table/event-entity";
import type { ImageRecord } from "@image-pipeline/core/table/image-entity";
import { names } from "@image-pipeline/local/environment";
import type { ObjectEvent } from "@image-pipeline/local/s3/event";
import { now } from "./clock.ts";
import type { Applied } from "./gates.ts";
import { type File, isNear, look, type Seen } from "./image-files.ts";
import type { Job } from "./jobs.ts";
import { plain } from "./plain.ts";

/** Everything that one world has come to. Maps by key or image id. */
export type Witness = {
  uploads: Map<string, { etag: string; sequencer: string }>;
  variants: Map<string, Seen & { etag: string }>;
  records: Map<string, ImageRecord>;
  /** What truly happened to each image, in order. */
  truth: Map<string, Transition[]>;
  /** What is on file of it, by version. */
  rows: Map<string, Map<number, Omit<Transition, "version">>>;
  /** Primary keys of everything that was ever put into the table. */
  keys: Set<string>;
  /** How much was written or removed. */
  writes: number;
  /** Every promise that was broken, in words. */
  wrong: Set<string>;
  applied(applied: Applied): Promise<void>;
  stored(event: ObjectEvent): void;
  answered(request: string, image: { id?: string; version?: number }): void;
  expired(): void;
};

/** What each request of the API that changes anything has done when it is answered. */
const promises: Record<string, Transition["type"]> = {
  "POST /images": "announced",
  "PATCH /images/:id": "updated",
  "POST /images/:id/reprocess": "reprocessed",
  "DELETE /images/:id": "deleting",
};

/** Clocks may differ by so much. */
const skewMs = 10_000;
const dayMs = 86_400_000;

/** A witness of an empty world in which only these files are uploaded. */
export function createWitness(files: readonly File[]): Witness {
  const colors = new Map(files.map(({ etag, color }) => [etag, color]));
  const seen = new Map<string, Promise<Seen>>();
  const witness: Witness = {
    uploads: new Map(),
    variants: new Map(),
    records: new Map(),
    truth: new Map(),
    rows: new Map(),
    keys: new Set(),
    writes: 0,
    wrong: new Set(),
    applied,
    stored,
    answered,
    expired,
  };
  const { uploads, variants, records, truth, rows, wrong } = witness;
  /** Variants of images that were deleted: nobody is promised anything of them, even if the image comes back. */
  const doomed = new Set<string>();
  const expect = (holds: boolean, otherwise: string) => {
    if (!holds) wrong.add(otherwise);
  };

  async function applied({ operation, input, job }: Applied): Promise<void> {
    if (operation === "PutObject") return wroteVariant(input as Parameters<typeof wroteVariant>[0]);
    if (operation === "UpdateItem") {
      const { pk, sk } = plain((input as { Key: object }).Key);
      witness.keys.add(JSON.stringify([pk, sk]));
    }
    if (operation !== "PutItem") return;
    const item = plain((input as { Item: object }).Item) as { pk: string; sk: string; __edb_e__: string };
    witness.keys.add(JSON.stringify([item.pk, item.sk]));
    if (item.__edb_e__ === "image") wroteRecord(item as unknown as ImageRecord, job);
    if (item.__edb_e__ === "event") wroteRow(item as unknown as Row);
  }

  async function wroteVariant({ Bucket, Key, Body }: { Bucket: string; Key: string; Body: Buffer }) {
    expect(Bucket === names.processed, "the pipeline wrote into its own uploads");
    // Its memory was given back before it was written out.
    if (Body.length === 0) return void wrong.add("a variant was written of nothing");
    const known = seen.get(Body.toString("base64")) ?? look(Body);
    seen.set(Body.toString("base64"), known);
    const stored = variants.get(Key);
    if (stored) Object.assign(stored, await known);
  }

  /** Rules 4 and 6, and I3: what the stores themselves say. */
  function stored({ bucket, key, name, eTag: etag = "", sequencer }: ObjectEvent) {
    witness.writes++;
    const removed = name === "ObjectRemoved:Delete";
    if (bucket === names.uploads) {
      if (removed) uploads.delete(key);
      else uploads.set(key, { etag, sequencer });
      return;
    }
    if (!removed) {
      const before = variants.get(key);
      expect(!before || before.etag === etag, "a variant was written over by another");
      variants.set(key, { etag, format: "", width: 0, height: 0, bytes: 0, color: [0, 0, 0] });
      return;
    }
    variants.delete(key);
    const record = records.get(key.split("/")[0] ?? "");
    if (record && promised(record, doomed).includes(key))
      wrong.add(`a variant was removed that clients of a ${record.status} image may hold`);
  }

  function wroteRecord(after: ImageRecord, job: Job | undefined) {
    const { imageID, version, last, status } = after;
    const before = records.get(imageID);
    records.set(imageID, after);
    witness.writes++;
    expect(version === (before?.version ?? 0) + 1, "a write overtook another");
    expect(after.attempt >= (before?.attempt ?? 0), "the attempt went back");
    expect((after.sequencer ?? "") >= (before?.sequencer ?? ""), "the sequencer went back");
    const said = last.version === version ? last : undefined;
    if (said) {
      const old = before?.last;
      const onFile = old && rows.get(imageID)?.get(old.version);
      expect(!old || onFile?.type === old.type, "a transition was replaced before it was on file");
      truth.set(imageID, [...(truth.get(imageID) ?? []), said]);
    } else expect(last.version === before?.last.version, "the newest transition was changed");
    expect(before?.status !== "deleted" || said?.type !== "deleted", "one removal was told of twice");
    if (status === "processing" && job) job.attempt = after.attempt;
    if (!before) return;
    keepsWhatPeopleSaid(before, after, said);
    if (status !== before.status) leavesRightly(before, after, said);
    if (status === "ready" || status === "rejected") commitsRightly(before, after, job);
    if (status === "deleted")
      for (const { keys } of after.superseded ?? []) for (const key of keys) doomed.add(key);
    for (const key of promised(after, doomed))
      expect(variants.has(key), `a ${status} image names a variant that is not there`);
    if (status === "ready") isRight(after);
  }

  /** I5: what is settled is left only for a newer upload, by reprocessing or for deletion. */
  function leavesRightly(before: ImageRecord, after: ImageRecord, said: Transition | undefined) {
    const settled = ["ready", "rejected", "deleted"].includes(before.status);
    if (!settled) return;
    const newer = (after.sequencer ?? "") > (before.sequencer ?? "");
    const other = after.etag !== before.etag;
    const asked = said?.type === "reprocessed" || said?.type === "deleting" || said?.type === "deleted";
    expect(newer || other || asked, `a ${before.status} image became ${after.status} for no reason`);
  }

  /** I6: only the attempt that was claimed last commits, and decides to while its lease runs. */
  function commitsRightly(before: ImageRecord, after: ImageRecord, job: Job | undefined) {
    if (before.status === after.status && before.attempt === after.attempt) return;
    expect(before.status === "processing", "an outcome was committed to an image that nobody works on");
    expect(job?.attempt === before.attempt, "a worker committed to another's attempt");
    expect((before.leaseUntil ?? "") > after.updatedAt, "a worker committed after its lease");
  }

  /** I3 and I4: every variant decodes, is what the record says it is, and shows the upload that the record names. */
  function isRight({ etag = "", variants: named = {} }: ImageRecord) {
    const color = colors.get(etag);
    expect(color !== undefined, "a bad image is ready");
    for (const [name, { key, format, width, height, bytes }] of Object.entries(named)) {
      const found = variants.get(key);
      if (!found || !color) continue;
      expect(isNear(found.color, color), "a variant shows another upload");
      expect(
        found.format === format && found.width === width && found.height === height && found.bytes === bytes,
        `the variant ${name} is not what its record says`,
      );
    }
  }

  function keepsWhatPeopleSaid(before: ImageRecord, after: ImageRecord, said: Transition | undefined) {
    for (const name of ["owner", "key", "imageID"] as const)
      expect(before[name] === after[name], `the ${name} was changed`);
    if (said?.type === "updated" || before.status === "deleted" || after.status === "deleted") return;
    for (const name of ["title", "alt", "tags", "metadata", "filename", "createdAt"] as const)
      expect(JSON.stringify(before[name]) === JSON.stringify(after[name]), `${name} was lost on the way`);
  }

  function wroteRow({ imageID, order, type, at, by, detail }: Row) {
    const filed = rows.get(imageID) ?? new Map();
    rows.set(imageID, filed);
    const entry = { type, at, by, detail };
    const before = filed.get(Number(order));
    expect(!before || JSON.stringify(before) === JSON.stringify(entry), "history was rewritten");
    filed.set(Number(order), entry);
  }

  /** I13: what the API has said yes to has happened. */
  function answered(request: string, { id = "", version }: { id?: string; version?: number }) {
    const type = promises[request];
    const kept = truth
      .get(id)
      ?.some((entry) => entry.type === type && (version ?? entry.version) === entry.version);
    expect(kept === true, `${request} was answered before it was done`);
  }

  /** The store removes what its time to live is over for. */
  function expired() {
    for (const [imageID, { expiresAt }] of records)
      if (expiresAt !== undefined && expiresAt * 1000 < now()) records.delete(imageID);
  }

  return witness;
}

type Row = Omit<Transition, "version"> & { imageID: string; order: string };

/** Every variant that a client may hold the address of: the record's own, and those replaced within a day. */
function promised(record: ImageRecord, doomed: ReadonlySet<string>): string[] {
  const { status, superseded = [] } = record;
  if (status === "deleted" || status === "deleting") return [];
  const recent = superseded.filter(({ at }) => Date.parse(at) > now() - dayMs + skewMs);
  const replaced = recent.flatMap(({ keys }) => keys).filter((key) => !doomed.has(key));
  return [...Protocol.keysOf(record), ...replaced];
}
