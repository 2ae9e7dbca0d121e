/** Invariants of processing: uploads, imports, variants, outcomes. */
import { Crop } from "@image-pipeline/core/engine/crop";
import { importCodes } from "@image-pipeline/core/records/message";
import { Placement } from "@image-pipeline/core/records/placement";
import { VariantFile } from "@image-pipeline/core/records/variant-file";
import type { ImageRecord } from "@image-pipeline/core/table/image-entity";
import { names } from "@image-pipeline/local/environment";
import { isNear } from "../image-files.ts";
import { now } from "../scheduler.ts";
import { type Invariant, skewMs } from "./invariant.ts";

const dayMs = 86_400_000;

/** By number. */
export const processing: Readonly<Record<string, Invariant>> = {
  I1: {
    promise:
      "Once nothing moves any more, every upload has exactly one record, `ready`, `rejected` or `failed`, of the bytes in the bucket.",
    heldBy: ["simulation", "kills"],
    *atRest({ observer: { uploads, records, files }, count }, { reconciler }) {
      const byKey = Map.groupBy(records.values(), ({ key }) => key);
      for (const [key, { etag }] of uploads) {
        const [record, ...more] = byKey.get(key) ?? [];
        const file = files.find((file) => file.etag === etag);
        if (!record) yield "an object has no record";
        else if (more.length > 0) yield "an object has two records";
        else if (!["ready", "rejected", "failed"].includes(record.status))
          yield `an object is left ${record.status}`;
        else if (record.etag !== etag) yield "a record is of another upload";
        else if (record.status === "rejected" && file?.color && !isOverQuota(record))
          yield "a good image was rejected";
        else if (record.status === "failed") {
          count("good image ends failed");
          if (reconciler && record.dueAt) yield "a failed image is not tried again";
        }
      }
    },
  },
  I2: {
    promise:
      "A record without an upload is a tombstone, or was rejected for its size, or is an import that failed. A `pending` record whose upload never came expires.",
    heldBy: ["simulation", "kills"],
    *atRest({ observer: { uploads, records } }, { reconciler }) {
      for (const { key, status, discarded, from } of records.values())
        if (
          !uploads.has(key) &&
          status !== "deleted" &&
          !(status === "rejected" && discarded) &&
          !(from && (status === "rejected" || status === "failed")) &&
          (reconciler || status !== "pending")
        )
          yield `a record without an upload is left ${status}`;
    },
  },
  I3: {
    promise:
      "At every moment, each variant that a `ready` record names exists, decodes, and has the size, format and bytes of the record.",
    heldBy: ["simulation", "kills"],
    *onChange(change, { records, variants, doomed }) {
      if (change.of === "put" && change.bytes === 0) yield "an empty variant was written";
      if (change.of === "variant" && change.after === undefined) {
        const record = records.get(Placement.imageIDOf(change.key));
        if (record && promised(record, doomed).includes(change.key))
          yield `a variant was removed that clients of a ${record.status} image may hold`;
      }
      if (change.of !== "record" || !change.before) return;
      const { after } = change;
      for (const key of promised(after, doomed))
        if (!variants.has(key)) yield `a ${after.status} image names a variant that does not exist`;
      if (after.status !== "ready") return;
      for (const [name, { key, ...said }] of Object.entries(after.variants ?? {})) {
        const found = variants.get(key);
        const fields = ["format", "width", "height", "bytes"] as const;
        if (found && fields.some((field) => found[field] !== said[field]))
          yield `the variant ${name} is not what its record says`;
      }
    },
  },
  I4: {
    promise: "Variants show the upload that the record names.",
    heldBy: ["simulation", "kills"],
    *onChange(change, { files, variants }) {
      if (change.of === "variant" && change.before && change.after && change.before !== change.after)
        yield "a variant was overwritten by another";
      if (change.of !== "record" || change.after.status !== "ready") return;
      const color = files.find(({ etag }) => etag === change.after.etag)?.color;
      for (const { key } of Object.values(change.after.variants ?? {})) {
        const seen = variants.get(key)?.color;
        if (color && seen && !isNear(seen, color)) yield "a variant shows another upload";
      }
    },
  },
  I5: {
    promise:
      "The version, the sequencer and the attempt never decrease. A final state is left only for a newer upload, by reprocessing, for another focus or visibility, or for the trash or deletion.",
    heldBy: ["simulation"],
    *onChange(change) {
      if (change.of !== "record") return;
      const { before, after, entry } = change;
      if (after.version !== (before?.version ?? 0) + 1) yield "a write overtook another";
      if (after.attempt < (before?.attempt ?? 0)) yield "the attempt decreased";
      if ((after.sequencer ?? "") < (before?.sequencer ?? "")) yield "the sequencer decreased";
      if (!before || before.status === after.status) return;
      if (!["ready", "rejected", "deleted"].includes(before.status)) return;
      const newer = (after.sequencer ?? "") > (before.sequencer ?? "") || after.etag !== before.etag;
      const moved =
        entry?.type === "updated" &&
        (Crop.keyOf(after) !== Crop.keyOf(before) || after.visibility !== before.visibility);
      const asked =
        moved || (entry && ["reprocessed", "trashed", "deleting", "deleted"].includes(entry.type));
      if (!newer && !asked) yield `a ${before.status} image became ${after.status} for no reason`;
    },
  },
  I6: {
    promise: "Only the worker that claimed last commits, and only while its lease runs.",
    heldBy: ["simulation"],
    *onChange(change) {
      if (change.of !== "record" || !change.before) return;
      const { before, after, entry, job } = change;
      if (after.status !== "ready" && after.status !== "rejected") return;
      if (entry?.type === "restored") return;
      if (isOverQuota(after) || isUnfetched(after)) return;
      if (before.status === after.status && before.attempt === after.attempt) return;
      if (before.status !== "processing") yield "an outcome was committed to an image without a worker";
      if (job?.attempt !== before.attempt) yield "a worker committed to another's attempt";
      if ((before.leaseUntil ?? "") <= after.last.at) yield "a worker committed after its lease";
    },
  },
  I7: {
    promise:
      "After the reconciler's sweep, no object in the processed bucket is without a record that names it.",
    heldBy: ["simulation", "kills"],
    *atRest({ observer: { records, variants } }, { reconciler }) {
      if (!reconciler) return;
      const live = [...records.values()].filter(({ status }) => status !== "deleted");
      const used = new Set(live.flatMap((record) => VariantFile.keysOf(record)));
      for (const key of variants.keys()) if (!used.has(key)) yield "an orphan is left";
    },
  },
  I8: {
    promise: "Bad bytes end `rejected` with a code from a closed list, and are not tried again.",
    heldBy: ["simulation", "end-to-end.test.ts", "hostile.test.ts", "fuzz.test.ts"],
    *onChange(change, { files }) {
      if (change.of !== "record" || change.after.status !== "ready") return;
      const file = files.find(({ etag }) => etag === change.after.etag);
      if (!file?.color) yield "a bad image is ready";
    },
  },
  I9: {
    promise:
      "A message is received at most six times, then it is a dead letter. The pipeline never writes into the uploads bucket.",
    heldBy: ["simulation", "queue.test.ts"],
    *onChange(change) {
      if (change.of === "put" && change.bucket !== names.processed)
        yield "the pipeline wrote into the uploads bucket";
    },
  },
  I11: {
    promise: "No variant contains any of the upload's metadata.",
    heldBy: ["render.test.ts"],
  },
  I12: {
    promise:
      "A file that takes its process beyond its time or memory is stopped, and the next file is processed.",
    heldBy: ["runtime.test.ts", "fuzz.test.ts", "hostile.test.ts"],
  },
  I21: {
    promise: "The cropped variants of a `ready` image were made for the focus that its record names.",
    heldBy: ["simulation", "focus.test.ts"],
    *onChange(change, { crops }) {
      if (change.of !== "record" || change.after.status !== "ready") return;
      if (crops.get(change.after.imageID) !== Crop.keyOf(change.after))
        yield "an image is ready with the crops of another focus";
    },
  },
  I27: {
    promise:
      "An import ends with the bytes of its URL or with a code of imports. Once it has bytes, it never gets such a code, and no check takes it for deleted before.",
    heldBy: ["simulation", "imports.test.ts"],
    *onChange(change) {
      if (change.of !== "record" || !change.before?.from) return;
      const { before, after, entry } = change;
      const failed = entry && ["rejected", "failed"].includes(entry.type) && hasImportCode(after);
      if (failed && before.etag !== undefined) yield "an import that has bytes was reported as failed";
      const isChecked = entry?.type === "deleted" && entry.by !== "storage";
      if (isChecked && before.status !== "deleting" && before.etag === undefined)
        yield "an import without bytes was taken for deleted";
    },
    *atRest({ observer: { records, files }, isUnharmed }) {
      if (!isUnharmed()) return;
      for (const record of records.values()) {
        const file = files.find(({ name }) => record.from?.url.endsWith(`/${name}`));
        const isLost = record.error?.code === "import_interrupted";
        if (file?.color && hasImportCode(record) && !isLost) yield "an import of a good file failed";
      }
    },
  },
};

/** Returns true for an import that has had no bytes. */
const isUnfetched = ({ from, etag }: ImageRecord) => from !== undefined && etag === undefined;

const hasImportCode = ({ error }: ImageRecord) => importCodes.some((code) => code === error?.code);

/** Returns true for a replayed upload that was refused because the owner's quota was used up. */
const isOverQuota = ({ error }: ImageRecord) => error?.code === "quota_exceeded";

/** Every variant whose URL a client may hold: the record's own, and those that were replaced within a day. */
function promised(record: ImageRecord, doomed: ReadonlySet<string>): string[] {
  const { status, superseded = [] } = record;
  if (status === "deleted" || status === "deleting") return [];
  const recent = superseded.filter(({ at }) => Date.parse(at) > now() - dayMs + skewMs);
  const replaced = recent.flatMap(({ keys }) => keys).filter((key) => !doomed.has(key));
  return [...VariantFile.keysOf(record), ...replaced];
}
