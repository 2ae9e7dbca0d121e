/** An uploaded picture and the variants made from it. */
export * as Image from "./image.ts";

import { setTimeout } from "node:timers/promises";
import { Resource } from "sst";
import * as v from "valibot";
import { Upload } from "../aws/presign.ts";
import { Queue } from "../aws/queue.ts";
import { type Format, formats, type Name, names } from "../engine/recipe.ts";
import { codes } from "../engine/rejection.ts";
import { VisibleError } from "../error.ts";
import { fn } from "../fn.ts";
import { ID } from "../id.ts";
import { Protocol } from "../records/protocol.ts";
import { apply, type Change, read } from "../records/record.ts";
import { Tag } from "../records/tags.ts";
import { type ImageRecord, type StoredFile, visibleStatuses } from "../table/image-entity.ts";
import { wholeSeconds } from "../time.ts";

const text = (maxLength: number, description: string) =>
  v.pipe(v.string(), v.minLength(1), v.maxLength(maxLength), v.description(description));
const int64 = (description: string) =>
  v.pipe(v.number(), v.integer(), v.minValue(0), v.metadata({ format: "int64" }), v.description(description));
const pixels = (description: string) =>
  v.pipe(v.number(), v.integer(), v.minValue(1), v.metadata({ format: "int32" }), v.description(description));
const time = (description: string) => v.pipe(v.string(), v.isoTimestamp(), v.description(description));

const url = v.pipe(
  v.string(),
  v.description("Absolute, and never another picture: keep it as long as you like."),
);

/** One file of a variant that comes in several formats. */
export const File = v.pipe(
  v.object({ url, contentType: v.string(), bytes: int64("Size of the file.") }),
  v.metadata({ ref: "VariantFile" }),
);

/** A variant, ready to be shown. */
export const Variant = v.pipe(
  v.object({
    url,
    width: pixels("In pixels."),
    height: pixels("In pixels."),
    format: v.pipe(v.string(), v.description("`webp`, `jpeg` or `avif`.")),
    contentType: v.string(),
    bytes: int64("Size of the file."),
    formats: v.optional(
      v.pipe(
        v.object(
          Object.fromEntries(formats.map((format) => [format, v.optional(File)])) as Record<
            Format,
            v.OptionalSchema<typeof File, undefined>
          >,
        ),
        v.metadata({ ref: "VariantFormats" }),
        v.description(
          "The same picture in each of its formats, where there are several; `url` is the one of them that most clients can show.",
        ),
      ),
    ),
  }),
  v.metadata({ ref: "Variant" }),
);

/** What the original is. Absent where it is not known, as the place is unless the stage records it. */
export const Source = v.pipe(
  v.object({
    key: v.pipe(v.string(), v.description("Where it lies in the uploads bucket.")),
    bytes: v.optional(int64("Size of the original.")),
    contentType: v.optional(v.string()),
    format: v.optional(v.pipe(v.string(), v.description("What the bytes are, whatever the name says."))),
    width: v.optional(pixels("As seen, after orientation.")),
    height: v.optional(pixels("As seen, after orientation.")),
    sha256: v.optional(v.pipe(v.string(), v.description("Of the original's bytes, in hex."))),
    alpha: v.optional(v.pipe(v.boolean(), v.description("Whether any of it may be transparent."))),
    frames: v.optional(v.pipe(v.number(), v.integer(), v.metadata({ format: "int32" }))),
    perceptualHash: v.optional(
      v.pipe(
        v.string(),
        v.description(
          "What it is recognised by (dHash): 64 bits in hex, few of which differ between pictures that look alike.",
        ),
      ),
    ),
    takenAt: v.optional(
      v.pipe(
        v.string(),
        v.description("When the photo was taken, by the camera's clock; with its offset where known."),
      ),
    ),
    camera: v.optional(v.string()),
    lens: v.optional(v.string()),
    location: v.optional(
      v.pipe(
        v.object({ latitude: v.number(), longitude: v.number(), altitude: v.optional(v.number()) }),
        v.metadata({ ref: "Location" }),
      ),
    ),
  }),
  v.metadata({ ref: "Source" }),
);

export const title = text(200, "Shown to people.");
export const alt = text(1000, "What the picture shows, for those who cannot see it.");
export const tags = v.pipe(
  v.array(Tag.Info),
  v.maxLength(Tag.tagsMax),
  v.description("Words to find the image by."),
  v.transform((given) => [...new Set(given)]),
);
export const metadata = v.pipe(
  v.record(v.pipe(v.string(), v.minLength(1), v.maxLength(64)), v.pipe(v.string(), v.maxLength(512))),
  v.check((given) => Object.keys(given).length <= 20, "At most 20 entries."),
  v.description("Anything of your own: up to 20 names with their values."),
);

export const Info = v.pipe(
  v.object({
    id: v.pipe(ID.imageID, v.description("Its name for ever.")),
    status: v.pipe(v.picklist(visibleStatuses), v.description("How far it is. More statuses may come.")),
    version: v.pipe(
      v.number(),
      v.integer(),
      v.metadata({ format: "int32" }),
      v.description("Grows with every change; the ETag says it too."),
    ),
    owner: v.pipe(ID.owner, v.description("Whose it is.")),
    filename: v.optional(text(255, "The client's name for the file.")),
    title: v.optional(title),
    alt: v.optional(alt),
    tags: v.optional(v.array(v.string())),
    metadata: v.optional(v.record(v.string(), v.string())),
    source: Source,
    placeholder: v.optional(
      v.pipe(
        v.object({
          thumbhash: v.pipe(
            v.string(),
            v.description("A blurred preview in about 25 bytes, base64: https://evanw.github.io/thumbhash"),
          ),
          color: v.pipe(v.string(), v.description("The dominant colour, such as #7a8b9c.")),
        }),
        v.metadata({ ref: "Placeholder" }),
      ),
    ),
    variants: v.optional(
      v.pipe(
        v.object(
          Object.fromEntries(names.map((name) => [name, v.optional(Variant)])) as Record<
            Name,
            v.OptionalSchema<typeof Variant, undefined>
          >,
        ),
        v.metadata({ ref: "Variants" }),
      ),
    ),
    createdAt: time("When it was announced or first seen."),
    updatedAt: time("When anything about it last changed."),
    processedAt: v.optional(time("When its variants were made, or it was rejected.")),
    error: v.optional(
      v.pipe(
        v.object({
          code: v.pipe(
            v.string(),
            v.description(
              `Why it was rejected (\`${codes.join("`, `")}\`) or failed (\`processing_failed\`). More codes may come.`,
            ),
          ),
          message: v.string(),
        }),
        v.metadata({ ref: "ImageError" }),
      ),
    ),
  }),
  v.metadata({ ref: "Image" }),
);
export type Info = v.InferOutput<typeof Info>;

const Reference = v.object({ id: ID.imageID, owner: v.optional(ID.owner) });

/**
 * Looks an image up (a consistent read). With `owner`, only among that owner's images: another's is as good as none.
 * Throws `image_not_found`.
 */
export const fromID = fn(Reference, async (reference): Promise<Info> => serialize(await find(reference)));

/**
 * Looks an image up when it is `ready`, `rejected` or `failed`, or after `seconds` as it is then. Throws
 * `image_not_found`, also when it is deleted meanwhile.
 */
export const whenFinal = fn(
  v.object({ ...Reference.entries, seconds: v.number() }),
  async ({ seconds, ...reference }): Promise<Info> => {
    const end = Date.now() + seconds * 1000;
    for (let pauseMs = 100; ; pauseMs = Math.min(pauseMs * 1.5, 1000)) {
      const record = await find(reference);
      const leftMs = end - Date.now();
      if (Protocol.isSettled(record) || leftMs <= 0) return serialize(record);
      await setTimeout(Math.min(pauseMs, leftMs));
    }
  },
);

/**
 * An address that hands out the original for `seconds`. Throws `image_not_found`, `image_not_ready` before anything
 * was uploaded.
 */
export const original = fn(
  v.object({ ...Reference.entries, seconds: v.number() }),
  async ({ seconds, ...reference }): Promise<string> => {
    const { key, filename, etag } = await find(reference);
    if (etag === undefined) throw new VisibleError("image_not_ready", "Nothing has been uploaded yet.");
    return Upload.original(key, filename, seconds);
  },
);

/** What may be changed; `null` takes a field away. */
export const Changes = v.pipe(
  v.strictObject({
    title: v.nullish(title),
    alt: v.nullish(alt),
    tags: v.nullish(tags),
    metadata: v.nullish(metadata),
  }),
  v.metadata({ ref: "Changes" }),
);

/**
 * Changes what people say of an image; with `version` only if it still has that one. Throws `image_not_found`,
 * `version_conflict`.
 */
export const update = fn(
  v.object({
    ...Reference.entries,
    by: v.string(),
    version: v.optional(v.number()),
    changes: Changes,
  }),
  async ({ id, owner, by, version, changes }): Promise<Info> => {
    const fields = Object.entries(changes).filter(([, value]) => value !== undefined);
    if (fields.length === 0) return fromID({ id, owner });
    const added = changes.tags ?? [];
    let dropped: string[] = [];
    const after = await change({ id, owner }, async (record) => {
      mustBe(version, record);
      const kept = changes.tags === undefined ? (record.tags ?? []) : added;
      dropped = (record.tags ?? []).filter((tag) => !kept.includes(tag));
      const { version: _, ...draft } = record;
      await Tag.add({ ...record, version: record.version + 1 }, added);
      return {
        draft: { ...draft, ...Object.fromEntries(fields.map(([name, value]) => [name, value ?? undefined])) },
        entry: { type: "updated", by, detail: { fields: fields.map(([name]) => name).join(", ") } },
      };
    });
    await Tag.remove(after, dropped);
    return serialize(after);
  },
);

/** Sends an image through the pipeline again. Throws `image_not_found`, `image_not_ready` while it is being worked on. */
export const reprocess = fn(
  v.object({ ...Reference.entries, by: v.string() }),
  async ({ id, owner, by }): Promise<Info> => {
    const after = await change({ id, owner }, (record) => {
      if (!Protocol.isSettled(record)) {
        throw new VisibleError(
          "image_not_ready",
          `The image is ${record.status}; it can be reprocessed when it is done.`,
        );
      }
      return Protocol.onReprocess(record, by, Date.now());
    });
    await Queue.send([{ key: after.key, attempt: after.attempt, by }]);
    return serialize(after);
  },
);

/**
 * Deletes an image: from now on it is in no list, and original and variants follow at once. A crash in between is
 * made good by the reconciler. Throws `image_not_found`, `version_conflict`.
 */
export const remove = fn(
  v.object({ ...Reference.entries, by: v.string(), version: v.optional(v.number()) }),
  async ({ id, owner, by, version }): Promise<void> => {
    const after = await change({ id, owner }, (record) => {
      mustBe(version, record);
      return Protocol.onDelete(record, by, Date.now());
    });
    await Upload.remove(after.key);
    // Where nothing was uploaded yet, no event says that it is gone.
    await Queue.send([{ key: after.key, attempt: after.attempt, by }]);
  },
);

type Reference = v.InferOutput<typeof Reference>;

/** Reads the record of a reference. Throws `image_not_found`. */
const find = async (reference: Reference): Promise<ImageRecord> =>
  mustSee(reference, await read(reference.id));

/** Lets through only a record that the caller may see. Ownership is decided here and nowhere else. */
function mustSee({ id, owner }: Reference, record: ImageRecord | undefined): ImageRecord {
  if (!record || !isVisible(record) || (owner !== undefined && record.owner !== owner)) {
    throw new VisibleError("image_not_found", `There is no image ${id}.`);
  }
  return record;
}

function mustBe(version: number | undefined, record: ImageRecord): void {
  if (version === undefined || version === record.version) return;
  throw new VisibleError(
    "version_conflict",
    `The image is at version ${record.version}. Look it up and try again.`,
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

/** Whether anybody but the pipeline may see a record. TTL removes expired ones days late. */
export const isVisible = ({ status, expiresAt }: ImageRecord) =>
  status !== "deleting" && status !== "deleted" && (expiresAt === undefined || expiresAt * 1000 > Date.now());

/**
 * A visible record as callers see it: nothing of attempts and leases, and no `null`. What has no value is undefined,
 * and so not in the JSON.
 */
export function serialize(record: ImageRecord): Info {
  const { imageID, version, owner, filename, title, alt, tags, metadata, placeholder, error } = record;
  const status = visibleStatuses.find((visible) => visible === record.status);
  if (!status) throw new Error(`${imageID} is ${record.status}, which is shown to nobody.`);
  return {
    id: imageID,
    status,
    version,
    owner,
    filename,
    title,
    alt,
    tags,
    metadata,
    source: { key: record.key, bytes: record.bytes, ...record.source, sha256: record.sha256 },
    placeholder,
    variants: record.variants && shown(record.variants),
    createdAt: wholeSeconds(record.createdAt),
    updatedAt: wholeSeconds(record.updatedAt),
    processedAt: record.processedAt && wholeSeconds(record.processedAt),
    error,
  };
}

/** Variants by the recipe's order, with their addresses; undefined where there are none. */
function shown(stored: NonNullable<ImageRecord["variants"]>): Info["variants"] {
  // Not at module scope: the reconciler imports this file and is not told where the router is.
  const media = `${Resource.Router.url}/media/`;
  const variants: Info["variants"] = {};
  let some = false;
  for (const name of names) {
    const variant = stored[name];
    if (!variant) continue;
    const { width, height, format, also = [] } = variant;
    const fileOf = ({ key, contentType, bytes }: StoredFile) => ({ url: media + key, contentType, bytes });
    const { url, contentType, bytes } = fileOf(variant);
    variants[name] = { url, width, height, format, contentType, bytes };
    if (also.length > 0) {
      variants[name].formats = Object.fromEntries(
        [variant, ...also].map((file) => [file.format, fileOf(file)]),
      );
    }
    some = true;
  }
  return some ? variants : undefined;
}
