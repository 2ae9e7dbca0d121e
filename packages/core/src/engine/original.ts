/** An original: its header read, admitted, and decoded once, at the size of the largest variant where that can be done. */

import type { Settings } from "../settings.ts";
import { Color } from "./color.ts";
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
  failOnOf,
  finish,
  isWhole,
  open,
  type Raster,
  rasterOf,
  resizeTo,
  type Sharp,
  type SharpOptions,
  sharp,
  tooSlow,
} from "./sharp.ts";
import { decodeStill, firstFrames, isCovered } from "./still.ts";

/**
 * An original that has passed the gate. `upright` is its size as seen; `tagged`: it has an ICC profile
 * that applies. `hdr`: its colours or a gain map are HDR. `cmyk`: it is CMYK without a profile. `animated`: more than the first frame is needed. `decoded` has the
 * pixels of a format that sharp cannot decode.
 */
export type Original = {
  bytes: Buffer;
  header: Header;
  upright: Size;
  alpha: boolean;
  tagged: boolean;
  hdr: boolean;
  cmyk: boolean;
  deep: boolean;
  animated: boolean;
  exif?: Buffer;
  decoded?: Decoded;
};

/** Opens an original as far as its header; a HEIC, which sharp cannot read, is decoded here. Throws `Rejection`. */
export async function inspect(
  given: Buffer,
  limits: Settings.Pipeline,
  recipe: Readonly<Record<string, Spec>> = standard,
  clock = clockOf(limits),
): Promise<Original> {
  const wanted = Object.values(recipe).some(({ animated }) => animated) ? limits.framesMax : 1;
  const gate = { ...limits, framesMax: wanted };
  const header = admit(given, gate);
  allow(limits.formats);
  if (header.format === "heic") return inspectHeic(given, header, limits, clock);
  const bytes = readable(given, header);
  const failOn = failOnOf(header);
  // If only the first frame is needed, the others are cut off, so that damage to them does not matter.
  const read = wanted === 1 ? firstFrames(bytes, header, 1) : bytes;
  // Without the limit of libvips, whose error cannot be distinguished from damage: the result passes the gate as well.
  const found = await asRejection(sharp(read, { failOn, limitInputPixels: false }).metadata());
  const { width, height, pages = 1, orientation = 1, autoOrient, exif, hasAlpha, icc, space, depth } = found;
  admitHeader({ ...header, width, height, frames: Math.max(header.frames, pages) }, gate);
  return {
    bytes,
    header,
    upright: { width: autoOrient.width, height: autoOrient.height },
    alpha: hasAlpha || (header.stills !== undefined && !isCovered(header)),
    tagged: icc !== undefined && !header.coding && space === "srgb" && depth === "uchar",
    hdr: isHdr(header),
    cmyk: space === "cmyk" && icc === undefined,
    deep: depth === "ushort",
    // libvips cannot turn the frames of an animation, and encoders do not write one that has to be turned.
    animated: pages > 1 && wanted > 1 && orientation === 1,
    // libvips returns no EXIF of a TIFF, which has the structure of EXIF itself.
    exif: header.format === "tiff" ? bytes : (exif ?? exifOfText(found.comments)),
  };
}

const isHdr = ({ coding, gainMap }: Header) =>
  gainMap === true || (coding !== undefined && Color.isHdr(coding));

/**
 * Returns bytes that libvips can read. It recognises AVIF only by the major brand, although a sequence (`avis`) has a still
 * image as well, and it treats a JPEG without an end marker (EOI) as truncated.
 */
function readable(bytes: Buffer, { format, ended }: Header): Buffer {
  if (ended === false) return Buffer.concat([bytes, Buffer.from([0xff, 0xd9])]);
  if (format !== "avif" || bytes.toString("latin1", 8, 12) === "avif") return bytes;
  const still = Buffer.from(bytes);
  still.write("avif", 8, "latin1");
  return still;
}

/** ImageMagick's way to keep EXIF in a PNG, before there was eXIf: hexadecimal text below the number of its bytes. */
function exifOfText(comments: { keyword: string; text: string }[] = []): Buffer | undefined {
  const found = comments.find(
    ({ keyword }) => keyword === "Raw profile type exif" || keyword === "Raw profile type APP1",
  );
  const [, digits] = /^\s*\w+\s+\d+\s+([\da-f\s]+)$/i.exec(found?.text ?? "") ?? [];
  return digits === undefined ? undefined : Buffer.from(digits.replace(/\s/g, ""), "hex");
}

async function inspectHeic(
  bytes: Buffer,
  header: Header,
  limits: Settings.Pipeline,
  clock: Clock,
): Promise<Original> {
  // The header's size, which has passed the gate, rounded up to HEVC's blocks of up to 64 px a side.
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
    hdr: isHdr(header),
    cmyk: false,
    deep: false,
    animated: false,
    exif,
    decoded,
  };
}

/** Decodes the upright image to raw sRGB pixels: once, with the decoder's own reduction where it has one. */
export async function decode(
  original: Original,
  frame: Size,
  limits: Settings.Pipeline,
  clock: Clock,
): Promise<Raster> {
  const { bytes, header, upright, tagged, cmyk, decoded } = original;
  if (decoded) return decodeInColour(decoded, header.coding, frame, clock);
  const options: SharpOptions = {
    failOn: failOnOf(header),
    limitInputPixels: limits.pixelsMax,
    pages: 1,
    ignoreIcc: header.coding !== undefined,
  };
  if (header.stills && header.stills.length > 0) return decodeStill(bytes, header, frame, options, clock);
  const image = resizeTo(sharp(bytes, options).autoOrient(), frame);
  if (cmyk) return asRejection(cmykRaster(image, clock));
  if (header.coding && !Color.isSrgb(header.coding)) {
    return asRejection(codedRaster(image, header.coding, original.deep, clock));
  }
  // Colours are converted pixel by pixel, so where the image shrinks much it is cheaper afterwards. The profile has to
  // travel with the pixels; an uncompressed PNG takes it along, where PNG is accepted at all.
  const late = tagged && limits.formats.includes("png") && areaOf(upright) > 2 * areaOf(frame);
  if (!late) return asRejection(rasterOf(image, clock));
  const reduced = await asRejection(finish(image.keepIccProfile().png({ compressionLevel: 0 }), clock));
  const raster = await rasterOf(sharp(reduced.data), clock);
  free(reduced.data);
  return raster;
}

/** Converts CMYK without a profile as browsers do: each colour is what its ink and black leave of white. */
async function cmykRaster(image: Sharp, clock: Clock): Promise<Raster> {
  const raw = image.pipelineColourspace("cmyk").toColourspace("cmyk").raw();
  const { data, info } = await finish(raw, clock);
  const { width, height } = info;
  const pixels = Buffer.alloc(width * height * 3);
  for (let from = 0, to = 0; from < data.length; from += 4, to += 3) {
    const black = 255 - (data[from + 3] ?? 0);
    for (let i = 0; i < 3; i++) pixels[to + i] = Math.round(((255 - (data[from + i] ?? 0)) * black) / 255);
  }
  return { pixels, width, height, channels: 3 };
}

/** Converts colours that a file signals by number; with 16 bits a channel where the file has more than 8. */
async function codedRaster(image: Sharp, coding: Color.Coding, deep: boolean, clock: Clock): Promise<Raster> {
  if (!deep) {
    const raster = await rasterOf(image, clock);
    const pixels = Color.toSrgb(raster.pixels, raster.channels, coding);
    free(raster.pixels);
    return { ...raster, pixels };
  }
  const raw = image.toColourspace("rgb16").raw({ depth: "ushort" });
  const { data, info } = await finish(raw, clock);
  const { width, height, channels } = info;
  if (channels !== 3 && channels !== 4) throw new Error(`A raster of ${channels} channels is not RGB.`);
  const values = new Uint16Array(data.buffer, data.byteOffset, data.length / 2);
  return { pixels: Color.toSrgb(values, channels, coding), width, height, channels };
}

/** Pixels that were decoded without libvips: reduced first, then converted by their profile or by number. */
async function decodeInColour(
  decoded: Decoded,
  coding: Color.Coding | undefined,
  frame: Size,
  clock: Clock,
): Promise<Raster> {
  const reduced = isWhole(frame, decoded) ? decoded : await rasterOf(resizeTo(open(decoded), frame), clock);
  // A profile that makes no sense is ignored, as in every other format; it travels with the pixels in a PNG.
  if (decoded.profile) return rasterOf(sharp(pngOf(reduced, decoded.profile), { failOn: "none" }), clock);
  if (!coding || Color.isSrgb(coding)) return reduced;
  return { ...reduced, pixels: Color.toSrgb(reduced.pixels, reduced.channels, coding) };
}

const areaOf = ({ width, height }: Size) => width * height;
