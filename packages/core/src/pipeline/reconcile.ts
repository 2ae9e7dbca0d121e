/**
 * Rule 10: what the event path loses is found again. Nothing is decided here: whatever looks wrong is sent through
 * the queue as a check, and the protocol decides on what is really there then.
 */
export * as Reconcile from "./reconcile.ts";

import { Resource } from "sst";
import { Upload } from "../aws/presign.ts";
import { Queue } from "../aws/queue.ts";
import { type Listed, Storage } from "../aws/storage.ts";
import { ID } from "../id.ts";
import { Image } from "../images/image.ts";
import { Tally } from "../records/counters.ts";
import { Protocol } from "../records/protocol.ts";
import { read, readMany, write } from "../records/record.ts";
import { CheckpointEntity } from "../table/checkpoint-entity.ts";
import { ImageEntity, type ImageRecord } from "../table/image-entity.ts";

/** What a run did. `done: false`: time ran out, and the next run goes on from its checkpoint. */
export type Report = { looked: number; checks: number; removed: number; done: boolean };

const self = "reconciler";

/** Orphans are left alone for a day, far longer than any worker can still be about to commit them. */
const orphanMs = 86_400_000;

/** An image is asked after again when it has grown half as old again, between ten minutes and six hours on. */
const againMs = { min: 600_000, max: 21_600_000 };

/** Sends every unfinished image that is due through the queue again, and finishes deletions. */
export async function stuck(deadline = Number.POSITIVE_INFINITY): Promise<Report> {
  const report: Report = { looked: 0, checks: 0, removed: 0, done: true };
  for (const shard of ID.shards) {
    let cursor: string | null = null;
    do {
      const page: { data: { imageID: string }[]; cursor: string | null } = await ImageEntity.query
        .stuck({ shard })
        .lt({ dueOrder: new Date().toISOString() })
        .go({ limit: 100, pages: 1, cursor, attributes: ["imageID"] });
      for (const record of await readMany(page.data.map(({ imageID }) => imageID))) {
        report.looked++;
        if (await nudge(record)) report.checks++;
      }
      cursor = page.cursor;
      if (cursor && Date.now() > deadline) return { ...report, done: false };
    } while (cursor);
  }
  return report;
}

/**
 * Compares the uploads with the table, both ways: every object must have a record of its present ETag, and every
 * record an object. A run that looks at every image also puts the tally right.
 */
export async function compare(deadline = Number.POSITIVE_INFINITY): Promise<Report> {
  const report: Report = { looked: 0, checks: 0, removed: 0, done: true };
  const after = await resume("compare");
  // Complete only if this run saw every object itself; otherwise the missing are looked up one by one.
  const seen = after === undefined ? new Map<string, ImageRecord["status"]>() : undefined;
  const tallied = seen && (await Tally.now());
  // What has lapsed is not shown any more, and so is not counted either.
  const saw = (record: ImageRecord) =>
    seen?.set(record.imageID, Image.isVisible(record) ? record.status : "deleted");
  for await (const page of Storage.pages("uploads", after)) {
    const wrong = await differing(page, saw);
    await Queue.send(wrong);
    report.looked += page.length;
    report.checks += wrong.length;
    const last = page.at(-1);
    if (last && Date.now() > deadline) return suspend("compare", last.key, report);
  }
  for (const shard of ID.shards) {
    let cursor: string | null = null;
    do {
      const page: { data: { imageID: string }[]; cursor: string | null } = await ImageEntity.query
        .recent({ shard })
        .go({ limit: 1000, pages: 1, cursor, attributes: ["imageID"] });
      const unseen = page.data.map(({ imageID }) => imageID).filter((imageID) => !seen?.has(imageID));
      const records = await readMany(unseen);
      records.forEach(saw);
      const gone = await withoutObject(records, seen !== undefined);
      await Queue.send(gone.map(({ key, attempt }) => ({ key, attempt, by: self })));
      report.looked += page.data.length;
      report.checks += gone.length;
      cursor = page.cursor;
    } while (cursor);
  }
  if (seen && tallied) await Tally.repair(Tally.census([...seen.values()]), tallied);
  await finish("compare");
  return report;
}

/** Removes variants that no record names and that are over a day old. */
export async function sweep(deadline = Number.POSITIVE_INFINITY): Promise<Report> {
  const report: Report = { looked: 0, checks: 0, removed: 0, done: true };
  for await (const page of Storage.pages("processed", await resume("sweep"))) {
    const orphans = await orphansOf(page);
    await Storage.removeVariants(orphans);
    report.looked += page.length;
    report.removed += orphans.length;
    const last = page.at(-1);
    if (last && Date.now() > deadline) return suspend("sweep", last.key, report);
  }
  await finish("sweep");
  return report;
}

/** Sees to one unfinished record; says whether a check was sent. */
async function nudge(record: ImageRecord): Promise<boolean> {
  const now = Date.now();
  if (record.dueAt === undefined || Date.parse(record.dueAt) > now) return false;
  const { version, ...draft } = record;
  const age = (now - Date.parse(record.createdAt)) / 2;
  const dueAt = new Date(now + Math.min(Math.max(age, againMs.min), againMs.max)).toISOString();
  // First put off, then sent: should the message be lost, the next time comes all the same.
  const next = await write(record, { ...draft, dueAt });
  if (!next) return false;
  if (next.status === "deleting") await Upload.remove(next.key);
  await Queue.send([{ key: next.key, attempt: next.attempt, by: self }]);
  return true;
}

/**
 * A check, asked for by `by`, for each object of a page whose record is missing, dead or of another upload. Told
 * of every record that it finds is `saw`.
 */
export async function differing(
  page: readonly Listed[],
  saw?: (record: ImageRecord) => void,
  by = self,
): Promise<Queue.Sent[]> {
  const objects = page.map((object) => ({ ...object, imageID: imageIDOf(object.key) }));
  const records = new Map((await readMany(objects.map(({ imageID }) => imageID))).map((r) => [r.imageID, r]));
  const now = Date.now();
  const wrong = [];
  for (const { key, etag, imageID } of objects) {
    let record = records.get(imageID);
    // A key that looks announced but is not the one its image was announced under is an image of its own.
    if (record && record.key !== key) record = await read(ID.imageIDFromKey(Resource.Uploads.name, key));
    if (record) saw?.(record);
    if (record && (record.etag === etag || record.status === "deleting" || Protocol.isLeased(record, now)))
      continue;
    wrong.push({ key, attempt: record?.attempt ?? 0, by });
  }
  return wrong;
}

/** The settled records whose original is not there. `missing` says that a full listing has shown so already. */
async function withoutObject(records: readonly ImageRecord[], missing: boolean): Promise<ImageRecord[]> {
  const gone = [];
  for (const record of records) {
    if (!Protocol.isSettled(record) || record.status === "deleted") continue;
    if (missing || (await Storage.etagOfOriginal(record.key)) === undefined) gone.push(record);
  }
  return gone;
}

/** The keys of a page of the processed bucket that are over a day old and in no record. */
async function orphansOf(page: readonly Listed[]): Promise<string[]> {
  const now = Date.now();
  const old = page.filter(({ key, modified }) => key.startsWith("img_") && modified < now - orphanMs);
  const records = await readMany([...new Set(old.map(({ key }) => key.slice(0, key.indexOf("/"))))]);
  const inUse = new Set(records.flatMap((record) => [...Protocol.keysInUse(record, now)]));
  return old.map(({ key }) => key).filter((key) => !inUse.has(key));
}

const imageIDOf = (key: string) => ID.parseKey(key)?.imageID ?? ID.imageIDFromKey(Resource.Uploads.name, key);

async function resume(job: string): Promise<string | undefined> {
  const { data } = await CheckpointEntity.get({ job }).go({ consistent: true });
  return data?.after;
}

async function suspend(job: string, after: string, report: Report): Promise<Report> {
  await CheckpointEntity.put({ job, after, savedAt: new Date().toISOString() }).go();
  return { ...report, done: false };
}

async function finish(job: string): Promise<void> {
  await CheckpointEntity.delete({ job }).go();
}
