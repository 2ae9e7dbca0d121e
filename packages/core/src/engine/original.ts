/** Opens an original: reads its header, passes it through the gate and decodes it once. */

import type { Settings } from "../settings.ts";
import { free } from "./free.ts";
import { admit, admitHeader } from "./gate.ts";
import type { Header } from "./header.ts";
import { type Decoded, decodeHeic, HeicError } from "./heic.ts";
import type { Size } from "./plan.ts";
import { pngOf } from "./png.ts";
import { type Spec, recipe as standard } from "./recipe.ts";
import {
  allow,
  asRejection,
  type Clock,
  clockOf,
  damaged,
  finish,
  isWhole,
  open,
  type Raster,
  rasterOf,
  resizeTo,
  type SharpOptions,
  sharp,
  tooSlow,
} from "./sharp.ts";

/**
 * An original that has passed the gate. `upright` is its size after orientation; `tagged`: it has a colour profile;
 * `animated`: more than its first frame is used. `decoded` has the pixels of a HEIC, which sharp cannot decode.
 */
export type Original = {
  bytes: Buffer;
  header: Header;
  upright: Size;
  alpha: boolean;
  tagged: boolean;
  animated: boolean;
  exif?: Buffer;
  decoded?: Decoded;
};

/** Reads and checks the header of an original; decodes a HEIC at once. Throws `Rejection`. */
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
  // Without libvips' limit, whose error cannot be told from damage. The gate checks the sizes that libvips reports.
  const found = await asRejection(sharp(bytes, { failOn: "warning", limitInputPixels: false }).metadata());
  const { width, height, pages = 1, orientation = 1, autoOrient, exif, hasAlpha, icc, space, depth } = found;
  admitHeader({ ...header, width, height, frames: Math.max(header.frames, pages) }, gate);
  const upright = { width: autoOrient.width, height: autoOrient.height };
  const tagged = icc !== undefined && space === "srgb" && depth === "uchar";
  // libvips cannot rotate the frames of an animation. Encoders write none that need it.
  const animated = pages > 1 && wanted > 1 && orientation === 1;
  // libvips returns no EXIF of a TIFF, which has the structure of an EXIF block itself.
  const block = header.format === "tiff" ? bytes : exif;
  return { bytes, header, upright, alpha: hasAlpha, tagged, animated, exif: block };
}

async function inspectHeic(
  bytes: Buffer,
  header: Header,
  limits: Settings.Pipeline,
  clock: Clock,
): Promise<Original> {
  // As in the header, which has passed the gate, rounded up to HEVC's blocks of up to 64 px a side.
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
    animated: false,
    exif,
    decoded,
  };
}

/** Decodes an original once, upright and in sRGB, with shrink-on-load if the decoder supports it. */
export async function decode(
  original: Original,
  frame: Size,
  limits: Settings.Pipeline,
  clock: Clock,
): Promise<Raster> {
  const { bytes, upright, tagged, decoded } = original;
  if (decoded) return decodeInColour(decoded, frame, clock);
  const options: SharpOptions = { failOn: "warning", limitInputPixels: limits.pixelsMax, pages: 1 };
  const image = resizeTo(sharp(bytes, options).autoOrient(), frame);
  // Colours are converted pixel by pixel, so it is cheaper after a large reduction. An uncompressed PNG carries the
  // profile along with the pixels, if PNG is an allowed format.
  const late = tagged && limits.formats.includes("png") && areaOf(upright) > 2 * areaOf(frame);
  if (!late) return asRejection(rasterOf(image, clock));
  const reduced = await asRejection(finish(image.keepIccProfile().png({ compressionLevel: 0 }), clock));
  const raster = await rasterOf(sharp(reduced.data), clock);
  free(reduced.data);
  return raster;
}

/** Resizes pixels that were decoded without libvips, then converts them through a PNG that carries their profile. */
async function decodeInColour(decoded: Decoded, frame: Size, clock: Clock): Promise<Raster> {
  const reduced = isWhole(frame, decoded) ? decoded : await rasterOf(resizeTo(open(decoded), frame), clock);
  const profile = decoded.profile ?? (await profileOf(decoded.primaries));
  if (!profile) return reduced;
  // An invalid profile is ignored, as in every other format.
  return rasterOf(sharp(pngOf(reduced, profile), { failOn: "none" }), clock);
}

/** Returns a profile for colours that are declared by number: H.273's 12 is Display-P3, which phones write. */
async function profileOf(primaries: number | undefined): Promise<Buffer | undefined> {
  if (primaries !== 12) return undefined;
  const dot = sharp({ create: { width: 1, height: 1, channels: 3, background: "#000" } });
  const { icc } = await sharp(await dot.withIccProfile("p3").png().toBuffer()).metadata();
  return icc;
}

const areaOf = ({ width, height }: Size) => width * height;
