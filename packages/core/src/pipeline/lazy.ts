/**
 * Makes lazy files: renders what a record names and the bucket does not have yet, when it is first requested. A record
 * names few files, and only those are made, so that a request needs no signature.
 *
 * From the original, as every variant: from a stored variant it would take about as much CPU, and be worse by 1 to 15
 * points of SSIMULACRA2 (docs/decisions.md, "Lazy files are made from the original").
 */
export * as Lazy from "./lazy.ts";

import { Storage } from "../aws/storage.ts";
import { withinBudget } from "../engine/budget.ts";
import { contentTypeOf } from "../engine/format.ts";
import { free } from "../engine/free.ts";
import { formats, type Name, recipe, type Spec } from "../engine/recipe.ts";
import { renderFile, type Wanted } from "../engine/render.ts";
import { Quota } from "../images/quota.ts";
import { Protocol } from "../records/protocol.ts";
import { read } from "../records/record.ts";
import { VariantFile } from "../records/variant-file.ts";
import type { Settings } from "../settings.ts";

/**
 * The answer to a request for a lazy file: its bytes, nothing if no record names it, or nothing until a later day,
 * because the day's renders are used up. `etag` in quotes.
 */
export type Made =
  | { is: "made"; bytes: Buffer; contentType: string; etag: string }
  | { is: "missing" }
  | { is: "over_quota"; retryAfterSeconds: number };

/** As in `pipeline.ts`: the share of a function's memory by which it may grow for one image. */
const memoryShare = 0.8;

/** Longest key that is looked up: S3's limit in bytes. */
const keyMax = 1024;

/**
 * Makes the lazy file under a key of the processed bucket, in a function of `memoryMB`. Simultaneous calls store one
 * object. Throws `Rejection`, and internal errors; a later request tries again.
 */
export async function make(key: string, settings: Settings.Pipeline, memoryMB: number): Promise<Made> {
  const imageID = imageIDOf(key);
  const record = imageID === undefined ? undefined : await read(imageID);
  const file =
    record && Protocol.rules.isExpired(record, Date.now()) ? undefined : VariantFile.lazyOf(record, key);
  const wanted = record && file && wantedOf(file);
  if (!wanted) return { is: "missing" };
  const { key: original, etag: upload = "" } = record;
  // The record may be of a later upload already, whose variants are not made yet.
  if (!key.includes(`-${upload.slice(0, 8)}`)) return { is: "missing" };
  if (!(await Quota.render(record.owner, settings)))
    return { is: "over_quota", retryAfterSeconds: Quota.secondsLeft() };
  const source = await Storage.readOriginal(original, upload, settings.bytesMax);
  if (source.is !== "read") return { is: "missing" };
  const budget = { seconds: settings.decodeSecondsMax, memoryMB: memoryMB * memoryShare };
  const { bytes, format } = await withinBudget(
    () => renderFile(source.bytes, wanted, settings, record),
    budget,
  );
  free(source.bytes);
  const contentType = contentTypeOf(format);
  const etag = await Storage.createVariant(key, bytes, contentType);
  // A deletion or replacement that began meanwhile may have removed its files before this one was written.
  if (!VariantFile.lazyOf(await read(record.imageID), key)) {
    await Storage.removeVariants([key]);
    return { is: "missing" };
  }
  if (etag !== undefined) return { is: "made", bytes, contentType, etag };
  const stored = await Storage.readVariant(key);
  return stored ? { is: "made", ...stored, contentType } : { is: "missing" };
}

/** Returns the id of the image in a key, `…/img_…/attempt-etag/name.webp`; undefined if there is none. */
function imageIDOf(key: string): string | undefined {
  if (key.length > keyMax) return undefined;
  const [, imageID] = /(?:^|\/)(img_[0-9A-HJKMNP-TV-Z]{26})\/[^/]+\/[^/]+$/.exec(key) ?? [];
  return imageID;
}

/** Returns the file as the current recipe makes it, in its recorded size; undefined if the recipe has no such variant. */
function wantedOf({ name, width, height, ...file }: VariantFile.VariantFile): Wanted | undefined {
  const spec: Spec | undefined = Object.hasOwn(recipe, name) ? recipe[name as Name] : undefined;
  const format = formats.find((each) => each === file.format);
  return spec && format && { spec, format, size: { width, height } };
}
