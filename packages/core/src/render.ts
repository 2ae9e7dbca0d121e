/**
 * The image engine: one decode, every variant. The only file that imports sharp.
 *
 * The original is decoded once, at the size of the largest variant where the decoder can do that (shrink-on-load);
 * each smaller variant is reduced from the one before, as raw pixels. Only encoding is paid per variant.
 */
import { createRequire } from "node:module";
import type { Sharp, default as SharpModule, SharpOptions } from "sharp";
import { type Facts, readExif } from "./facts.ts";
import { admit, admitHeader, type Format } from "./gate.ts";
import type { Header } from "./header.ts";
import { type Placeholder, placeholderOf } from "./placeholder.ts";
import { plan, type Size } from "./plan.ts";
import { type Name, recipe, type Spec } from "./recipe.ts";
import { Rejection } from "./rejection.ts";
import type { Settings } from "./settings.ts";

// `require` starts in half the time that `import` takes: sharp is CommonJS and all of it is needed.
const sharp: typeof SharpModule = createRequire(import.meta.url)("sharp");

sharp.concurrency(1);
sharp.cache(false);

/** A variant in memory. Sizes in pixels. */
export type Variant = {
  name: Name;
  format: Spec["format"];
  contentType: string;
  extension: string;
  width: number;
  height: number;
  bytes: Buffer;
};

/** Everything that is known and made of one original. */
export type Rendered = { source: Facts; placeholder: Placeholder; variants: Variant[] };

type Raster = Size & { pixels: Buffer; channels: 3 | 4 };

/**
 * Makes every variant of the recipe and finds out what the original is. Throws `Rejection` when the bytes are at
 * fault; anything else thrown is a fault of ours, worth another try.
 */
export async function render(bytes: Buffer, limits: Settings.Pipeline): Promise<Rendered> {
  const header = admit(bytes, limits);
  allow(limits.formats);
  const options: SharpOptions = { failOn: "warning", limitInputPixels: limits.pixelsMax, pages: 1 };
  const { exif, ...seen } = await inspect(bytes, header, options, limits);

  const steps = plan(seen, recipe);
  const [largest] = steps;
  if (!largest) throw new Error("The recipe names no variant.");
  let raster = await decode(bytes, options, largest.frame, limits);

  const variants: Variant[] = [];
  for (const { name, spec, frame, size } of steps) {
    raster = await reduce(raster, frame);
    const { data, info } = await encode(raster, size, spec);
    const { contentType, extension } = containers[spec.format];
    variants.push({
      name,
      format: spec.format,
      contentType,
      extension,
      width: info.width,
      height: info.height,
      bytes: data,
    });
  }
  const { width, height, alpha } = seen;
  return {
    source: {
      format: header.format,
      contentType: contentTypes[header.format],
      width,
      height,
      alpha,
      frames: header.frames,
      ...readExif(exif, limits),
    },
    placeholder: await placehold(raster),
    variants,
  };
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

const containers = {
  webp: { contentType: "image/webp", extension: "webp" },
  jpeg: { contentType: "image/jpeg", extension: "jpg" },
  avif: { contentType: "image/avif", extension: "avif" },
} as const;

/** libvips' loaders by format. */
const loaders: Record<string, string> = {
  jpeg: "VipsForeignLoadJpegBuffer",
  png: "VipsForeignLoadPngBuffer",
  webp: "VipsForeignLoadWebpBuffer",
  avif: "VipsForeignLoadHeifBuffer",
  gif: "VipsForeignLoadNsgifBuffer",
};

let allowed = "";

/** Shuts every decoder that the settings do not name, so that a fault in one can be closed without a release. */
function allow(formats: readonly string[]): void {
  if (allowed === formats.join()) return;
  sharp.block({ operation: ["VipsForeignLoad"] });
  sharp.unblock({ operation: formats.flatMap((format) => loaders[format] ?? []) });
  allowed = formats.join();
}

/** What libvips makes of the header: its word counts where it differs from ours, so it must pass the gate too. */
async function inspect(bytes: Buffer, header: Header, options: SharpOptions, limits: Settings.Pipeline) {
  // Without a limit of libvips' own, which has no code to tell it from damage.
  const found = await blame(sharp(bytes, { ...options, limitInputPixels: false }).metadata());
  const { width, height, autoOrient, exif, hasAlpha } = found;
  admitHeader({ ...header, width, height }, limits);
  return { exif, alpha: hasAlpha, width: autoOrient.width, height: autoOrient.height };
}

/** The upright picture in sRGB, as raw pixels. */
async function decode(bytes: Buffer, options: SharpOptions, frame: Size, limits: Settings.Pipeline) {
  const { data, info } = await blame(
    exactly(sharp(bytes, options).autoOrient(), frame)
      .timeout({ seconds: limits.decodeSecondsMax })
      .raw()
      .toBuffer({ resolveWithObject: true }),
  );
  return rasterOf(data, info);
}

async function reduce(raster: Raster, frame: Size): Promise<Raster> {
  if (raster.width === frame.width && raster.height === frame.height) return raster;
  const { data, info } = await exactly(open(raster), frame).raw().toBuffer({ resolveWithObject: true });
  return rasterOf(data, info);
}

function encode(raster: Raster, size: Size, { format, quality, effort }: Spec) {
  const picture = open(raster);
  if (size.width < raster.width || size.height < raster.height) {
    const left = Math.floor((raster.width - size.width) / 2);
    const top = Math.floor((raster.height - size.height) / 2);
    picture.extract({ left, top, ...size });
  }
  if (format === "webp") picture.webp({ quality, effort });
  else if (format === "avif") picture.avif({ quality, effort });
  else picture.flatten({ background: "#ffffff" }).jpeg({ quality, quantisationTable: 3 });
  return picture.toBuffer({ resolveWithObject: true });
}

/** 48 px tell as much as ThumbHash keeps, in a hundredth of the time that 100 px take. */
async function placehold(raster: Raster): Promise<Placeholder> {
  const { data, info } = await open(raster)
    .resize(48, 48, { fit: "inside", withoutEnlargement: true })
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return placeholderOf(data, info.width, info.height);
}

const open = ({ pixels, width, height, channels }: Raster) =>
  sharp(pixels, { raw: { width, height, channels } });

const exactly = (picture: Sharp, { width, height }: Size) =>
  picture.resize(width, height, { fit: "fill", kernel: "lanczos2" });

function rasterOf(pixels: Buffer, { width, height, channels }: Size & { channels: number }): Raster {
  if (channels !== 3 && channels !== 4) throw new Error(`A raster of ${channels} channels is not sRGB.`);
  return { pixels, width, height, channels };
}

/** What libvips cannot read, the bytes are at fault for; unless it ran out of time or memory. */
async function blame<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    if (message.startsWith("timeout")) {
      throw new Rejection("too_slow", "The image takes too long to decode.", { cause });
    }
    if (/out of memory|unable to alloc|g_malloc/i.test(message)) throw cause;
    throw new Rejection("corrupt_image", "The image is damaged or incomplete.", { cause });
  }
}
