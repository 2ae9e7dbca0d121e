/** The schema of a dump of images: its manifest, and the images as JSON lines. */
import { ID } from "@image-pipeline/core/id";
import { Image } from "@image-pipeline/core/images/image";
import { Transfer } from "@image-pipeline/core/pipeline/transfer";
import { VariantFile } from "@image-pipeline/core/records/variant-file";
import { ImageEntity, type ImageRecord, statuses } from "@image-pipeline/core/table/image-entity";
import * as v from "valibot";
import { UsageError } from "./command.ts";
import { printable } from "./format.ts";
import type { Place } from "./place.ts";
import { PlaceError } from "./stage.ts";

/** The file that describes a dump. Without `complete`, its export has not ended. */
export const manifestPath = "manifest.json";

export const Manifest = v.object({
  format: v.literal("image-pipeline-dump"),
  version: v.literal(1),
  stage: v.string(),
  at: v.string(),
  complete: v.boolean(),
  segments: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1_000_000)),
  /** Images in all, once it is complete. */
  images: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
});
export type Manifest = v.InferOutput<typeof Manifest>;

/** Returns the path of a file of images as JSON lines. */
export const segmentPath = (segment: number) => `images/${String(segment).padStart(6, "0")}.jsonl`;

/** Most bytes of such a file: 200 records and audit trails. */
const segmentBytesMax = 268_435_456;

/** Most bytes of a manifest. */
const manifestBytesMax = 65_536;

/** Reads the manifest of a dump; undefined without one. Throws `UsageError` for one that is not of this version. */
export async function findManifest(dump: Place, place: string): Promise<Manifest | undefined> {
  const text = await dump.read(manifestPath, manifestBytesMax);
  if (text === undefined) return undefined;
  const read = v.safeParse(v.pipe(v.string(), v.parseJson(), Manifest), text);
  if (!read.success)
    throw new UsageError(`The place ${place} has a ${manifestPath} that this version cannot read.`);
  return read.output;
}

/** Reads the manifest of a whole dump. Throws `UsageError` without one, and for an export that has not ended. */
export async function readManifest(dump: Place, place: string): Promise<Manifest> {
  const manifest = await findManifest(dump, place);
  if (!manifest)
    throw new UsageError(`The place ${place} has no ${manifestPath}: it is no dump of an export.`);
  if (!manifest.complete)
    throw new UsageError(`The export to ${place} has not ended. Run it again, which continues it.`);
  return manifest;
}

/** An image of a dump. */
export type Line = Transfer.Image & { files: Transfer.File[] };

/** A line that is not a valid image: `id` where it names one. */
export type Refused = { id: string; message: string };

/** Reads one file of images. Throws if there is none. */
export async function readSegment(dump: Place, segment: number): Promise<(Line | Refused)[]> {
  const path = segmentPath(segment);
  const text = await dump.read(path, segmentBytesMax);
  if (text === undefined) throw new PlaceError(`The dump has no ${path}.`);
  return text
    .split("\n")
    .filter(Boolean)
    .map((line, index) => lineOf(line, `${path}:${index + 1}`));
}

/** Parses a line. What becomes part of a key is of a strict form: a dump is untrusted. */
function lineOf(text: string, place: string): Line | Refused {
  const read = v.safeParse(v.pipe(v.string(), v.parseJson(), Line), text);
  if (!read.success) {
    const [{ message, path } = { message: "It is no image.", path: undefined }] = read.issues;
    const field = path?.map(({ key }) => String(key)).join(".");
    return { id: place, message: field ? `${field}: ${message}` : message };
  }
  // The schema has checked what keys are made of, and the entity checks the other attributes when it writes them.
  const line = read.output as unknown as Line;
  const { record, events, files } = line;
  const refuse = (message: string): Refused => ({ id: record.imageID, message });
  const unknown = Object.keys(record).find((name) => !Object.hasOwn(ImageEntity.schema.attributes, name));
  if (unknown !== undefined)
    return refuse(
      `record.${printable(unknown)} is unknown. Import it with the version that has exported it.`,
    );
  const orders = events.map(({ order }) => order);
  const isTrail = orders.every(
    (order, n) => Number(order) < record.last.version && order > (orders[n - 1] ?? ""),
  );
  if (!isTrail || record.last.version > record.version)
    return refuse("The versions of its transitions are out of order.");
  const keys = VariantFile.keysOf(record);
  const wrong = keys.find((key) => !isKeyOf(record, key));
  if (wrong !== undefined) return refuse(`${wrong} is not the key of a file of this image.`);
  const paths = [Transfer.originalPath(record), ...keys.map((key) => `variants/${key}`)];
  const other = files.find(({ path }) => !paths.includes(path));
  return other ? refuse(`${other.path} is not a file of this image.`) : line;
}

/** Returns true for a key of a variant in the image's own folder. */
function isKeyOf({ owner, imageID }: ImageRecord, key: string): boolean {
  const rest = [`${imageID}/`, `private/${owner}/${imageID}/`].find((start) => key.startsWith(start));
  return rest !== undefined && /^[\w-]+\/[\w@-]+\.\w+$/.test(key.slice(rest.length));
}

/** A time as the pipeline writes it, which is part of keys. */
const time = v.pipe(v.string(), v.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, "It is no time."));
const natural = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
/** Versions have ten digits in keys, and grow. */
const version = v.pipe(natural, v.minValue(1), v.maxValue(999_999_999));
const hex = (digits: number) =>
  v.pipe(v.string(), v.regex(new RegExp(`^[0-9a-f]{${digits}}$`), "It is no hash."));
const transition = { type: v.string(), at: time, by: v.string() };

const storedFile = {
  key: v.string(),
  format: v.pipe(v.string(), v.regex(/^[a-z0-9]{1,10}$/, "It is no format.")),
  bytes: v.optional(natural),
};

const Line = v.object({
  record: v.looseObject({
    imageID: ID.imageID,
    owner: ID.owner,
    status: v.picklist(statuses.filter((status) => status !== "deleting" && status !== "deleted")),
    createdAt: time,
    updatedAt: time,
    processedAt: v.optional(time),
    version,
    attempt: v.pipe(natural, v.maxValue(999_999_999)),
    key: v.pipe(v.string(), v.maxLength(1024)),
    etag: v.optional(v.pipe(v.string(), v.regex(/^[\w-]{1,128}$/, "It is no ETag."))),
    dueAt: v.optional(time),
    deleteAt: v.optional(time),
    last: v.looseObject({ ...transition, version }),
    trash: v.optional(
      v.looseObject({ at: time, until: time, status: v.picklist(statuses), dueAt: v.optional(time) }),
    ),
    expiresAt: v.optional(v.union([natural, time])),
    title: v.optional(Image.title),
    alt: v.optional(Image.alt),
    filename: v.optional(v.pipe(v.string(), v.maxLength(1024))),
    tags: v.optional(Image.tags),
    metadata: v.optional(v.record(v.string(), v.string())),
    visibility: v.optional(Image.visibility),
    sha256: v.optional(hex(64)),
    source: v.optional(
      v.looseObject({
        format: storedFile.format,
        perceptualHash: v.optional(hex(16)),
        takenAt: v.optional(v.pipe(v.string(), v.maxLength(64))),
      }),
    ),
    variants: v.optional(
      v.record(
        v.pipe(v.string(), v.regex(/^\w{1,64}$/, "It is no name of a variant.")),
        v.looseObject({
          ...storedFile,
          width: natural,
          height: natural,
          also: v.optional(v.array(v.looseObject(storedFile))),
          widths: v.optional(v.array(v.object({ width: natural, height: natural }))),
        }),
      ),
    ),
  }),
  events: v.array(
    v.looseObject({ ...transition, order: v.pipe(v.string(), v.regex(/^\d{10}$/, "It is no version.")) }),
  ),
  files: v.array(v.object({ path: v.string(), bytes: natural, sha256: hex(64), md5: hex(32) })),
});
