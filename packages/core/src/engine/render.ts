/**
 * The image engine: one decode, every variant.
 *
 * The original is decoded once, at the size of the largest variant where the decoder can do that (shrink-on-load);
 * each smaller variant is reduced from the one before, as raw pixels. Only encoding is paid per variant.
 */

import type { Settings } from "../settings.ts";
import { animate, encode, type Files } from "./encode.ts";
import { type Facts, readExif } from "./facts.ts";
import type { Format } from "./format.ts";
import { decode, inspect, type Original } from "./original.ts";
import { perceptualHash } from "./perceptual-hash.ts";
import { type Placeholder, placeholderOf } from "./placeholder.ts";
import { plan, type Size, type Step } from "./plan.ts";
import { type Name, type Spec, recipe as standard } from "./recipe.ts";
import { release } from "./release.ts";
import { type Clock, clockOf, exactly, finish, isWhole, open, type Raster, rasterOf } from "./sharp.ts";

/** A variant in memory, in pixels. The first of its files is the one that most clients can show. */
export type Variant<N extends string = Name> = Size & { name: N; files: Files };

/** Everything that is known and made of one original. */
export type Rendered<N extends string = Name> = {
  source: Facts;
  placeholder: Placeholder;
  variants: Variant<N>[];
};

/**
 * Makes every variant of the recipe and finds out what the original is. Throws `Rejection` when the bytes are at
 * fault; anything else thrown is a fault of ours, worth another try.
 */
export async function render(bytes: Buffer, limits: Settings.Pipeline): Promise<Rendered>;
/** The same by another recipe. */
export async function render<N extends string>(
  bytes: Buffer,
  limits: Settings.Pipeline,
  recipe: Readonly<Record<N, Spec>>,
): Promise<Rendered<N>>;
export async function render(
  bytes: Buffer,
  limits: Settings.Pipeline,
  recipe: Readonly<Record<string, Spec>> = standard,
): Promise<Rendered<string>> {
  const clock = clockOf(limits);
  const original = await inspect(bytes, limits, recipe, clock);
  const variants: Variant<string>[] = [];
  const made = new Map<string, Promise<Files>>();
  let last: Raster | undefined;
  for await (const { name, spec, size, raster } of rasters(original, limits, recipe, clock)) {
    if (last && last !== raster) release(last.pixels);
    last = raster;
    // A small original gives several variants the same picture: it is encoded once.
    const { formats, encode: how, animated, crop } = spec;
    const cut = isWhole(size, raster) ? undefined : [size, crop];
    const key = JSON.stringify([raster.width, raster.height, cut, formats, how, animated]);
    const files =
      made.get(key) ??
      (original.moves && spec.animated
        ? animate(original, size, spec, limits, clock)
        : encode(raster, size, spec, clock));
    made.set(key, files);
    variants.push({ name, ...size, files: await files });
  }
  if (!last) throw new Error("The recipe names no variant.");
  const { header, upright, alpha, exif } = original;
  const { perceptualHash, ...placeholder } = await look(last, clock);
  release(last.pixels);
  return {
    source: {
      format: header.format,
      contentType: contentTypes[header.format],
      ...upright,
      alpha,
      frames: header.frames,
      perceptualHash,
      ...readExif(exif, limits),
    },
    placeholder,
    variants: Object.keys(recipe).flatMap((name) => variants.filter((variant) => variant.name === name)),
  };
}

/** The picture at every size that the recipe asks for, largest first: what there is to encode. Throws `Rejection`. */
export async function* rasters<N extends string>(
  original: Original,
  limits: Settings.Pipeline,
  recipe: Readonly<Record<N, Spec>>,
  clock = clockOf(limits),
): AsyncGenerator<Step<N> & { raster: Raster }> {
  let raster: Raster | undefined;
  for (const step of plan(original.upright, recipe)) {
    raster = raster
      ? await reduce(raster, step.frame, clock)
      : await decode(original, step.frame, limits, clock);
    yield { ...step, raster };
  }
}

async function reduce(raster: Raster, frame: Size, clock: Clock): Promise<Raster> {
  if (isWhole(frame, raster)) return raster;
  return rasterOf(exactly(open(raster), frame), clock);
}

const contentTypes: Record<Format, string> = {
  jpeg: "image/jpeg",
  png: "image/png",
  webp: "image/webp",
  avif: "image/avif",
  heic: "image/heic",
  gif: "image/gif",
  tiff: "image/tiff",
};

/**
 * What stands in for a picture, and what it is recognised by. 48 px tell as much as ThumbHash keeps, in a hundredth of
 * the time that 100 px take.
 */
async function look(raster: Raster, clock: Clock): Promise<Placeholder & { perceptualHash: string }> {
  const small = open(raster).resize(48, 48, { fit: "inside", withoutEnlargement: true }).ensureAlpha();
  const { data, info } = await finish(small.raw(), clock);
  const { width, height } = info;
  return { ...placeholderOf(data, width, height), perceptualHash: perceptualHash(data, width, height) };
}
