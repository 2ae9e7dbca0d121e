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
import { type Decoded, decodeHeic, HeicError } from "./heic.ts";
import { perceptualHash } from "./perceptual-hash.ts";
import { type Placeholder, placeholderOf } from "./placeholder.ts";
import { plan, type Size, type Step } from "./plan.ts";
import { pngOf } from "./png.ts";
import { encodings, type Name, type Recipe, type Spec, recipe as standard } from "./recipe.ts";
import { Rejection } from "./rejection.ts";
import { release } from "./release.ts";
import type { Settings } from "./settings.ts";

// `require` starts in half the time that `import` takes: sharp is CommonJS and all of it is needed.
const sharp: typeof SharpModule = createRequire(import.meta.url)("sharp");

sharp.concurrency(1);
sharp.cache(false);

/** A file in memory, ready to be stored. */
export type File = {
  format: Recipe.Format;
  contentType: string;
  extension: string;
  bytes: Buffer;
};

/** A variant in memory, in pixels. The first of its files is the one that most clients can show. */
export type Variant<N extends string = Name> = Size & { name: N; files: [File, ...File[]] };

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
  const clock = clockOf(limits);
  const original = await inspect(bytes, limits, recipe, clock);
  const variants: Variant<string>[] = [];
  const made = new Map<string, Promise<Variant["files"]>>();
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

/**
 * An original that has passed the gate. `upright` is its size as seen; `tagged` says that it carries a colour profile;
 * `moves`, that more than its first frame is wanted. `decoded` is there where sharp could not do it.
 */
export type Original = {
  bytes: Buffer;
  header: Header;
  upright: Size;
  alpha: boolean;
  tagged: boolean;
  moves: boolean;
  exif?: Buffer;
  decoded?: Decoded;
};

/** Opens an original as far as its header; a HEIC, which sharp cannot read, is decoded here. Throws `Rejection`. */
export async function inspect(
  bytes: Buffer,
  limits: Settings.Pipeline,
  recipe: Readonly<Record<string, Spec>> = standard,
  clock = clockOf(limits),
): Promise<Original> {
  const wanted = Object.values(recipe).some(({ animated }) => animated) ? limits.framesMax : 1;
  const gate = { ...limits, framesMax: wanted };
  const header = admit(bytes, gate);
  allow(limits.formats);
  if (header.format === "heic") return inspectHeic(bytes, header, limits, clock);
  // Without a limit of libvips' own, which has no code to tell it from damage: its word must pass our gate, too.
  const found = await blame(sharp(bytes, { failOn: "warning", limitInputPixels: false }).metadata());
  const { width, height, pages = 1, orientation = 1, autoOrient, exif, hasAlpha, icc, space, depth } = found;
  admitHeader({ ...header, width, height, frames: Math.max(header.frames, pages) }, gate);
  const upright = { width: autoOrient.width, height: autoOrient.height };
  const tagged = icc !== undefined && space === "srgb" && depth === "uchar";
  // libvips cannot turn the frames of an animation; nobody writes one that has to be.
  const moves = pages > 1 && wanted > 1 && orientation === 1;
  // libvips gives no EXIF of a TIFF, which is itself built as EXIF is.
  const block = header.format === "tiff" ? bytes : exif;
  return { bytes, header, upright, alpha: hasAlpha, tagged, moves, exif: block };
}

async function inspectHeic(
  bytes: Buffer,
  header: Header,
  limits: Settings.Pipeline,
  clock: Clock,
): Promise<Original> {
  // As many as the header says, which has passed the gate; but HEVC's blocks of up to 64 px a side count whole.
  const pixelsMax = (header.width + 64) * (header.height + 64);
  const decoded = await decodeHeic(bytes, pixelsMax, clock()).catch((cause: unknown) => {
    if (!(cause instanceof HeicError)) throw cause;
    throw cause.why === "slow" ? tooSlow({ cause }) : damaged({ cause });
  });
  const { width, height, channels, exif } = decoded;
  admitHeader({ ...header, width, height }, limits);
  return {
    bytes,
    header,
    upright: { width, height },
    alpha: channels === 4,
    tagged: decoded.profile !== undefined,
    moves: false,
    exif,
    decoded,
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
const loaders: Record<string, string[]> = {
  jpeg: ["VipsForeignLoadJpegBuffer"],
  png: ["VipsForeignLoadPngBuffer"],
  webp: ["VipsForeignLoadWebpBuffer"],
  avif: ["VipsForeignLoadHeifBuffer"],
  gif: ["VipsForeignLoadNsgifBuffer"],
  tiff: ["VipsForeignLoadTiffBuffer"],
  // What was decoded without libvips comes with its colours in a PNG of our own.
  heic: ["VipsForeignLoadPngBuffer"],
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
  const { bytes, upright, tagged, decoded } = original;
  if (decoded) return decodeInColour(decoded, frame, clock);
  const options: SharpOptions = { failOn: "warning", limitInputPixels: limits.pixelsMax, pages: 1 };
  const picture = exactly(sharp(bytes, options).autoOrient(), frame);
  // Colours are converted pixel by pixel, so where the picture shrinks much it is cheaper afterwards. The profile
  // has to travel with the pixels; an uncompressed PNG takes it along, where PNG is allowed at all.
  const late = tagged && limits.formats.includes("png") && areaOf(upright) > 2 * areaOf(frame);
  if (!late) return blame(rasterOf(picture, clock));
  const reduced = await blame(finish(picture.keepIccProfile().png({ compressionLevel: 0 }), clock));
  const raster = await rasterOf(sharp(reduced.data), clock);
  release(reduced.data);
  return raster;
}

/** Pixels that came without libvips: made smaller first, then converted by way of a PNG that carries their profile. */
async function decodeInColour(decoded: Decoded, frame: Size, clock: Clock): Promise<Raster> {
  const reduced = isWhole(frame, decoded) ? decoded : await rasterOf(exactly(open(decoded), frame), clock);
  const profile = decoded.profile ?? (await profileOf(decoded.primaries));
  if (!profile) return reduced;
  // A profile that makes no sense is not obeyed, as in every other format.
  return rasterOf(sharp(pngOf(reduced, profile), { failOn: "none" }), clock);
}

/** The colours of phones have a number instead of a profile now and then: H.273's 12 is Display-P3. */
async function profileOf(primaries: number | undefined): Promise<Buffer | undefined> {
  if (primaries !== 12) return undefined;
  const dot = sharp({ create: { width: 1, height: 1, channels: 3, background: "#000" } });
  const { icc } = await sharp(await dot.withIccProfile("p3").png().toBuffer()).metadata();
  return icc;
}

async function reduce(raster: Raster, frame: Size, clock: Clock): Promise<Raster> {
  if (isWhole(frame, raster)) return raster;
  return rasterOf(exactly(open(raster), frame), clock);
}

/** Cuts a variant from a raster and writes it in each of its formats, the most widely known first. */
async function encode(raster: Raster, size: Size, spec: Spec, clock: Clock): Promise<Variant["files"]> {
  const whole = isWhole(size, raster);
  let cut = raster;
  // Once for all formats: finding what draws the eye costs more than the cut.
  if (!whole && spec.crop === "attention") {
    const position = sharp.strategy.attention;
    cut = await rasterOf(open(raster).resize(size.width, size.height, { fit: "cover", position }), clock);
  }
  const write = async (format: Recipe.Format): Promise<File> => {
    const picture = open(cut);
    if (cut === raster && !whole) picture.extract({ ...middle(raster, size), ...size });
    const { data: bytes } = await finish(encoded(picture, format, spec), clock);
    return { format, ...containers[format], bytes };
  };
  const [first, ...rest] = widelyKnown.filter((format) => spec.formats.includes(format));
  if (!first) throw new Error("The recipe names a variant without a format.");
  const files: Variant["files"] = [await write(first)];
  for (const format of rest) files.push(await write(format));
  return files;
}

/** Every frame, with its time, as one WebP. Cut from the middle: libvips finds what draws the eye in still pictures only. */
async function animate(
  { bytes }: Original,
  size: Size,
  spec: Spec,
  { pixelsMax, animatedPixelsMax }: Settings.Pipeline,
  clock: Clock,
): Promise<Variant["files"]> {
  const limitInputPixels = Math.max(pixelsMax, animatedPixelsMax);
  const picture = sharp(bytes, { failOn: "warning", limitInputPixels, animated: true });
  picture.resize(size.width, size.height, { fit: "cover" });
  const { data } = await blame(finish(encoded(picture, "webp", spec), clock));
  return [{ format: "webp", ...containers.webp, bytes: data }];
}

/** What every client can show comes before what only newer ones can. */
const widelyKnown = ["jpeg", "webp", "avif"] as const satisfies readonly Recipe.Format[];

function encoded(picture: Sharp, format: Recipe.Format, { encode = {} }: Spec): Sharp {
  switch (format) {
    case "webp":
      return picture.webp({ ...encodings.webp, ...encode.webp });
    case "avif":
      return picture.avif({ ...encodings.avif, ...encode.avif });
    case "jpeg":
      return picture
        .flatten({ background: "#ffffff" })
        .jpeg({ ...encodings.jpeg, ...encode.jpeg, quantisationTable: 3 });
  }
}

const middle = (outer: Size, inner: Size) => ({
  left: Math.floor((outer.width - inner.width) / 2),
  top: Math.floor((outer.height - inner.height) / 2),
});

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

const open = ({ pixels, width, height, channels }: Raster) =>
  sharp(pixels, { raw: { width, height, channels } });

const isWhole = (part: Size, whole: Size) => part.width === whole.width && part.height === whole.height;

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
    throw damaged({ cause });
  }
}

const damaged = (options: ErrorOptions) =>
  new Rejection("corrupt_image", "The image is damaged or incomplete.", options);
