/**
 * The image engine: one decode, every variant. The only file that imports sharp.
 *
 * The original is decoded once, at the size of the largest variant where the decoder can do that (shrink-on-load);
 * each smaller variant is reduced from the one before, as raw pixels. Only encoding is paid per variant.
 */
import { createRequire } from "node:module";
import type { OutputInfo, Sharp, default as SharpModule, SharpOptions } from "sharp";
import { type Facts, readExif } from "./facts.ts";
import { admit, admitHeader, type Format } from "./gate.ts";
import type { Header } from "./header.ts";
import { type Placeholder, placeholderOf } from "./placeholder.ts";
import { plan, type Size, type Step } from "./plan.ts";
import { type Name, type Spec, recipe as standard } from "./recipe.ts";
import { Rejection } from "./rejection.ts";
import type { Settings } from "./settings.ts";

// `require` starts in half the time that `import` takes: sharp is CommonJS and all of it is needed.
const sharp: typeof SharpModule = createRequire(import.meta.url)("sharp");

sharp.concurrency(1);
sharp.cache(false);

/** A variant in memory. Sizes in pixels. */
export type Variant<N extends string = Name> = {
  name: N;
  format: Spec["format"];
  contentType: string;
  extension: string;
  width: number;
  height: number;
  bytes: Buffer;
};

/** Everything that is known and made of one original. */
export type Rendered<N extends string = Name> = {
  source: Facts;
  placeholder: Placeholder;
  variants: Variant<N>[];
};

/** A whole upright picture in sRGB, 8 bits a channel. */
export type Raster = Size & { pixels: Buffer; channels: 3 | 4 };

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
  const original = await inspect(bytes, limits);
  const clock = clockOf(limits);
  const variants: Variant<string>[] = [];
  const made = new Map<string, Promise<Buffer>>();
  let last: Raster | undefined;
  for await (const { name, spec, size, raster } of rasters(original, limits, recipe, clock)) {
    last = raster;
    // A small original gives several variants the same picture: it is encoded once.
    const { format, quality, effort } = spec;
    const key = JSON.stringify([raster.width, raster.height, size, format, quality, effort]);
    const encoding = made.get(key) ?? encode(raster, size, spec, clock);
    made.set(key, encoding);
    variants.push({ name, format, ...containers[format], ...size, bytes: await encoding });
  }
  if (!last) throw new Error("The recipe names no variant.");
  const { header, upright, alpha, exif } = original;
  return {
    source: {
      format: header.format,
      contentType: contentTypes[header.format],
      ...upright,
      alpha,
      frames: header.frames,
      ...readExif(exif, limits),
    },
    placeholder: await placehold(last, clock),
    variants: Object.keys(recipe).flatMap((name) => variants.filter((variant) => variant.name === name)),
  };
}

/** An original that has passed the gate. `upright` is its size as seen; `tagged` says that it carries a colour profile. */
export type Original = {
  bytes: Buffer;
  header: Header;
  upright: Size;
  alpha: boolean;
  tagged: boolean;
  exif?: Buffer;
};

/** Opens an original as far as its header. Throws `Rejection`. */
export async function inspect(bytes: Buffer, limits: Settings.Pipeline): Promise<Original> {
  const header = admit(bytes, limits);
  allow(limits.formats);
  // Without a limit of libvips' own, which has no code to tell it from damage: its word must pass our gate, too.
  const found = await blame(sharp(bytes, { failOn: "warning", limitInputPixels: false }).metadata());
  const { width, height, autoOrient, exif, hasAlpha, icc, space, depth } = found;
  admitHeader({ ...header, width, height }, limits);
  const upright = { width: autoOrient.width, height: autoOrient.height };
  const tagged = icc !== undefined && space === "srgb" && depth === "uchar";
  return { bytes, header, upright, alpha: hasAlpha, tagged, exif };
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

/** The upright picture in sRGB, as raw pixels: one decode, with the decoder's own reduction where it has one. */
async function decode(
  original: Original,
  frame: Size,
  limits: Settings.Pipeline,
  clock: Clock,
): Promise<Raster> {
  const { bytes, upright, tagged } = original;
  const options: SharpOptions = { failOn: "warning", limitInputPixels: limits.pixelsMax, pages: 1 };
  const picture = exactly(sharp(bytes, options).autoOrient(), frame);
  // Colours are converted pixel by pixel, so where the picture shrinks much it is cheaper afterwards. The profile
  // has to travel with the pixels; an uncompressed PNG takes it along, where PNG is allowed at all.
  const late = tagged && limits.formats.includes("png") && areaOf(upright) > 2 * areaOf(frame);
  if (!late) return blame(rasterOf(picture, clock));
  const reduced = await blame(finish(picture.keepIccProfile().png({ compressionLevel: 0 }), clock));
  return rasterOf(sharp(reduced.data), clock);
}

async function reduce(raster: Raster, frame: Size, clock: Clock): Promise<Raster> {
  if (raster.width === frame.width && raster.height === frame.height) return raster;
  return rasterOf(exactly(open(raster), frame), clock);
}

async function encode(raster: Raster, size: Size, spec: Spec, clock: Clock): Promise<Buffer> {
  const { format, quality, effort } = spec;
  const picture = open(raster);
  if (size.width < raster.width || size.height < raster.height) {
    const left = Math.floor((raster.width - size.width) / 2);
    const top = Math.floor((raster.height - size.height) / 2);
    picture.extract({ left, top, ...size });
  }
  if (format === "webp") picture.webp({ quality, effort });
  else if (format === "avif") picture.avif({ quality, effort });
  else picture.flatten({ background: "#ffffff" }).jpeg({ quality, quantisationTable: 3 });
  return (await finish(picture, clock)).data;
}

/** 48 px tell as much as ThumbHash keeps, in a hundredth of the time that 100 px take. */
async function placehold(raster: Raster, clock: Clock): Promise<Placeholder> {
  const small = open(raster).resize(48, 48, { fit: "inside", withoutEnlargement: true }).ensureAlpha();
  const { data, info } = await finish(small.raw(), clock);
  return placeholderOf(data, info.width, info.height);
}

const open = ({ pixels, width, height, channels }: Raster) =>
  sharp(pixels, { raw: { width, height, channels } });

const areaOf = ({ width, height }: Size) => width * height;

/** Lanczos with two lobes, an eighth cheaper to decode with than three: docs/decisions.md, "A kernel of two lobes". */
const exactly = (picture: Sharp, { width, height }: Size) =>
  picture.resize(width, height, { fit: "fill", kernel: "lanczos2" });

async function rasterOf(picture: Sharp, clock: Clock): Promise<Raster> {
  const { data: pixels, info } = await finish(picture.raw(), clock);
  const { width, height, channels } = info;
  if (channels !== 3 && channels !== 4) throw new Error(`A raster of ${channels} channels is not sRGB.`);
  return { pixels, width, height, channels };
}

/** The whole seconds that are left for an image; 1 at the end, which is the least that sharp takes. */
type Clock = () => number;

function clockOf({ decodeSecondsMax }: Settings.Pipeline): Clock {
  const end = performance.now() + decodeSecondsMax * 1000;
  return () => {
    const left = Math.ceil((end - performance.now()) / 1000);
    if (left <= 0) throw tooSlow();
    return left;
  };
}

const tooSlow = (options?: ErrorOptions) =>
  new Rejection("too_slow", "The image takes too long to decode.", options);

/** Runs a pipeline for as long as the clock allows. A soft limit: libvips looks at it between rows, if at all. */
async function finish(picture: Sharp, clock: Clock): Promise<{ data: Buffer; info: OutputInfo }> {
  try {
    return await picture.timeout({ seconds: clock() }).toBuffer({ resolveWithObject: true });
  } catch (cause) {
    if (cause instanceof Error && cause.message.startsWith("timeout")) throw tooSlow({ cause });
    throw cause;
  }
}

/** What libvips cannot read, the bytes are at fault for; unless memory ran out, which another try may have. */
async function blame<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (cause) {
    if (cause instanceof Rejection) throw cause;
    if (cause instanceof Error && /out of memory|unable to alloc|g_malloc/i.test(cause.message)) throw cause;
    throw new Rejection("corrupt_image", "The image is damaged or incomplete.", { cause });
  }
}
