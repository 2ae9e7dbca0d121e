/** Reads images as a whole, and writes them on another stage: record, audit trail, original and variants. */
export * as Transfer from "./transfer.ts";

import { ObjectStream } from "../aws/object-stream.ts";
import { Storage } from "../aws/storage.ts";
import { contentTypeOf } from "../engine/format.ts";
import { ID } from "../id.ts";
import { Copy } from "../records/copies.ts";
import { copy, history, newWriteID, read as readRecord } from "../records/record.ts";
import { VariantFile } from "../records/variant-file.ts";
import type { ImageRecord } from "../table/image-entity.ts";
import { backoff } from "../time.ts";

/** An image without its files. `events` is the audit trail without its newest transition, which the record has. */
export type Image = { record: ImageRecord; events: Awaited<ReturnType<typeof history>> };

/** A file of an image: the original, or a variant's file by its key. `md5` is the ETag of an object put in one request. */
export type File = { path: string; bytes: number; sha256: string; md5: string };

/** Writes a file of this path. */
type Keep = (path: string, opened: ObjectStream.Opened) => Promise<void>;

/** Opens a file of these bytes. */
type Open = (file: File) => Promise<ObjectStream.Opened>;

/** Place of an image's original in a dump. */
export const originalPath = ({ owner, imageID }: Pick<ImageRecord, "owner" | "imageID">): string =>
  `originals/${ID.keyOf(owner, imageID)}`;

const variantPath = (key: string) => `variants/${key}`;

/** Most times that an image is read again because it changed meanwhile. */
const roundsMax = 5;

/**
 * Reads an image and gives its files to `keep`, one after the other. An image that changes meanwhile is read again. Returns
 * undefined for an image that is not copied: deleted, or waiting for its bytes. Throws a `TransferError` for one that does
 * not stop changing, or lacks a file.
 */
export async function read(imageID: string, keep: Keep): Promise<(Image & { files: File[] }) | undefined> {
  for (let round = 0; round < roundsMax; round++) {
    if (round > 0) await backoff(round);
    const record = await readRecord(imageID);
    if (!record || !Copy.isCopied(record)) return undefined;
    const files = await readFiles(record, keep);
    if (!files) continue;
    const events = await history(imageID);
    // The trail ends before the record's newest transition.
    const { version } = record.last;
    return { record, events: events.filter(({ order }) => Number(order) < version), files };
  }
  throw new TransferError(
    "A file of it is missing, or it changes too often. Run doctor, and export again later.",
  );
}

/** Returns the bytes of the files that a copy of this record has, as far as the record has them; undefined if it has no copy. */
export function sizeOf(record: ImageRecord): number | undefined {
  if (!Copy.isCopied(record)) return undefined;
  const original = record.etag === undefined || record.discarded ? 0 : (record.bytes ?? 0);
  return VariantFile.of(record).reduce((sum, { bytes = 0 }) => sum + bytes, original);
}

/** Reads the files that a record names; undefined if one is missing or was replaced. Lazy files are made again on demand. */
async function readFiles(record: ImageRecord, keep: Keep): Promise<File[] | undefined> {
  const files: File[] = [];
  const add = (path: string, open: () => Promise<ObjectStream.Opened | undefined>) =>
    ObjectStream.retrying(async () => {
      const opened = await open();
      if (!opened) return false;
      const { body, sum } = ObjectStream.summed(opened);
      await keep(path, { body, bytes: opened.bytes });
      files.push({ path, ...sum() });
      return true;
    });
  const { etag, key } = record;
  if (etag !== undefined && !record.discarded) {
    if (!(await add(originalPath(record), () => ObjectStream.openOriginal(key, etag)))) return undefined;
  }
  for (const key of VariantFile.storedKeysOf(record))
    if (!(await add(variantPath(key), () => ObjectStream.openVariant(key)))) return undefined;
  return files;
}

/** The image of a dump cannot be copied: a file is missing or damaged, or the stage stores it in another way. */
export class TransferError extends Error {
  override readonly name = "TransferError";
}

/** The end of a copy. `same`: the stage had the image already. `conflict`: it has another image of this id, or version. */
export type Outcome = { is: "copied" } | { is: "same" } | { is: "conflict"; message: string };

/**
 * Returns true if the stage has the image as the dump has it: the same bytes and the same newest transition, or, if it was
 * being processed, a later one. Its version is higher if the import replaced another image.
 */
function isSame(
  { record, files }: Pick<Image, "record"> & { files: readonly File[] },
  current: ImageRecord,
): boolean {
  if (current.owner !== record.owner || current.etag !== etagIn(record, files)) return false;
  const isUnfinished = record.status === "pending" || record.status === "processing";
  if (isUnfinished && current.version > record.version) return true;
  const isLast = current.last.type === record.last.type && current.last.at === record.last.at;
  return isLast && current.version >= record.version;
}

/** Compares an image with the stage's. `current` is the stage's record. */
export function compare(
  { record, files }: Pick<Image, "record"> & { files: readonly File[] },
  current: ImageRecord | undefined,
): Outcome {
  if (!current || Copy.isAbandoned(current)) return { is: "copied" };
  if (isSame({ record, files }, current)) return { is: "same" };
  const message = `The stage has it with version ${current.version} (${current.status}), and the dump with version ${record.version} (${record.status}). --overwrite replaces it.`;
  return { is: "conflict", message };
}

/**
 * Writes an image on this stage, with its id, version and files as they were. `open` opens a file. Variants come first, then
 * the record, then the original, whose event the record knows. Repeating it after a crash completes it. Throws a
 * `TransferError` if a file is missing or damaged.
 */
export async function write(
  image: Image & { files: readonly File[] },
  open: Open,
  { overwrite = false } = {},
): Promise<Outcome> {
  const { record, files } = image;
  const { imageID } = record;
  const current = await readRecord(imageID);
  const outcome = compare(image, current);
  const key = ID.keyOf(record.owner, imageID);
  const etag = etagIn(record, files);
  const file = files.find(({ path }) => path === originalPath(record));
  if (outcome.is === "same") {
    // A crash between the record and the original.
    if (file && (await Storage.etagOfOriginal(key)) === undefined)
      await sendOriginal(record, key, file, open);
    return outcome;
  }
  if (outcome.is === "conflict" && !overwrite) return outcome;
  if (record.etag !== undefined && !record.discarded && !file)
    throw new TransferError("The dump has no original.");
  // The original is sent last, when a damaged one could no longer be refused.
  if (file) await check(file, open);
  for (const { key, format, bytes } of VariantFile.of(record)) {
    if (bytes === undefined) continue;
    const variant = files.find(({ path }) => path === variantPath(key));
    if (!variant) throw new TransferError(`The dump has no file ${key}.`);
    const contentType = contentTypeOf(format);
    await send(variant, open, (opened) =>
      ObjectStream.putVariant(key, opened, { md5: variant.md5, contentType }),
    );
  }
  const after = Copy.recordOf(record, {
    etag,
    now: new Date().toISOString(),
    writeID: newWriteID(),
    ...(current && { before: current }),
  });
  if (!(await copy(current, after, image.events)))
    return {
      is: "conflict",
      message: "The image was changed on the stage during the import. Import it again.",
    };
  if (file) await sendOriginal(record, key, file, open);
  return { is: "copied" };
}

/**
 * Compares the stage's record and the hashes of its files with those of a dump. Returns what differs. `changed`: the image
 * is another one by now, and is not compared.
 */
export async function verify({
  record,
  files,
}: Pick<Image, "record"> & { files: readonly File[] }): Promise<{ changed: boolean; faults: string[] }> {
  const current = await readRecord(record.imageID);
  if (!current) return { changed: false, faults: ["The image has no record."] };
  if (!isSame({ record, files }, current) || current.last.at !== record.last.at)
    return { changed: true, faults: [] };
  const faults = await Promise.all(
    files.map(async ({ path, md5 }) => {
      const isOriginal = path === originalPath(record);
      const found = isOriginal
        ? await Storage.etagOfOriginal(current.key)
        : await Storage.etagOfVariant(path.slice("variants/".length));
      return found === md5 ? [] : [`${path} has the hash ${found ?? "of no file"}, and ${md5} in the dump.`];
    }),
  );
  return { changed: false, faults: faults.flat() };
}

/** Returns the ETag that the original will have: a PUT in one request has the MD5 of its bytes. */
const etagIn = (record: ImageRecord, files: readonly File[]): string | undefined =>
  files.find(({ path }) => path === originalPath(record))?.md5 ?? record.etag;

async function sendOriginal(record: ImageRecord, key: string, file: File, open: Open): Promise<void> {
  const type = record.source ? contentTypeOf(record.source.format) : record.declared?.contentType;
  const contentType = type ?? "application/octet-stream";
  const { md5 } = file;
  const etag = await send(file, open, (opened) =>
    ObjectStream.putOriginal(key, opened, { md5, contentType }),
  );
  if (etag !== md5)
    throw new TransferError(
      `S3 stored the original with the ETag ${etag} instead of its MD5 ${md5}; it is processed again.`,
    );
}

/** Sends a file in one request, which S3 refuses if its MD5 differs. */
const send = (
  file: File,
  open: Open,
  put: (opened: ObjectStream.Opened) => Promise<string>,
): Promise<string> =>
  ObjectStream.retrying(async () => {
    const opened = await open(file);
    const { body, sum } = ObjectStream.summed(opened);
    try {
      const etag = await put({ body, bytes: opened.bytes });
      if (isOf(file, sum())) return etag;
    } catch (error) {
      if (!ObjectStream.isBadDigest(error)) throw error;
    }
    throw damaged(file);
  });

/** Throws a `TransferError` for a file whose hash differs. */
async function check(file: File, open: Open): Promise<void> {
  const sum = await ObjectStream.retrying(async () => ObjectStream.sumOf(await open(file)));
  if (!isOf(file, sum)) throw damaged(file);
}

const isOf = ({ sha256, md5 }: File, sum: ObjectStream.Sum) => sha256 === sum.sha256 && md5 === sum.md5;

const damaged = ({ path }: File) => new TransferError(`${path} is damaged: its hash differs.`);
