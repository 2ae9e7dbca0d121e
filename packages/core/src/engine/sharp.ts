/**
 * Wraps sharp, and is the only file that imports it: rasters of raw pixels, pipelines with a timeout, and an allowlist
 * of decoders.
 */
import { createRequire } from "node:module";
import type { OutputInfo, Sharp, default as SharpModule } from "sharp";
import type { Settings } from "../settings.ts";
import type { Size } from "./plan.ts";
import { Rejection } from "./rejection.ts";

export type { Sharp, SharpOptions } from "sharp";

// `require` takes half the time of `import`: sharp is CommonJS, and all of it is used.
export const sharp: typeof SharpModule = createRequire(import.meta.url)("sharp");

sharp.concurrency(1);
sharp.cache(false);

/** A whole upright image in sRGB, 8 bits a channel. */
export type Raster = Size & { pixels: Buffer; channels: 3 | 4 };

/** Loaders of libvips by format. */
const loaders: Record<string, string[]> = {
  jpeg: ["VipsForeignLoadJpegBuffer"],
  png: ["VipsForeignLoadPngBuffer"],
  webp: ["VipsForeignLoadWebpBuffer"],
  avif: ["VipsForeignLoadHeifBuffer"],
  gif: ["VipsForeignLoadNsgifBuffer"],
  tiff: ["VipsForeignLoadTiffBuffer"],
  // HEIC is decoded without libvips and passed to it as a PNG with its colour profile.
  heic: ["VipsForeignLoadPngBuffer"],
};

let allowed = "";

/** Blocks every decoder that is not in the settings, so that a vulnerable one can be blocked without a release. */
export function allow(formats: readonly string[]): void {
  if (allowed === formats.join()) return;
  sharp.block({ operation: ["VipsForeignLoad"] });
  sharp.unblock({ operation: formats.flatMap((format) => loaders[format] ?? []) });
  allowed = formats.join();
}

/** Opens a raster as a sharp pipeline. */
export const open = ({ pixels, width, height, channels }: Raster) =>
  sharp(pixels, { raw: { width, height, channels } });

/** Returns whether a part has the size of the whole. */
export const isWhole = (part: Size, whole: Size) =>
  part.width === whole.width && part.height === whole.height;

/**
 * Resizes to exactly this size. Lanczos2 takes an eighth less CPU than Lanczos3: docs/decisions.md, "A kernel of two
 * lobes".
 */
export const resizeTo = (image: Sharp, { width, height }: Size) =>
  image.resize(width, height, { fit: "fill", kernel: "lanczos2" });

/**
 * The damage that is accepted: what libjpeg warns of, such as stray bytes, bad Huffman codes or wrong restart markers,
 * after which it decodes to the last row, as browsers do. A truncated file is an error. See docs/formats.md.
 */
export const failOn = "error";

/** Returns the same for one file: a JPEG without its end marker has only its data to show that it is complete. */
export const failOnOf = ({ ended }: { ended?: boolean }) => (ended === false ? "warning" : failOn);

/** Runs a pipeline and returns its raw pixels. */
export async function rasterOf(image: Sharp, clock: Clock): Promise<Raster> {
  const { data: pixels, info } = await finish(image.raw(), clock);
  const { width, height, channels } = info;
  if (channels !== 3 && channels !== 4) throw new Error(`A raster of ${channels} channels is not sRGB.`);
  return { pixels, width, height, channels };
}

/** Returns the whole seconds left for an image, at least 1, which is the minimum that sharp accepts. */
export type Clock = () => number;

/** Starts the clock of `decodeSecondsMax`. The clock throws a `too_slow` rejection at its end. */
export function clockOf({ decodeSecondsMax }: Settings.Pipeline): Clock {
  const end = performance.now() + decodeSecondsMax * 1000;
  return () => {
    const left = Math.ceil((end - performance.now()) / 1000);
    if (left <= 0) throw tooSlow();
    return left;
  };
}

/** Creates the rejection of an image that takes longer than `decodeSecondsMax`. */
export const tooSlow = (options?: ErrorOptions) =>
  new Rejection("too_slow", "Decoding the image takes too long.", options);

/** Runs a pipeline with the time left as its timeout. A soft limit: libvips checks it between rows, if at all. */
export async function finish(image: Sharp, clock: Clock): Promise<{ data: Buffer; info: OutputInfo }> {
  try {
    return await image.timeout({ seconds: clock() }).toBuffer({ resolveWithObject: true });
  } catch (cause) {
    if (cause instanceof Error && cause.message.startsWith("timeout")) throw tooSlow({ cause });
    throw cause;
  }
}

/** Converts errors of libvips to rejections: the bytes are at fault. Except out of memory, which is worth a retry. */
export async function asRejection<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (cause) {
    if (cause instanceof Rejection) throw cause;
    if (cause instanceof Error && /out of memory|unable to alloc|g_malloc/i.test(cause.message)) throw cause;
    throw damaged({ cause });
  }
}

/** Creates the rejection of damaged bytes. */
export const damaged = (options: ErrorOptions) =>
  new Rejection("corrupt_image", "The image is damaged or incomplete.", options);
