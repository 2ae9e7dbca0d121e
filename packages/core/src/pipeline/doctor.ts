/**
 * Doctor's report: what the reconciler's search finds in both buckets and the table, and its repair when asked.
 * Repairs go through the queue, where the protocol decides on the state at that time.
 */
export * as Doctor from "./doctor.ts";

import { Resource } from "sst";
import { Queue } from "../aws/queue.ts";
import { type Listed, Storage } from "../aws/storage.ts";
import { fingerprint } from "../engine/recipe.ts";
import { Image } from "../images/image.ts";
import { Placement } from "../records/placement.ts";
import { read } from "../records/record.ts";
import { Scan } from "../records/scan.ts";
import { VariantFile } from "../records/variant-file.ts";
import { dueOf, type ImageRecord } from "../table/image-entity.ts";
import { isSettled } from "../table/status.ts";
import { Reconcile } from "./reconcile.ts";

/**
 * Kinds of findings and their severity. `error`: an image is missing or broken for users. `warning`: the finding
 * resolves without action, or costs only storage.
 */
export const kinds = {
  unrecorded: "error",
  original_missing: "error",
  variant_missing: "error",
  failed: "error",
  stuck: "warning",
  orphan: "warning",
  stale: "warning",
  unindexed: "warning",
} as const satisfies Record<string, "error" | "warning">;
export type Kind = keyof typeof kinds;

/** One finding. `where` is a key in the uploads bucket; for orphans, in the processed bucket. */
export type Finding = {
  kind: Kind;
  severity: "error" | "warning";
  where: string;
  imageID?: string;
  message: string;
  repair?: Repair;
};

/**
 * Repair of a finding: a check through the queue, the same for a stuck image, a reprocess, adding an image to the search
 * index, or removing orphans.
 */
export type Repair =
  | { do: "check"; check: Queue.Sent }
  | { do: "resend" | "reprocess" | "index"; imageID: string }
  | { do: "remove"; keys: string[] };

/** One step of an inspection: how many objects and images it read, and its findings. */
export type Step = { looked: number; findings: Finding[] };

const by = "doctor";

/**
 * Inspects everything: the uploads bucket, the processed bucket and the table. Skips what is younger than `graceMs`,
 * because the pipeline is still at work on it. Holds the ids of all images in memory, about 100 bytes each.
 */
export async function* inspect(graceMs = 60_000): AsyncGenerator<Step> {
  const before = Date.now() - graceMs;
  const withOriginal = new Set<string>();
  const withVariants = new Set<string>();
  yield* inspectUploads(before, withOriginal);
  yield* inspectProcessed(before, withVariants);
  for await (const { records } of Scan.images()) {
    const settled = records.filter((each) => isSettled(each) && Date.parse(each.updatedAt) < before);
    // The listing may be minutes old, so the bucket is asked again.
    const gone = new Set(
      await Reconcile.withoutOriginal(settled.filter(({ imageID }) => !withOriginal.has(imageID))),
    );
    const findings = settled.flatMap((record) =>
      gone.has(record) ? originalMissing(record) : faultsOf(record, withVariants),
    );
    const unindexed = records.filter((record) => !Reconcile.isIndexed(record)).map(notIndexed);
    yield { looked: records.length, findings: [...findings, ...unindexed] };
  }
  for await (const { records } of Scan.due(before)) {
    const stuck = records.filter(({ status }) => status !== "failed");
    yield { looked: records.length, findings: stuck.map(overdue) };
  }
}

/** Carries out a repair. Throws if the image cannot be repaired now. */
export async function repair(repair: Repair): Promise<void> {
  switch (repair.do) {
    case "check":
      return Queue.send([repair.check]);
    case "resend": {
      const record = await read(repair.imageID);
      if (record) await Reconcile.resend(record, by);
      return;
    }
    case "reprocess":
      await Image.reprocess({ id: repair.imageID, by });
      return;
    case "index": {
      const record = await read(repair.imageID);
      if (record && !Reconcile.isIndexed(record)) await Reconcile.index(record);
      return;
    }
    case "remove":
      return Storage.removeVariants(repair.keys);
  }
}

async function* inspectUploads(before: number, seen: Set<string>): AsyncGenerator<Step> {
  for await (const page of Storage.pages("uploads")) {
    const wrong = await Reconcile.unrecorded(page, by, ({ imageID }) => seen.add(imageID));
    const settled = new Set(page.filter(({ modified }) => modified < before).map(({ key }) => key));
    const findings = wrong
      .filter(({ key }) => settled.has(key))
      .map((check) =>
        finding("unrecorded", check.key, {
          message: check.attempt === 0 ? "It has no record." : "Its record is of another upload, or of none.",
          repair: { do: "check", check },
        }),
      );
    yield { looked: page.length, findings };
  }
}

/** A listing has the variants of one image together, so each image's group is compared with its record. */
async function* inspectProcessed(before: number, seen: Set<string>): AsyncGenerator<Step> {
  let open: Listed[] = [];
  for await (const page of Storage.pages("processed")) {
    const objects = [...open, ...page.filter(({ key }) => Placement.imageIDOf(key) !== "")];
    const last = objects.at(-1);
    open = last
      ? objects.filter(({ key }) => Placement.imageIDOf(key) === Placement.imageIDOf(last.key))
      : [];
    const complete = objects.slice(0, -open.length || undefined);
    yield { looked: page.length, findings: await variantFaults(complete, before, seen) };
  }
  yield { looked: 0, findings: await variantFaults(open, before, seen) };
}

async function variantFaults(
  objects: readonly Listed[],
  before: number,
  seen: Set<string>,
): Promise<Finding[]> {
  const groups = Map.groupBy(objects, ({ key }) => Placement.imageIDOf(key));
  const records = await Reconcile.recordsOf([...groups.keys()]);
  const lost = new Set(Reconcile.orphansAmong(objects, records));
  return [...groups].flatMap(([imageID, group]) => {
    seen.add(imageID);
    const record = records.get(imageID);
    // A record that was written after the listing began cannot be judged by it.
    if (record && Date.parse(record.updatedAt) >= before) return [];
    const listed = new Set(group.map(({ key }) => key));
    const missing = (record ? VariantFile.storedKeysOf(record) : []).filter((key) => !listed.has(key));
    const keys = group.map(({ key }) => key).filter((key) => lost.has(key));
    return [...(record && missing.length > 0 ? [variantMissing(record, missing)] : []), ...orphaned(keys)];
  });
}

function faultsOf(record: ImageRecord, withVariants: ReadonlySet<string>): Finding[] {
  const { imageID, key, status } = record;
  const found: Finding[] = [];
  const named = VariantFile.storedKeysOf(record);
  if (named.length > 0 && !withVariants.has(imageID)) found.push(variantMissing(record, named));
  if (status === "failed") {
    const message = record.error?.message ?? "Processing failed.";
    found.push(finding("failed", key, { imageID, message, repair: { do: "reprocess", imageID } }));
  } else if (status !== "trashed" && record.recipe !== fingerprint) {
    const message = "Its variants are from an older recipe. `reprocess --stale` brings it up to date.";
    found.push(finding("stale", key, { imageID, message }));
  }
  return found;
}

const originalMissing = ({ imageID, key, attempt }: ImageRecord): Finding =>
  finding("original_missing", key, {
    imageID,
    message: "Its original is gone.",
    repair: { do: "check", check: { key, attempt, by } },
  });

const overdue = (record: ImageRecord): Finding => {
  const { imageID, key, status } = record;
  return finding("stuck", key, {
    imageID,
    message: `It is ${status} and has been due since ${dueOf(record)}.`,
    repair: { do: "resend", imageID },
  });
};

const notIndexed = ({ imageID, key }: ImageRecord): Finding =>
  finding("unindexed", key, {
    imageID,
    message: "It is from before the search index, so that filters do not find it.",
    repair: { do: "index", imageID },
  });

const variantMissing = ({ imageID, key }: ImageRecord, missing: readonly string[]): Finding =>
  finding("variant_missing", key, {
    imageID,
    message: `${missing.length} of its variants are not in the bucket ${Resource.Processed.name}.`,
    repair: { do: "reprocess", imageID },
  });

function orphaned(keys: string[]): Finding[] {
  const [first] = keys;
  if (first === undefined) return [];
  const message = `${keys.length} variants are over a day old and no record names them.`;
  return [
    finding("orphan", first, {
      imageID: Placement.imageIDOf(first),
      message,
      repair: { do: "remove", keys },
    }),
  ];
}

const finding = (
  kind: Kind,
  where: string,
  rest: Pick<Finding, "message" | "repair" | "imageID">,
): Finding => ({ kind, severity: kinds[kind], where, ...rest });
