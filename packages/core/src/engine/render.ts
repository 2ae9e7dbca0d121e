/**
 * The image engine: one decode, every variant.
 *
 * The original is decoded once, with shrink-on-load to the size of the largest variant if the decoder supports it.
 * Each smaller variant is resized from the one before, as raw pixels, so that only encoding is paid per variant.
 */

import type { Settings } from "../settings.ts";
import type { Crop } from "./crop.ts";
import { animate, encode, type File, type Files, type Wishes } from "./encode.ts";
import { type Facts, readExif } from "./facts.ts";
import { free } from "./free.ts";
import { decode, inspect, type Original } from "./original.ts";
import { perceptualHash } from "./perceptual-hash.ts";
import { type Placeholder, placeholderOf } from "./placeholder.ts";
import { frameOf, plan, type Size, type Step } from "./plan.ts";
import { type Format, isLazy, type Name, type Spec, recipe as standard } from "./recipe.ts";
import { type Clock, clockOf, finish, isWhole, open, type Raster, rasterOf, resizeTo } from "./sharp.ts";

/** A variant in memory. The first of its files has the most widely supported format. */
export type Variant<N extends string = Name> = Size & { name: N; files: Files };

/** Result of rendering an original. */
export type Rendered<N extends string = Name> = {
  source: Facts;
  placeholder: Placeholder;
  variants: Variant<N>[];
};

/**
 * Renders every variant of the recipe, without its lazy files, and reads the facts of the original. Throws `Rejection` if
 * the bytes are at fault; any other error is ours, and worth a retry.
 */
export async function render(bytes: Buffer, limits: Settings.Pipeline): Promise<Rendered>;
/** Renders by another recipe, or a part of it, with the wishes of the image. */
export async function render<N extends string>(
  bytes: Buffer,
  limits: Settings.Pipeline,
  recipe: Readonly<Record<N, Spec>>,
  wishes?: Wishes,
): Promise<Rendered<N>>;
export async function render(
  bytes: Buffer,
  limits: Settings.Pipeline,
  recipe: Readonly<Record<string, Spec>> = standard,
  wishes: Wishes = {},
): Promise<Rendered<string>> {
  const clock = clockOf(limits);
  const original = await inspect(bytes, limits, recipe, clock);
  const variants: Variant<string>[] = [];
  const made = new Map<string, Promise<Files>>();
  let last: Raster | undefined;
  for await (const { name, spec, size, raster } of rasters(original, limits, stored(recipe), clock)) {
    if (last && last !== raster) free(last.pixels);
    last = raster;
    // Variants of a small original may be identical: each is encoded once.
    const { formats, encode: how, quality, animated, crop, blur, overlay } = spec;
    const cut = isWhole(size, raster) ? undefined : [size, crop];
    const shown = [raster.width, raster.height, cut, blur, overlay];
    const key = JSON.stringify([shown, formats, how, quality, animated]);
    const files =
      made.get(key) ??
      (original.animated && spec.animated
        ? animate(original, raster, size, spec, limits, clock, wishes)
        : encode(raster, size, spec, original, clock, wishes));
    made.set(key, files);
    variants.push({ name, ...size, files: await files });
  }
  // Without a file to store, the original is decoded for its placeholder, which also shows that it can be.
  last ??= await decode(
    original,
    plan(original.upright, { none: smallest })[0]?.frame ?? original.upright,
    limits,
    clock,
  );
  const { header, upright, alpha, hdr, exif } = original;
  const { perceptualHash, ...placeholder } = await fingerprint(last, clock);
  free(last.pixels);
  return {
    source: {
      format: header.format,
      ...upright,
      alpha,
      frames: header.frames,
      ...(hdr && { hdr }),
      perceptualHash,
      ...readExif(exif, limits),
    },
    placeholder,
    variants: Object.keys(recipe).flatMap((name) => variants.filter((variant) => variant.name === name)),
  };
}

/** Yields the image at each size of the recipe, largest first, for encoding. Throws `Rejection`. */
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

/** A file to render, and its size in pixels as planned. */
export type Wanted = { spec: Spec; format: Format; size: Size };

/** Renders one file of a variant from the bytes of the original. Throws `Rejection` if the bytes are at fault. */
export async function renderFile(
  bytes: Buffer,
  { spec, format, size }: Wanted,
  limits: Settings.Pipeline,
  subject: Crop.Subject,
): Promise<File> {
  const clock = clockOf(limits);
  const original = await inspect(bytes, limits, { only: spec }, clock);
  const raster = await decode(original, frameOf(original.upright, spec, size), limits, clock);
  // Lazy, so that no other format takes the place of the one in the file's key.
  const only: Spec = { ...spec, formats: [format], lazy: true };
  const [file] =
    original.animated && spec.animated
      ? await animate(original, raster, size, spec, limits, clock, subject)
      : await encode(raster, size, only, original, clock, subject);
  free(raster.pixels);
  return file;
}

/** The raster of a recipe without a file to store. */
const smallest: Spec = { width: 200, fit: "inside", formats: ["webp"] };

/** Returns the recipe without its lazy files. */
function stored<N extends string>(recipe: Readonly<Record<N, Spec>>): Record<N, Spec> {
  const entries = (Object.entries(recipe) as [N, Spec][]).flatMap(([name, spec]): [N, Spec][] => {
    const [first, ...rest] = spec.formats.filter((format) => !isLazy(spec, format));
    return first ? [[name, { ...spec, formats: [first, ...rest] }]] : [];
  });
  return Object.fromEntries(entries) as Record<N, Spec>;
}

async function reduce(raster: Raster, frame: Size, clock: Clock): Promise<Raster> {
  if (isWhole(frame, raster)) return raster;
  return rasterOf(resizeTo(open(raster), frame), clock);
}

/**
 * Computes placeholder and perceptual hash. 48 px hold as much detail as ThumbHash keeps, at a hundredth of the time
 * of 100 px.
 */
async function fingerprint(raster: Raster, clock: Clock): Promise<Placeholder & { perceptualHash: string }> {
  const small = open(raster).resize(48, 48, { fit: "inside", withoutEnlargement: true }).ensureAlpha();
  const { data, info } = await finish(small.raw(), clock);
  const { width, height } = info;
  return { ...placeholderOf(data, width, height), perceptualHash: perceptualHash(data, width, height) };
}
