/**
 * Reads an image's dimensions from its header without a decoder, so that a file over a limit is rejected before any
 * native code parses it. Parses only the parts of each format that this needs.
 */
import { type Box, boxes, boxIn, tag } from "./boxes.ts";
import { Color } from "./color.ts";
import type { Format } from "./format.ts";

/** Sizes in pixels as stored, before orientation. */
export type Header = {
  format: Format;
  width: number;
  height: number;
  /** Number of frames; 1 for a still image. */
  frames: number;
  /** True if a decoder needs the entire image in memory before it can return the first row. */
  whole: boolean;
  /** Colours signalled by code points. Absent if an ICC profile takes precedence over them. */
  coding?: Color.Coding;
  /** Name of the encoding, if no decoder here supports it. */
  unreadable?: string;
  /** An invalid value in the header. */
  fault?: string;
  /** Scans of a progressive JPEG. */
  scans?: number;
  /** False for a JPEG whose end (EOI) is missing, which may be all that is missing. */
  ended?: boolean;
  /** True if the file has a gain map, which makes an HDR image of it. */
  gainMap?: boolean;
  /** The first frames of an animation, at most ten. */
  stills?: Still[];
};

/** A frame: the part of the canvas that it covers, in pixels, and where its bytes end in the file. */
export type Still = { left: number; top: number; width: number; height: number; end: number };

/** Frames examined for the first one that is not blank. */
const stillsMax = 10;

/** Reads the header of bytes that `sniff` recognised as `format`; returns undefined if there is none. */
export function readHeader(bytes: Uint8Array, format: Format): Header | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    const found = readers[format](view);
    return found && { format, frames: 1, whole: false, ...found };
  } catch (error) {
    // DataView throws on a read past its end: the header is truncated.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

type Found = Partial<Header> & Pick<Header, "width" | "height">;

const readers: Record<Format, (view: DataView) => Found | undefined> = {
  jpeg,
  png,
  webp,
  gif,
  tiff,
  avif: (view) => heif(view, "av1C"),
  heic: (view) => heif(view, "hvcC"),
};

/** Names of the JPEG frame types that no decoder here supports, by marker. */
const unreadableFrames: Record<number, string> = {
  195: "lossless JPEG",
  197: "hierarchical JPEG",
  198: "hierarchical JPEG",
  199: "hierarchical JPEG",
  203: "lossless JPEG",
  205: "hierarchical JPEG",
  206: "hierarchical JPEG",
  207: "hierarchical JPEG",
};

/**
 * ITU T.81, B.2: segments up to the frame header (SOF), which holds precision, height and width. Bytes between
 * segments are skipped, as every decoder does. In a progressive image the scans are counted, each a marker (SOS) in
 * the entropy-coded data, where 0xFF is always escaped.
 */
function jpeg(view: DataView): Found | undefined {
  let isMultiple = false;
  for (let at = 2; ; ) {
    while (view.getUint8(at) !== 0xff) at++;
    while (view.getUint8(at) === 0xff) at++;
    const marker = view.getUint8(at++);
    // Without a segment: a stuffed byte, TEM, restart markers, SOI.
    if (marker <= 0x01 || (marker >= 0xd0 && marker <= 0xd8)) continue;
    // EOI or SOS before a frame header.
    if (marker === 0xd9 || marker === 0xda) return undefined;
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      const precision = view.getUint8(at + 2);
      const whole = marker === 0xc2 || marker === 0xca;
      return {
        width: view.getUint16(at + 5),
        height: view.getUint16(at + 3),
        whole,
        unreadable: unreadableFrames[marker] ?? (precision === 12 ? "12-bit JPEG" : undefined),
        ...(precision !== 8 && precision !== 12 && { fault: `${precision} bits per sample` }),
        ...scansFrom(view, at, whole),
        ...(isMultiple && namesGainMap(view) && { gainMap: true }),
      };
    }
    // CIPA DC-007: more images follow.
    if (marker === 0xe2 && tag(view, at + 2) === "MPF\0") isMultiple = true;
    at += view.getUint16(at);
  }
}

const appleGainMap = "urn:com:apple:photo:2020:aux:hdrgainmap";

/** Names of gain maps in the metadata of the base image or the gain map: Android's Ultra HDR, ISO 21496-1, Apple. */
const gainMaps = ["http://ns.adobe.com/hdr-gain-map/1.0/", "urn:iso:std:iso:ts:21496:-1", appleGainMap];

function namesGainMap({ buffer, byteOffset, byteLength }: DataView): boolean {
  const bytes = Buffer.from(buffer, byteOffset, byteLength);
  return gainMaps.some((name) => bytes.includes(name, 0, "latin1"));
}

/** Counts the scans of a progressive JPEG and looks for the end (EOI) after the first scan. */
function scansFrom(view: DataView, from: number, progressive: boolean): Pick<Header, "scans" | "ended"> {
  const bytes = Buffer.from(view.buffer, view.byteOffset, view.byteLength);
  const find = (marker: number, at: number) => bytes.indexOf(Buffer.from([0xff, marker]), at);
  const first = find(0xda, from);
  const end = first < 0 ? -1 : find(0xd9, first);
  let scans = 0;
  for (let at = first; progressive && at >= 0 && (end < 0 || at < end); at = find(0xda, at + 2)) scans++;
  return { ...(progressive && { scans }), ended: end >= 0 };
}

/** PNG (W3C), 11.2.2: IHDR always comes first, except in Xcode's variant (CgBI), which other decoders cannot read. */
function png(view: DataView): Found | undefined {
  if (tag(view, 12) === "CgBI") {
    const unreadable = "CgBI, Apple's variant of PNG";
    return { width: view.getUint32(32), height: view.getUint32(36), unreadable };
  }
  if (tag(view, 12) !== "IHDR") return undefined;
  const found = { width: view.getUint32(16), height: view.getUint32(20), whole: view.getUint8(28) === 1 };
  return { ...found, coding: pngCoding(view) };
}

/** PNG (W3C), 4.3: cICP comes before iCCP, that before sRGB, that before gAMA with cHRM. All of them precede IDAT. */
function pngCoding(view: DataView): Color.Coding | undefined {
  const chunks = new Map<string, number>();
  for (let at = 8; at + 12 <= view.byteLength && chunks.size < 100; at += 12 + view.getUint32(at)) {
    const type = tag(view, at + 4);
    if (type === "IDAT") break;
    // Ignores a chunk that extends past the end of the file.
    if (at + 12 + view.getUint32(at) <= view.byteLength) chunks.set(type, at + 8);
  }
  const cicp = chunks.get("cICP");
  if (cicp !== undefined) {
    // PNG allows only RGB with full range.
    const isValid = view.getUint8(cicp + 2) === 0 && view.getUint8(cicp + 3) === 1;
    const coding = Color.fromCodes(view.getUint8(cicp), view.getUint8(cicp + 1));
    if (isValid && coding) return coding;
  }
  const gama = chunks.get("gAMA");
  if (gama === undefined || chunks.has("iCCP") || chunks.has("sRGB")) return undefined;
  const gamma = view.getUint32(gama) / 100_000;
  if (gamma < 0.01 || gamma > 10) return undefined;
  const chrm = chunks.get("cHRM");
  const at = (index: number) => view.getUint32((chrm ?? 0) + index * 4) / 100_000;
  return Color.fromGamma(
    gamma,
    chrm === undefined ? undefined : [at(2), at(3), at(4), at(5), at(6), at(7), at(0), at(1)],
  );
}

/** RFC 9649: a lossy or a lossless image, or a canvas with one or more of them. */
function webp(view: DataView): Found | undefined {
  const first = tag(view, 12);
  if (first === "VP8 ") {
    const bits = (at: number) => view.getUint16(at, true) & 0x3fff;
    return { width: bits(26), height: bits(28) };
  }
  if (first === "VP8L") {
    const bits = view.getUint32(21, true);
    return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1, whole: true };
  }
  if (first !== "VP8X") return undefined;
  const size = (at: number) => (view.getUint16(at, true) | (view.getUint8(at + 2) << 16)) + 1;
  let frames = 0;
  const stills: Still[] = [];
  for (let at = 30; at + 8 <= view.byteLength; ) {
    const start = at;
    const bytes = view.getUint32(at + 4, true);
    at += 8 + bytes + (bytes & 1); // chunks start at even offsets
    if (tag(view, start) !== "ANMF") continue;
    frames++;
    if (stills.length === stillsMax || at > view.byteLength || bytes < 16) continue;
    const side = (offset: number) => size(start + 8 + offset);
    stills.push({
      left: (side(0) - 1) * 2,
      top: (side(3) - 1) * 2,
      width: side(6),
      height: side(9),
      end: at,
    });
  }
  return { width: size(24), height: size(27), frames: Math.max(1, frames), stills };
}

/** GIF89a: a screen, then blocks; frames may be larger than the screen. */
function gif(view: DataView): Found | undefined {
  const found = { width: view.getUint16(6, true), height: view.getUint16(8, true), frames: 0 };
  const stills: Still[] = [];
  const tableAfter = (flags: number) => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0);
  let at = 13 + tableAfter(view.getUint8(10));
  while (at < view.byteLength) {
    const block = view.getUint8(at);
    let still: Still | undefined;
    if (block === 0x2c && at + 10 <= view.byteLength) {
      const side = (offset: number) => view.getUint16(at + offset, true);
      still = { left: side(1), top: side(3), width: side(5), height: side(7), end: 0 };
      found.frames++;
      found.width = Math.max(found.width, still.left + still.width);
      found.height = Math.max(found.height, still.top + still.height);
      at += 11 + tableAfter(view.getUint8(at + 9));
    } else if (block === 0x21) at += 2;
    else break; // the trailer, or data that was appended to the file
    while (at < view.byteLength && view.getUint8(at) > 0) at += 1 + view.getUint8(at);
    at++;
    if (still && stills.length < stillsMax) stills.push({ ...still, end: Math.min(at, view.byteLength) });
  }
  return found.frames > 0 ? { ...found, stills } : undefined;
}

/** TIFF 6.0: entries of the first directory. For a tile larger than the image, the tile's size counts. */
function tiff(view: DataView): Found | undefined {
  const little = view.getUint8(0) === 0x49;
  const start = view.getUint32(4, little);
  const found = { width: 0, height: 0, unreadable: undefined as string | undefined };
  const tile = { width: 0, height: 0 };
  const entries = view.getUint16(start, little);
  for (let at = start + 2; at < start + 2 + entries * 12; at += 12) {
    const value =
      view.getUint16(at + 2, little) === 3 ? view.getUint16(at + 8, little) : view.getUint32(at + 8, little);
    if (view.getUint16(at, little) === 256) found.width = value;
    if (view.getUint16(at, little) === 257) found.height = value;
    if (view.getUint16(at, little) === 322) tile.width = value;
    if (view.getUint16(at, little) === 323) tile.height = value;
    // Images have at most five channels (CMYK with alpha); thousands are scientific data or an attack.
    if (view.getUint16(at, little) === 277 && value > 5) found.unreadable = `TIFF of ${value} channels`;
  }
  // A tile is decoded as one block of memory. Programs write tiles of up to 1,024 px a side, even for smaller images.
  const isHuge = tile.width * tile.height > Math.max(2 ** 20, found.width * found.height);
  return isHuge && found.width > 0 && found.height > 0 ? { ...found, ...tile } : found;
}

/** ISO/IEC 23008-12: the largest size among the file's item properties. */
function heif(view: DataView, readable: "av1C" | "hvcC"): Found | undefined {
  const properties = boxIn(view, ["meta", "iprp", "ipco"]);
  if (!properties) return withoutItems(view);
  const found: Found = { width: 0, height: 0, whole: true };
  const codecs = new Set<string>();
  let profile = false;
  for (const { type, start } of boxes(view, properties.start, properties.end)) {
    if (type === "ispe") {
      found.width = Math.max(found.width, view.getUint32(start + 4));
      found.height = Math.max(found.height, view.getUint32(start + 8));
    }
    if (type in codecNames) codecs.add(type);
    // The thumbnail, the alpha plane and a gain map may have other colours; those of the image come first.
    if (type !== "colr") continue;
    if (tag(view, start) !== "nclx") profile = true;
    else found.coding ??= nclx(view.getUint16(start + 4), view.getUint16(start + 6));
  }
  if (hasGainMap(view, properties)) found.gainMap = true;
  const [first] = codecs;
  if (!codecs.has(readable) && first) found.unreadable = codecNames[first];
  return profile ? { ...found, coding: undefined } : found;
}

/** ISO/IEC 23008-12: Apple's gain map is an auxiliary image, that of ISO 21496-1 an item derived with it (`tmap`). */
function hasGainMap(view: DataView, properties: Box): boolean {
  for (const { type, start, end } of boxes(view, properties.start, properties.end)) {
    if (type === "auxC" && textAt(view, start + 4, end).startsWith(appleGainMap)) return true;
  }
  const items = boxIn(view, ["meta", "iinf"]);
  if (!items) return false;
  // A version of `iinf` and its number of items, in 16 bits or, from version 1 on, in 32.
  const first = items.start + (view.getUint8(items.start) === 0 ? 6 : 8);
  for (const { type, start } of boxes(view, first, items.end)) {
    // `infe` from version 2 on: an id of 16 or 32 bits, a protection index, the item's type.
    if (type === "infe" && tag(view, start + (view.getUint8(start) === 3 ? 10 : 8)) === "tmap") return true;
  }
  return false;
}

const textAt = ({ buffer, byteOffset }: DataView, start: number, end: number): string =>
  Buffer.from(buffer, byteOffset + start, end - start).toString("latin1");

/** Encoders of still images signal television curves for sRGB, and Chromium reads them as sRGB. */
function nclx(primaries: number, transfer: number): Color.Coding | undefined {
  return Color.fromCodes(primaries, [1, 6, 14, 15].includes(transfer) ? 13 : transfer);
}

/** HEIF files without item properties: image sequences, and AVIF's minimized header. */
function withoutItems(view: DataView): Found | undefined {
  for (const { type } of boxes(view, 0, view.byteLength)) {
    if (type === "mini")
      return { width: 1, height: 1, unreadable: "an image with a minimized header (mif3)" };
    if (type === "moov")
      return { width: 1, height: 1, unreadable: "an image sequence without a still image" };
  }
  return undefined;
}

/** HEIF codecs by their configuration box. */
const codecNames: Record<string, string> = {
  av1C: "AV1",
  hvcC: "HEVC",
  avcC: "H.264",
  vvcC: "VVC",
  jpgC: "JPEG",
};
