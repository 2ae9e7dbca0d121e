/** An original: its header read, admitted, and decoded once, at the size of the largest variant where that can be done. */

import type { Settings } from "../settings.ts";
import { admit, admitHeader } from "./gate.ts";
import type { Header } from "./header.ts";
import { type Decoded, decodeHeic, HeicError } from "./heic.ts";
import type { Size } from "./plan.ts";
import { pngOf } from "./png.ts";
import { type Spec, recipe as standard } from "./recipe.ts";
import { release } from "./release.ts";
import {
  allow,
  blame,
  type Clock,
  clockOf,
  damaged,
  exactly,
  finish,
  isWhole,
  open,
  type Raster,
  rasterOf,
  type SharpOptions,
  sharp,
  tooSlow,
} from "./sharp.ts";

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

/** The upright picture in sRGB, as raw pixels: one decode, with the decoder's own reduction where it has one. */
export async function decode(
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

const areaOf = ({ width, height }: Size) => width * height;
