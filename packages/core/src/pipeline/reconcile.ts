/**
 * Finds what the event path lost (rule 10) and sends checks for it through the queue, in scheduled jobs. A job that
 * runs out of time returns `done: false`, and its next run resumes from a checkpoint. `doctor.ts` reports and repairs
 * with the same search.
 */
export * as Reconcile from "./reconcile.ts";

import { Resource } from "sst";
import { Presign } from "../aws/presign.ts";
import { Queue } from "../aws/queue.ts";
import { type Listed, Storage } from "../aws/storage.ts";
import { ID } from "../id.ts";
import { Image } from "../images/image.ts";
import { Counters } from "../records/counters.ts";
import { Deletion } from "../records/deletion.ts";
import { isLeased } from "../records/draft.ts";
import { Placement } from "../records/placement.ts";
import { Protocol } from "../records/protocol.ts";
import { keep, read, readMany, write } from "../records/record.ts";
import { Scan } from "../records/scan.ts";
import { Term } from "../records/terms.ts";
import { Used } from "../records/used.ts";
import { Visibility } from "../records/visibility.ts";
import { CheckpointEntity } from "../table/checkpoint-entity.ts";
import type { ImageRecord } from "../table/image-entity.ts";
import { isSettled } from "../table/status.ts";
import { Totals } from "./totals.ts";

/** The result of a run: objects and images read, checks sent, variants removed. */
export type Report = { looked: number; checks: number; removed: number; done: boolean };

const self = "reconciler";

/** Orphans are left alone for a day: far longer than a running worker can need to commit them. */
const orphanMs = 86_400_000;

/** Bounds of the time until a stuck image is sent again, which is half of its age: ten minutes to six hours. */
const resendMs = { min: 600_000, max: 21_600_000 };

/**
 * Sends every unfinished image that is due through the queue again, and completes deletions. Begins the day in the usage
 * of the owner `default`.
 */
export async function stuck(deadline = Number.POSITIVE_INFINITY): Promise<Report> {
  const report: Report = { looked: 0, checks: 0, removed: 0, done: true };
  await Used.begin(Date.now(), Counters.used);
  for await (const { records, next } of Scan.due(Date.now())) {
    for (const record of records) {
      report.looked++;
      if (await resend(record, self)) report.checks++;
    }
    // Not between shards: there is no checkpoint, and the later shards would never be reached.
    if (next?.cursor && Date.now() > deadline) return { ...report, done: false };
  }
  return report;
}

/**
 * Compares the uploads bucket with the table, in both directions: every object must have a record with its ETag, and
 * every record an object. Adds the term rows of images from before the index. A run that reads every image also corrects
 * the counters and the totals of what owners have stored.
 */
export async function compare(deadline = Number.POSITIVE_INFINITY): Promise<Report> {
  const report: Report = { looked: 0, checks: 0, removed: 0, done: true };
  const after = await resume("compare");
  // Complete only if this run lists every object. Otherwise missing originals are looked up one by one.
  const seen: Counters.Scanned | undefined =
    after === undefined ? { statuses: new Map(), recent: new Set() } : undefined;
  const recentSince = new Date(Date.now() - Counters.lagMs).toISOString();
  const counted = seen && (await Counters.now());
  const totals = seen && (await Totals.begin());
  const unindexed: ImageRecord[] = [];
  const unsummed: ImageRecord[] = [];
  const saw = (record: ImageRecord) => {
    if (!isIndexed(record)) unindexed.push(record);
    if (seen && !seen.statuses.has(record.imageID) && Image.isPresent(record)) unsummed.push(record);
    // The TTL removes a record without counting it.
    seen?.statuses.set(record.imageID, Image.isPresent(record) ? record.status : "deleted");
    if (record.updatedAt >= recentSince) seen?.recent.add(record.imageID);
  };
  for await (const page of Storage.pages("uploads", after)) {
    const wrong = await unrecorded(page, self, saw);
    await Queue.send(wrong);
    for (const record of unindexed.splice(0)) await index(record);
    if (totals) await Totals.add(totals, unsummed.splice(0), recentSince);
    report.looked += page.length;
    report.checks += wrong.length;
    const last = page.at(-1);
    if (last && Date.now() > deadline) return suspend("compare", last.key, report);
  }
  for await (const { ids } of Scan.imageIDs()) {
    const records = await readMany(ids.filter((imageID) => !seen?.statuses.has(imageID)));
    records.forEach(saw);
    for (const record of unindexed.splice(0)) await index(record);
    if (totals) await Totals.add(totals, unsummed.splice(0), recentSince);
    const gone = await withoutOriginal(records, seen !== undefined);
    await Queue.send(gone.map(({ key, attempt }) => ({ key, attempt, by: self })));
    report.looked += ids.length;
    report.checks += gone.length;
  }
  if (seen && counted) await Counters.repair(seen, counted);
  if (totals) await Totals.correct(totals);
  await finish("compare");
  return report;
}

/** Returns whether a record's term rows exist, as far as it needs any. */
export const isIndexed = (record: ImageRecord): boolean =>
  record.indexed === Term.scheme || !Image.isVisible(record);

/** Writes a record as it is, which adds its term rows. A conflicting write has added them. */
export async function index(record: ImageRecord): Promise<void> {
  const { version, ...draft } = record;
  await write(record, draft);
}

/** Removes variants that are over a day old and that no record names. */
export async function sweep(deadline = Number.POSITIVE_INFINITY): Promise<Report> {
  const report: Report = { looked: 0, checks: 0, removed: 0, done: true };
  for await (const page of Storage.pages("processed", await resume("sweep"))) {
    const keys = await orphans(page);
    await Storage.removeVariants(keys);
    report.looked += page.length;
    report.removed += keys.length;
    const last = page.at(-1);
    if (last && Date.now() > deadline) return suspend("sweep", last.key, report);
  }
  await finish("sweep");
  return report;
}

/**
 * Finds the objects of a page whose record is missing, deleted or of another upload, and returns a check for each.
 * `saw` receives every record that was read.
 */
export async function unrecorded(
  page: readonly Listed[],
  by: string,
  saw?: (record: ImageRecord) => void,
): Promise<Queue.Sent[]> {
  const objects = page.map((object) => ({ ...object, imageID: imageIDOf(object.key) }));
  const records = await recordsOf(objects.map(({ imageID }) => imageID));
  const now = Date.now();
  const wrong = [];
  for (const { key, etag, imageID } of objects) {
    let record = records.get(imageID);
    // A key that names an image which was created under another key is an image by itself.
    if (record && record.key !== key) record = await read(ID.imageIDFromKey(Resource.Uploads.name, key));
    if (record) saw?.(record);
    if (record && (record.etag === etag || record.status === "deleting" || isLeased(record, now))) continue;
    wrong.push({ key, attempt: record?.attempt ?? 0, by });
  }
  return wrong;
}

/** Finds the settled records whose original is gone. `listed`: a complete listing has shown that already. */
export async function withoutOriginal(
  records: readonly ImageRecord[],
  listed = false,
): Promise<ImageRecord[]> {
  const gone = [];
  for (const record of records) {
    const isAwaited = record.status === "trashed" && record.etag === undefined;
    const hasNone = isAwaited || Protocol.rules.isDiscarded(record) || Protocol.rules.isUnfetched(record);
    if (!isSettled(record) || record.status === "deleted" || hasNone) continue;
    if (listed || (await Storage.etagOfOriginal(record.key)) === undefined) gone.push(record);
  }
  return gone;
}

/** Finds the keys of a page of the processed bucket that are over a day old and that no record names. */
export async function orphans(page: readonly Listed[]): Promise<string[]> {
  const old = page.filter(isOld);
  return orphansAmong(old, await recordsOf(old.map(({ key }) => Placement.imageIDOf(key))));
}

const isOld = ({ key, modified }: Listed) =>
  Placement.imageIDOf(key) !== "" && modified < Date.now() - orphanMs;

/** Finds the orphans among listed variants, given the records of all their images. */
export function orphansAmong(page: readonly Listed[], records: ReadonlyMap<string, ImageRecord>): string[] {
  const now = Date.now();
  const inUse = new Set(
    [...records.values()].flatMap((record) => [...Protocol.rules.keysInUse(record, now)]),
  );
  return page.flatMap((object) => (isOld(object) && !inUse.has(object.key) ? [object.key] : []));
}

/**
 * Sends a check for an unfinished record that is due, after it has removed the original of a deletion. Removes the
 * object versions of a permanent deletion whose clean-up is complete, and the original of an image that was rejected for
 * its size. Deletes an image whose expiry, or whose days in the trash, are over. Returns whether it sent a check: not if the record is not
 * due, or another writer was faster.
 */
export async function resend(record: ImageRecord, by: string): Promise<boolean> {
  const now = Date.now();
  if (!Scan.isDue(record, now)) return false;
  const { version, ...draft } = record;
  const age = (now - Date.parse(record.createdAt)) / 2;
  const dueAt = new Date(now + Math.min(Math.max(age, resendMs.min), resendMs.max)).toISOString();
  // Postponed before it is sent: if the message is lost, the image is due again.
  const end = Protocol.rules.onOver(record, by, now);
  const next =
    end?.do === "write"
      ? await write(record, end.draft, end.entry)
      : await write(record, { ...draft, dueAt });
  if (!next) return false;
  if (Deletion.needsPurge(next)) {
    await purge(next);
    return false;
  }
  if (Deletion.needsDiscard(next)) {
    await discard(next);
    return false;
  }
  if (Visibility.needsRevocation(next)) {
    await revoke(next);
    return false;
  }
  if (next.status === "deleting") await Presign.removeOriginal(next.key);
  await Queue.send([{ key: next.key, attempt: next.attempt, by }]);
  return true;
}

/**
 * Removes an original that was rejected for its size, with its versions: like `purge`, a right of the reconciler alone.
 * Leaves an upload that has replaced it meanwhile.
 */
async function discard(record: ImageRecord): Promise<void> {
  const { key, etag = "" } = record;
  await Presign.removeOriginal(key, etag);
  await Storage.removeVersions(
    "uploads",
    key,
    (version) => version.key === key && version.etag === etag && !version.current,
  );
  await write(record, Deletion.onDiscarded(record).draft);
}

/**
 * Removes the public files of an image that became private, and every file of one in the trash, those of workers that
 * were fenced meanwhile included.
 */
async function revoke(record: ImageRecord): Promise<void> {
  const listed: string[] = [];
  const prefixes = [
    `${record.imageID}/`,
    ...(record.status === "trashed" ? [Placement.folderOf(record)] : []),
  ];
  for (const prefix of prefixes)
    for await (const page of Storage.pages("processed", undefined, prefix))
      listed.push(...page.map(({ key }) => key));
  await Storage.removeVariants(Protocol.rules.keysToRevoke(record, listed));
  // After a conflicting write the next run looks again.
  await write(record, Visibility.onRevoked(record).draft);
}

/**
 * Removes every version of a deleted image's original and variants. Only the reconciler has the right: the processor,
 * which decodes untrusted files, cannot destroy what versioning keeps.
 */
async function purge(record: ImageRecord): Promise<void> {
  const { imageID, key, attempt } = record;
  await Storage.removeVersions("uploads", key, (version) => version.key === key && !version.current);
  // Attempts after the deletion belong to a newer upload under the same key.
  for (const prefix of [`${imageID}/`, Placement.folderOf(record)])
    await Storage.removeVersions("processed", prefix, ({ key }) => Placement.attemptOf(key) <= attempt);
  await keep(record);
  // After a conflicting write the next run removes what is left.
  await write(record, Deletion.onPurged(record).draft);
}

/** Reads the records of these ids (consistent reads), by id. */
export const recordsOf = async (ids: readonly string[]): Promise<Map<string, ImageRecord>> =>
  new Map((await readMany([...new Set(ids)])).map((record) => [record.imageID, record]));

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
