/**
 * What is wrong between the buckets and the table, and what would mend it. Nothing is touched here. Whatever changes
 * while it is being looked at is left alone: the pipeline has it in hand.
 */
export * as Inspect from "./inspect.ts";

import { Resource } from "sst";
import { Queue } from "../aws/queue.ts";
import { type Listed, Storage } from "../aws/storage.ts";
import { fingerprint } from "../engine/recipe.ts";
import { ID } from "../id.ts";
import { Image } from "../images/image.ts";
import { Protocol } from "../records/protocol.ts";
import { readMany } from "../records/record.ts";
import { Walk } from "../records/scan.ts";
import { ImageEntity, type ImageRecord } from "../table/image-entity.ts";
import { Reconcile } from "./reconcile.ts";

/**
 * What can be wrong, and how bad that is. `error`: somebody misses a picture. `warning`: it will mend by itself, or
 * costs a little money.
 */
export const kinds = {
  unrecorded: "error",
  original_missing: "error",
  variant_missing: "error",
  failed: "error",
  stuck: "warning",
  orphan: "warning",
  stale: "warning",
} as const satisfies Record<string, "error" | "warning">;
export type Kind = keyof typeof kinds;

/** One thing that is wrong. `where` is a key in the uploads, or in the processed bucket for orphans. */
export type Finding = {
  kind: Kind;
  severity: "error" | "warning";
  where: string;
  imageID?: string;
  message: string;
  repair?: Repair;
};

/** What mends it: a look through the queue, making the variants again, or taking orphans away. */
export type Repair =
  | { do: "check"; check: Queue.Sent }
  | { do: "reprocess"; imageID: string }
  | { do: "remove"; keys: string[] };

/** A step of an inspection: how many objects and images were looked at, and what is wrong with them. */
export type Step = { looked: number; findings: Finding[] };

/** Younger things are still on their way; orphans may still be about to be committed. */
const dayMs = 86_400_000;
const by = "doctor";

/**
 * Compares everything: the uploads with the table, the processed bucket with the table, the table with both. What is
 * younger than `graceMs` is left alone. Holds the ids of all images in memory: about 100 bytes each.
 */
export async function* all(graceMs = 60_000): AsyncGenerator<Step> {
  const began = Date.now();
  const settledBefore = began - graceMs;
  const withOriginal = new Set<string>();
  const withVariants = new Set<string>();
  yield* uploads(settledBefore, withOriginal);
  yield* processed(settledBefore, withVariants);
  for await (const { records } of Walk.images()) {
    const calm = records.filter(({ updatedAt }) => Date.parse(updatedAt) < settledBefore);
    const found = await Promise.all(calm.map((record) => faults(record, withOriginal, withVariants)));
    yield { looked: records.length, findings: found.flat() };
  }
  yield* stuck(settledBefore);
}

/** Carries a repair out. */
export async function mend(repair: Repair): Promise<void> {
  switch (repair.do) {
    case "check":
      return Queue.send([repair.check]);
    case "reprocess":
      await Image.reprocess({ id: repair.imageID, by });
      return;
    case "remove":
      return Storage.removeVariants(repair.keys);
  }
}

async function* uploads(before: number, seen: Set<string>): AsyncGenerator<Step> {
  for await (const page of Storage.pages("uploads")) {
    const wrong = await Reconcile.differing(page, ({ imageID }) => seen.add(imageID), by);
    const calm = new Set(page.filter(({ modified }) => modified < before).map(({ key }) => key));
    const findings = wrong
      .filter(({ key }) => calm.has(key))
      .map((check) =>
        finding("unrecorded", check.key, {
          message: check.attempt === 0 ? "It has no record." : "Its record is of another upload, or of none.",
          repair: { do: "check", check },
        }),
      );
    yield { looked: page.length, findings };
  }
}

/** Variants of one image lie together in a listing, so that one group at a time is compared with its record. */
async function* processed(before: number, seen: Set<string>): AsyncGenerator<Step> {
  let open: Listed[] = [];
  for await (const page of Storage.pages("processed")) {
    const objects = [...open, ...page.filter(({ key }) => key.startsWith("img_"))];
    const last = objects.at(-1);
    open = last ? objects.filter(({ key }) => folderOf(key) === folderOf(last.key)) : [];
    yield {
      looked: page.length,
      findings: await compare(objects.slice(0, -open.length || undefined), before, seen),
    };
  }
  yield { looked: 0, findings: await compare(open, before, seen) };
}

async function compare(objects: readonly Listed[], before: number, seen: Set<string>): Promise<Finding[]> {
  const groups = Map.groupBy(objects, ({ key }) => folderOf(key));
  const records = new Map((await readMany([...groups.keys()])).map((record) => [record.imageID, record]));
  return [...groups].flatMap(([imageID, group]) => {
    seen.add(imageID);
    const record = records.get(imageID);
    // Written since the listing began: what was listed says nothing about it.
    if (record && Date.parse(record.updatedAt) >= before) return [];
    const there = new Set(group.map(({ key }) => key));
    const missing = (record ? Protocol.keysOf(record) : []).filter((key) => !there.has(key));
    return [
      ...(record && missing.length > 0 ? [variantMissing(record, missing)] : []),
      ...orphans(group, record),
    ];
  });
}

function orphans(group: readonly Listed[], record: ImageRecord | undefined): Finding[] {
  const inUse = record ? Protocol.keysInUse(record, Date.now()) : new Set<string>();
  const keys = group
    .filter(({ key, modified }) => !inUse.has(key) && modified < Date.now() - dayMs)
    .map(({ key }) => key);
  const [first] = keys;
  if (first === undefined) return [];
  const message = `${keys.length} variants that no record names are over a day old.`;
  return [finding("orphan", first, { imageID: folderOf(first), message, repair: { do: "remove", keys } })];
}

async function faults(
  record: ImageRecord,
  withOriginal: Set<string>,
  withVariants: Set<string>,
): Promise<Finding[]> {
  const { imageID, key, attempt, status } = record;
  if (!Protocol.isSettled(record)) return [];
  const found: Finding[] = [];
  // The listing may be minutes old: only the bucket itself can say that an original is gone.
  if (!withOriginal.has(imageID) && (await Storage.etagOfOriginal(key)) === undefined) {
    const repair: Repair = { do: "check", check: { key, attempt, by } };
    return [finding("original_missing", key, { imageID, message: "Its original is gone.", repair })];
  }
  const repair: Repair = { do: "reprocess", imageID };
  const named = Protocol.keysOf(record);
  if (named.length > 0 && !withVariants.has(imageID)) found.push(variantMissing(record, named));
  if (status === "failed") {
    const message = record.error?.message ?? "Processing failed.";
    found.push(finding("failed", key, { imageID, message, repair }));
  } else if (record.recipe !== fingerprint) {
    const message = "It was made by an older recipe: reprocess --stale brings it up to date.";
    found.push(finding("stale", key, { imageID, message }));
  }
  return found;
}

/** What is unfinished and has been due for a while: the reconciler should have seen to it. */
async function* stuck(before: number): AsyncGenerator<Step> {
  for (const shard of ID.shards) {
    let cursor: string | null = null;
    do {
      const page: { data: { imageID: string }[]; cursor: string | null } = await ImageEntity.query
        .stuck({ shard })
        .lt({ dueOrder: new Date(before).toISOString() })
        .go({ limit: 100, pages: 1, cursor, attributes: ["imageID"] });
      const records = await readMany(page.data.map(({ imageID }) => imageID));
      const findings = records
        .filter(({ status, dueAt }) => status !== "failed" && dueAt && Date.parse(dueAt) < before)
        .map(({ imageID, key, attempt, status, dueAt }) =>
          finding("stuck", key, {
            imageID,
            message: `It is ${status} and has been due since ${dueAt}.`,
            repair: { do: "check", check: { key, attempt, by } },
          }),
        );
      yield { looked: page.data.length, findings };
      cursor = page.cursor;
    } while (cursor);
  }
}

const variantMissing = ({ imageID, key }: ImageRecord, missing: readonly string[]): Finding =>
  finding("variant_missing", key, {
    imageID,
    message: `${missing.length} of its variants are not in the bucket ${Resource.Processed.name}.`,
    repair: { do: "reprocess", imageID },
  });

const finding = (
  kind: Kind,
  where: string,
  rest: Pick<Finding, "message" | "repair" | "imageID">,
): Finding => ({
  kind,
  severity: kinds[kind],
  where,
  ...rest,
});

const folderOf = (key: string) => key.slice(0, key.indexOf("/"));
