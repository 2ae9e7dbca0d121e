/** An uploaded image and its variants. */
export * as Image from "./image.ts";

import { setTimeout } from "node:timers/promises";
import * as v from "valibot";
import { Presign } from "../aws/presign.ts";
import { Queue } from "../aws/queue.ts";
import { VisibleError } from "../error.ts";
import { fn } from "../fn.ts";
import { ID } from "../id.ts";
import { Deletion } from "../records/deletion.ts";
import { Imports } from "../records/imports.ts";
import { Protocol } from "../records/protocol.ts";
import { apply, type Change, hasDone, read } from "../records/record.ts";
import { onReprocess } from "../records/reprocess.ts";
import { Trash } from "../records/trash.ts";
import type { ImageRecord } from "../table/image-entity.ts";
import { isSettled } from "../table/status.ts";
import { wholeSeconds } from "../time.ts";
import { Changes, metadataMax } from "./fields.ts";
import type { Info } from "./image-schema.ts";
import { isVisible, serialize, visibilityOf } from "./serialize.ts";

export {
  alt,
  Changes,
  expiresAt,
  filename,
  focus,
  metadata,
  metadataEntry,
  regions,
  tag,
  tags,
  title,
  visibility,
} from "./fields.ts";
export { Info } from "./image-schema.ts";
export { isPresent, isVisible, serialize } from "./serialize.ts";

const Reference = v.object({ id: ID.imageID, owner: v.optional(ID.owner) });

/**
 * Looks an image up (a consistent read). With `owner`, only among that owner's images. Throws `image_not_found`, for
 * other owners' images too.
 */
export const fromID = fn(Reference, async (reference): Promise<Info> => serialize(await find(reference)));

/** Returns whether the pipeline still has work to do on an image. */
export const isUnfinished = ({ status }: Pick<ImageRecord, "status">): boolean =>
  status === "pending" || status === "processing";

/**
 * Waits until an image is `ready`, `rejected`, `failed` or `trashed`, at most `seconds`, and returns it. Throws
 * `image_not_found`, also if it is deleted meanwhile.
 */
export const whenFinal = fn(
  v.object({ ...Reference.entries, seconds: v.number() }),
  async ({ seconds, ...reference }): Promise<Info> => {
    const end = Date.now() + seconds * 1000;
    for (let pauseMs = 100; ; pauseMs = Math.min(pauseMs * 1.5, 1000)) {
      const record = await find(reference);
      const leftMs = end - Date.now();
      if (!isUnfinished(record) || leftMs <= 0) return serialize(record);
      await setTimeout(Math.min(pauseMs, leftMs));
    }
  },
);

/** A presigned download of an original. */
export const Original = v.pipe(
  v.object({
    url: v.pipe(v.string(), v.description("Presigned URL, valid until `expiresAt`. Keep it secret.")),
    expiresAt: v.pipe(v.string(), v.isoTimestamp(), v.description("Expiry of the URL.")),
  }),
  v.metadata({ ref: "Original" }),
);

/**
 * Presigns the download of the original for `seconds`. Throws `image_not_found`, `image_trashed`, `image_not_ready`
 * before its bytes have arrived, and if they were discarded.
 */
export const original = fn(
  v.object({ ...Reference.entries, seconds: v.number() }),
  async ({ seconds, ...reference }): Promise<v.InferOutput<typeof Original>> => {
    const record = await find(reference);
    mustNotBeTrashed(record);
    const { key, filename, etag } = record;
    if (etag === undefined)
      throw new VisibleError("image_not_ready", "The original has not been uploaded yet.");
    if (Deletion.isDiscarded(record)) throw new VisibleError("image_not_ready", discarded);
    const expiresAt = wholeSeconds(new Date(Date.now() + seconds * 1000).toISOString());
    return { url: await Presign.download(key, filename, seconds), expiresAt };
  },
);

/**
 * Changes the descriptive fields of an image; with `version`, only that version. With `merge`, `metadata` is merged
 * into the image's (RFC 7396), otherwise it replaces them. Throws `image_not_found`, `image_trashed`,
 * `version_conflict`, `invalid_request` if the merged metadata has too many entries. Another focal point sends the image through the pipeline
 * again, for its cropped variants alone, and another visibility for all.
 */
export const update = fn(
  v.object({
    ...Reference.entries,
    by: v.string(),
    version: v.optional(v.number()),
    changes: Changes,
    merge: v.optional(v.boolean(), false),
  }),
  async ({ id, owner, by, version, changes, merge }): Promise<Info> => {
    const fields = Object.entries(changes).filter(([, value]) => value !== undefined);
    if (fields.length === 0) return fromID({ id, owner });
    let isMoved = false;
    const after = await change({ id, owner }, (record) => {
      mustNotBeTrashed(record);
      mustBe(version, record);
      const { version: _, ...draft } = record;
      const changed = Object.fromEntries(
        fields.map(([name, value]) => [attributeOf(name), value ?? undefined]),
      );
      if (changes.metadata) changed.metadata = patched(merge ? record.metadata : {}, changes.metadata);
      const now = Date.now();
      isMoved = changes.visibility !== undefined && changes.visibility !== visibilityOf(record);
      const cropped = Protocol.rules.onFocus(record, { ...draft, ...changed }, now);
      return {
        draft: Protocol.rules.onVisibility(record, cropped, now),
        entry: { type: "updated", by, detail: { fields: fields.map(([name]) => name).join(", ") } },
      };
    });
    const isRecropped =
      after.status === "pending" && (changes.focus !== undefined || changes.regions !== undefined);
    if ((isRecropped || isMoved) && after.etag !== undefined)
      await Queue.send([{ key: after.key, attempt: after.attempt, by }]);
    return serialize(after);
  },
);

/** Returns the attribute of a field: the record's `expiresAt` is the TTL of the table. */
const attributeOf = (field: string) => (field === "expiresAt" ? "deleteAt" : field);

/** Merges changes into metadata; `null` removes an entry. Throws `invalid_request` for too many entries. */
function patched(before: Record<string, string> = {}, changes: Record<string, string | null>) {
  const after = { ...before, ...changes };
  const kept = Object.entries(after).filter((entry): entry is [string, string] => entry[1] !== null);
  if (kept.length <= metadataMax) return Object.fromEntries(kept);
  throw new VisibleError(
    "invalid_request",
    `The metadata would have ${kept.length} entries; at most ${metadataMax} are accepted. Remove some with \`null\`.`,
  );
}

const discarded =
  "The original had more bytes than are accepted and was removed. Upload a smaller file as a new image.";

const notImported = "The import brought no file. Import the URL again as a new image.";

/**
 * Sends an image through the pipeline again, once for each `request` id: a repetition sends only its message again.
 * Throws `image_not_found`, `image_trashed`, `image_not_ready` while it is processed, and if its original was discarded.
 */
export const reprocess = fn(
  v.object({ ...Reference.entries, by: v.string(), request: v.optional(v.string()) }),
  async ({ id, owner, by, request }): Promise<Info> => {
    const reference = { id, owner };
    const { record } = await apply({ imageID: id, record: await read(id) }, async (record) => {
      const before = mustSee(reference, record);
      if (request && (await hasDone(before, request))) return "done";
      mustNotBeTrashed(before);
      if (!isSettled(before)) {
        throw new VisibleError(
          "image_not_ready",
          `The image is ${before.status}; reprocess it when it is ready, rejected or failed.`,
        );
      }
      if (Deletion.isDiscarded(before)) throw new VisibleError("image_not_ready", discarded);
      if (Imports.isUnfetched(before)) throw new VisibleError("image_not_ready", notImported);
      return onReprocess(before, by, Date.now(), request);
    });
    const after = mustSee(reference, record);
    if (after.status === "pending") await Queue.send([{ key: after.key, attempt: after.attempt, by }]);
    return serialize(after);
  },
);

/**
 * Deletes an image: removes it from every list at once and puts it into the trash for `trashDays`. Without such days, or
 * with `permanent`, deletes its original and variants instead, and with `permanent` their noncurrent versions. The
 * reconciler completes the deletion after a crash. Idempotent: a repeated deletion continues the first one, or does
 * nothing. Throws `image_not_found`, `version_conflict`.
 */
export const remove = fn(
  v.object({
    ...Reference.entries,
    by: v.string(),
    version: v.optional(v.number()),
    permanent: v.optional(v.boolean()),
    trashDays: v.number(),
  }),
  async ({ id, owner, by, version, permanent, trashDays }): Promise<void> => {
    const reference = { id, owner };
    const { record } = await apply({ imageID: id, record: await read(id) }, (record) => {
      const isDeletion = record?.status === "deleting" || record?.status === "deleted";
      const own = isDeletion ? mustOwn(reference, record) : mustSee(reference, record);
      const isTrash = trashDays > 0 && !permanent && !isDeletion;
      // The caller's version was that of the image before its deletion.
      if (!isDeletion && !(isTrash && own.status === "trashed")) mustBe(version, own);
      return isTrash
        ? Protocol.rules.onTrash(own, by, Date.now(), trashDays)
        : Protocol.rules.onDelete(own, by, Date.now(), permanent);
    });
    if (record?.status !== "deleting" && record?.status !== "trashed") return;
    if (record.status === "deleting") await Presign.removeOriginal(record.key);
    // S3 sends no event if nothing was uploaded yet. Of an image in the trash, the processor removes the files.
    await Queue.send([{ key: record.key, attempt: record.attempt, by }]);
  },
);

/**
 * Takes an image out of the trash: it is processed again, because its files were removed. Idempotent: an image that is
 * not in the trash stays as it is. Throws `image_not_found`.
 */
export const restore = fn(
  v.object({ ...Reference.entries, by: v.string() }),
  async ({ by, ...reference }): Promise<Info> => {
    const { record } = await apply({ imageID: reference.id, record: await read(reference.id) }, (record) =>
      Protocol.rules.onRestore(mustSee(reference, record), by, Date.now()),
    );
    const after = mustSee(reference, record);
    // Sent again by a repeated request: the first one may have crashed before.
    if (after.status === "pending" && after.etag !== undefined)
      await Queue.send([{ key: after.key, attempt: after.attempt, by }]);
    return serialize(after);
  },
);

type Reference = v.InferOutput<typeof Reference>;

/** Reads the record of a reference. Throws `image_not_found`. */
const find = async (reference: Reference): Promise<ImageRecord> =>
  mustSee(reference, await read(reference.id));

/** Lets through only a record that the caller may see. */
const mustSee = (reference: Reference, record: ImageRecord | undefined): ImageRecord =>
  mustOwn(reference, record && isVisible(record) ? record : undefined);

/** Lets through only a record of the caller. Ownership is decided here and nowhere else. */
function mustOwn({ id, owner }: Reference, record: ImageRecord | undefined): ImageRecord {
  if (!record || (owner !== undefined && record.owner !== owner))
    throw new VisibleError("image_not_found", `Image ${id} not found.`);
  return record;
}

/** Refuses a record that is in the trash. Throws `image_trashed`. */
function mustNotBeTrashed(record: ImageRecord): void {
  if (!Trash.isTrashed(record)) return;
  throw new VisibleError(
    "image_trashed",
    `Image ${record.imageID} is in the trash until ${wholeSeconds(record.trash.until)}. Restore it first.`,
  );
}

function mustBe(version: number | undefined, record: ImageRecord): void {
  if (version === undefined || version === record.version) return;
  throw new VisibleError(
    "version_conflict",
    `The image was modified and has version ${record.version} now. Get it and try again.`,
  );
}

/** Changes a record that the caller may see. Throws `image_not_found`. */
async function change(
  reference: Reference,
  decide: (record: ImageRecord) => Change | Promise<Change>,
): Promise<ImageRecord> {
  const imageID = reference.id;
  const { record } = await apply({ imageID, record: await read(imageID) }, (record) =>
    decide(mustSee(reference, record)),
  );
  return record;
}
