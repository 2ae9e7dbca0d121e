/**
 * sharp as the engine uses it, and the only file that imports it: pictures as raw pixels, pipelines that end in time,
 * and decoders shut that the settings do not name.
 */
import { createRequire } from "node:module";
import type { OutputInfo, Sharp, default as SharpModule } from "sharp";
import type { Settings } from "../settings.ts";
import type { Size } from "./plan.ts";
import { Rejection } from "./rejection.ts";

export type { Sharp, SharpOptions } from "sharp";

// `require` starts in half the time that `import` takes: sharp is CommonJS and all of it is needed.
export const sharp: typeof SharpModule = createRequire(import.meta.url)("sharp");

sharp.concurrency(1);
sharp.cache(false);

/** A whole upright picture in sRGB, 8 bits a channel. */
export type Raster = Size & { pixels: Buffer; channels: 3 | 4 };

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
export function allow(formats: readonly string[]): void {
  if (allowed === formats.join()) return;
  sharp.block({ operation: ["VipsForeignLoad"] });
  sharp.unblock({ operation: formats.flatMap((format) => loaders[format] ?? []) });
  allowed = formats.join();
}

export const open = ({ pixels, width, height, channels }: Raster) =>
  sharp(pixels, { raw: { width, height, channels } });

export const isWhole = (part: Size, whole: Size) =>
  part.width === whole.width && part.height === whole.height;

/** Lanczos with two lobes, an eighth cheaper to decode with than three: docs/decisions.md, "A kernel of two lobes". */
export const exactly = (picture: Sharp, { width, height }: Size) =>
  picture.resize(width, height, { fit: "fill", kernel: "lanczos2" });

export async function rasterOf(picture: Sharp, clock: Clock): Promise<Raster> {
  const { data: pixels, info } = await finish(picture.raw(), clock);
  const { width, height, channels } = info;
  if (channels !== 3 && channels !== 4) throw new Error(`A raster of ${channels} channels is not sRGB.`);
  return { pixels, width, height, channels };
}

/** The whole seconds that are left for an image; 1 at the end, which is the least that sharp takes. */
export type Clock = () => number;

export function clockOf({ decodeSecondsMax }: Settings.Pipeline): Clock {
  const end = performance.now() + decodeSecondsMax * 1000;
  return () => {
    const left = Math.ceil((end - performance.now()) / 1000);
    if (left <= 0) throw tooSlow();
    return left;
  };
}

export const tooSlow = (options?: ErrorOptions) =>
  new Rejection("too_slow", "The image takes too long to decode.", options);

/** Runs a pipeline for as long as the clock allows. A soft limit: libvips looks at it between rows, if at all. */
export async function finish(picture: Sharp, clock: Clock): Promise<{ data: Buffer; info: OutputInfo }> {
  try {
    return await picture.timeout({ seconds: clock() }).toBuffer({ resolveWithObject: true });
  } catch (cause) {
    if (cause instanceof Error && cause.message.startsWith("timeout")) throw tooSlow({ cause });
    throw cause;
  }
}

/** What libvips cannot read, the bytes are at fault for; unless memory ran out, which another try may have. */
export async function blame<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (cause) {
    if (cause instanceof Rejection) throw cause;
    if (cause instanceof Error && /out of memory|unable to alloc|g_malloc/i.test(cause.message)) throw cause;
    throw damaged({ cause });
  }
}

export const damaged = (options: ErrorOptions) =>
  new Rejection("corrupt_image", "The image is damaged or incomplete.", options);
