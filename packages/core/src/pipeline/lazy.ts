/**
 * Makes lazy files: renders what a record names and the bucket does not have yet, when it is first requested. A record
 * names few files, and only those are made, so that a request needs no signature.
 */
export * as Lazy from "./lazy.ts";

import { Storage } from "../aws/storage.ts";
import { withinBudget } from "../engine/budget.ts";
import { free } from "../engine/free.ts";
import { frameOf, type Size } from "../engine/plan.ts";
import { fingerprint, formats, type Name, recipe, type Spec } from "../engine/recipe.ts";
import { renderFile, type Wanted } from "../engine/render.ts";
import { Quota } from "../images/quota.ts";
import { Protocol } from "../records/protocol.ts";
import { read } from "../records/record.ts";
import { VariantFile } from "../records/variant-file.ts";
import type { Settings } from "../settings.ts";
import type { ImageRecord } from "../table/image-entity.ts";

/**
 * The answer to a request for a lazy file: its bytes, nothing if no record names it, or nothing until a later day,
 * because the day's renders are used up. `etag` in quotes.
 */
export type Made =
  | { is: "made"; bytes: Buffer; contentType: string; etag: string; from: string }
  | { is: "missing" }
  | { is: "over_quota"; retryAfterSeconds: number };

/** As in `pipeline.ts`: the share of a function's memory by which it may grow for one image. */
const memoryShare = 0.8;

/** A stored variant is a source from this ratio of its width to the file's: below it, its compression would show. */
const sourceRatioMin = 1.5;

/** Longest key that is looked up: S3's limit in bytes. */
const keyMax = 1024;

/**
 * Makes the lazy file under a key of the processed bucket, in a function of `memoryMB`. Simultaneous calls store one
 * object. Throws `Rejection`, and internal errors; a later request tries again.
 */
export async function make(key: string, settings: Settings.Pipeline, memoryMB: number): Promise<Made> {
  const imageID = imageIDOf(key);
  const record = imageID === undefined ? undefined : await read(imageID);
  const file = Protocol.rules.lazyFile(record, key);
  const wanted = record && file && wantedOf(record, file);
  if (!wanted) return { is: "missing" };
  if (!(await Quota.render(record.owner, settings)))
    return { is: "over_quota", retryAfterSeconds: Quota.secondsLeft() };
  const source = await sourceOf(record, file, frameOf(wanted), settings);
  if (!source) return { is: "missing" };
  const { bytes: input, from, formats } = source;
  const budget = { seconds: settings.decodeSecondsMax, memoryMB: memoryMB * memoryShare };
  const { bytes, contentType } = await withinBudget(
    () => renderFile(input, wanted, { ...settings, formats }, record),
    budget,
  );
  free(input);
  const etag = await Storage.createVariant(key, bytes, contentType);
  // A deletion or replacement that began meanwhile may have removed its files before this one was written.
  if (!Protocol.rules.lazyFile(await read(record.imageID), key)) {
    await Storage.removeVariants([key]);
    return { is: "missing" };
  }
  if (etag !== undefined) return { is: "made", bytes, contentType, etag, from };
  const stored = await Storage.readVariant(key);
  return stored ? { is: "made", ...stored, contentType, from: key } : { is: "missing" };
}

/** Returns the id of the image in a key, `…/img_…/attempt-etag/name.webp`; undefined if there is none. */
function imageIDOf(key: string): string | undefined {
  if (key.length > keyMax) return undefined;
  const [, imageID] = /(?:^|\/)(img_[0-9A-HJKMNP-TV-Z]{26})\/[^/]+\/[^/]+$/.exec(key) ?? [];
  return imageID;
}

/** Returns the file as the current recipe makes it, in its recorded size; undefined if the recipe has no such variant. */
function wantedOf({ source }: ImageRecord, file: VariantFile.VariantFile): Wanted | undefined {
  const { name, width, height } = file;
  const spec = specOf(name);
  const format = formats.find((each) => each === file.format);
  return spec && format && source ? { spec, format, size: { width, height }, source } : undefined;
}

const specOf = (name: string): Spec | undefined =>
  Object.hasOwn(recipe, name) ? recipe[name as Name] : undefined;

/** Bytes to render from, their key, and the formats that may be decoded. */
type Source = { bytes: Buffer; from: string; formats: string[] };

/**
 * Reads the smallest stored variant that is large enough and shows the whole image, or else the original of the same
 * upload, or else a variant that is just as large.
 */
async function sourceOf(
  record: ImageRecord,
  file: VariantFile.VariantFile,
  frame: Size,
  settings: Settings.Pipeline,
): Promise<Source | undefined> {
  // The frames of an animation are in its original only.
  const isAnimated = specOf(file.name)?.animated && (record.source?.frames ?? 1) > 1;
  const variants = isAnimated ? [] : wholeVariants(record);
  const large = variants.find(({ width }) => width >= frame.width * sourceRatioMin);
  const variant = large && (await ofVariant(large, settings));
  if (variant) return variant;
  const { key, etag = "" } = record;
  // The record may be of a later upload already, whose variants are not made yet.
  if (file.key.includes(`-${etag.slice(0, 8)}/`) && etag !== "") {
    const original = await Storage.readOriginal(key, etag, settings.bytesMax);
    if (original.is === "read") return { bytes: original.bytes, from: key, formats: settings.formats };
  }
  const equal = variants.find(({ width }) => width >= frame.width);
  return equal && ofVariant(equal, settings);
}

async function ofVariant(
  { key, format }: VariantFile.VariantFile,
  settings: Settings.Pipeline,
): Promise<Source | undefined> {
  const stored = await Storage.readVariant(key);
  // A format that is not accepted from clients is one that the pipeline itself has written.
  return stored && { bytes: stored.bytes, from: key, formats: [...new Set([...settings.formats, format])] };
}

/** Formats by what their compression loses, least first: drawings are stored as lossless WebP. */
const byQuality = ["webp", "avif", "jpeg"];

/** Returns the stored files that show the whole image as it is, smallest first, as far as the current recipe made them. */
function wholeVariants({ recipe: made, variants, source }: ImageRecord): VariantFile.VariantFile[] {
  if (made !== fingerprint || !source) return [];
  return VariantFile.of({ variants })
    .filter((file) => file.bytes !== undefined && isPlain(file.name) && isWhole(source, file))
    .sort((a, b) => a.width - b.width || byQuality.indexOf(a.format) - byQuality.indexOf(b.format));
}

/** Properties of a variant's spec that do not change what it shows. */
const plain = [
  "width",
  "height",
  "fit",
  "crop",
  "formats",
  "encode",
  "quality",
  "animated",
  "lazy",
  "widths",
];

/** Returns true if nothing is drawn on a variant, and nothing in it is hidden. */
const isPlain = (name: string) =>
  Object.keys(specOf(name) ?? { unknown: true }).every((key) => plain.includes(key));

/** Returns true if an image has the shape of another, up to rounding to whole pixels. */
const isWhole = (whole: Size, { width, height }: Size) =>
  Math.abs(height - (whole.height * width) / whole.width) <= 1 ||
  Math.abs(width - (whole.width * height) / whole.height) <= 1;
