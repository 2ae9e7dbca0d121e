/**
 * Parses size, frames and codec from an image's header without a decoder: a file over the limits must be rejected
 * before it reaches any code written in C. Parses no more of each format than that takes.
 */
import type { Format } from "./format.ts";

/** A parsed header. Sizes in pixels as stored, before orientation. */
export type Header = {
  format: Format;
  width: number;
  height: number;
  /** Number of frames; 1 for a still image. */
  frames: number;
  /** A decoder must hold the whole image before it returns the first row. */
  whole: boolean;
  /** Name of a codec that no decoder here supports. */
  unreadable?: string;
};

/** Parses the header of bytes that `sniff` recognised as `format`; undefined if it is damaged or incomplete. */
export function readHeader(bytes: Uint8Array, format: Format): Header | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    const found = readers[format](view);
    return found && { format, frames: 1, whole: false, ...found };
  } catch (error) {
    // A DataView throws on a read beyond its end: the header is truncated.
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

/** JPEG frames that no decoder here supports, by their marker. */
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

/** ITU T.81, B.2: segments up to the frame header (SOF), which holds precision, height and width. */
function jpeg(view: DataView): Found | undefined {
  for (let at = 2; ; ) {
    if (view.getUint8(at) !== 0xff) return undefined;
    while (view.getUint8(at) === 0xff) at++;
    const marker = view.getUint8(at++);
    if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) continue; // markers without a segment
    if (marker === 0xd9 || marker === 0xda) return undefined; // image data without a frame header
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      const precision = view.getUint8(at + 2);
      const unreadable = unreadableFrames[marker] ?? (precision === 8 ? undefined : `${precision}-bit JPEG`);
      return {
        width: view.getUint16(at + 5),
        height: view.getUint16(at + 3),
        whole: marker === 0xc2 || marker === 0xca,
        unreadable,
      };
    }
    at += view.getUint16(at);
  }
}

/** PNG (W3C), 11.2.2: IHDR always comes first. */
function png(view: DataView): Found | undefined {
  if (tag(view, 12) !== "IHDR") return undefined;
  return { width: view.getUint32(16), height: view.getUint32(20), whole: view.getUint8(28) === 1 };
}

/** RFC 9649: a lossy or lossless image, or a canvas with one or more frames of either. */
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
  for (let at = 30; at + 8 <= view.byteLength; ) {
    if (tag(view, at) === "ANMF") frames++;
    const bytes = view.getUint32(at + 4, true);
    at += 8 + bytes + (bytes & 1); // chunks start at even offsets
  }
  return { width: size(24), height: size(27), frames: Math.max(1, frames) };
}

/** GIF89a: a logical screen, then blocks. Frames may be larger than the screen. */
function gif(view: DataView): Found | undefined {
  const found = { width: view.getUint16(6, true), height: view.getUint16(8, true), frames: 0 };
  const tableAfter = (flags: number) => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0);
  let at = 13 + tableAfter(view.getUint8(10));
  while (at < view.byteLength) {
    const block = view.getUint8(at);
    if (block === 0x2c && at + 10 <= view.byteLength) {
      const side = (offset: number) => view.getUint16(at + offset, true);
      found.frames++;
      found.width = Math.max(found.width, side(1) + side(5));
      found.height = Math.max(found.height, side(3) + side(7));
      at += 11 + tableAfter(view.getUint8(at + 9));
    } else if (block === 0x21) at += 2;
    else break; // the trailer, or data after the frames
    while (at < view.byteLength && view.getUint8(at) > 0) at += 1 + view.getUint8(at);
    at++;
  }
  return found.frames > 0 ? found : undefined;
}

/** TIFF 6.0: entries of the first directory. A tile larger than the image counts as the size. */
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
    // Images have at most 5 channels (CMYK and alpha); thousands are measurements, or an attack.
    if (view.getUint16(at, little) === 277 && value > 5) found.unreadable = `TIFF of ${value} channels`;
  }
  // A decoder holds a whole tile in memory. Encoders write tiles of up to 1,024 px a side.
  const isHuge = tile.width * tile.height > Math.max(2 ** 20, found.width * found.height);
  return isHuge && found.width > 0 && found.height > 0 ? { ...found, ...tile } : found;
}

/** ISO/IEC 23008-12: the largest image among the file's item properties. */
function heif(view: DataView, readable: "av1C" | "hvcC"): Found | undefined {
  const properties = boxIn(view, ["meta", "iprp", "ipco"]);
  if (!properties) return undefined;
  const found = { width: 0, height: 0, whole: true, unreadable: undefined as string | undefined };
  const codecs = new Set<string>();
  for (const { type, start } of boxes(view, properties.start, properties.end)) {
    if (type === "ispe") {
      found.width = Math.max(found.width, view.getUint32(start + 4));
      found.height = Math.max(found.height, view.getUint32(start + 8));
    }
    if (type in codecNames) codecs.add(type);
  }
  const [first] = codecs;
  if (!codecs.has(readable) && first) found.unreadable = codecNames[first];
  return found;
}

/** Codecs of HEIF by their configuration box. */
const codecNames: Record<string, string> = {
  av1C: "AV1",
  hvcC: "HEVC",
  avcC: "H.264",
  vvcC: "VVC",
  jpgC: "JPEG",
};

type Box = { type: string; start: number; end: number };

function boxIn(view: DataView, path: readonly string[]): Box | undefined {
  let inside: Box = { type: "", start: 0, end: view.byteLength };
  for (const type of path) {
    const found = [...boxes(view, inside.start, inside.end)].find((box) => box.type === type);
    if (!found) return undefined;
    // Of these boxes only `meta` has a version before its children.
    inside = type === "meta" ? { ...found, start: found.start + 4 } : found;
  }
  return inside;
}

/** Iterates over the boxes between two offsets; at most 1,000, far more than cameras write. */
function* boxes(view: DataView, from: number, to: number): Generator<Box> {
  for (let at = from, count = 0; at + 8 <= to && count < 1000; count++) {
    const size = view.getUint32(at);
    const large = size === 1;
    const end = size === 0 ? to : at + (large ? Number(view.getBigUint64(at + 8)) : size);
    const start = at + (large ? 16 : 8);
    if (end < start || end > to) return;
    yield { type: tag(view, at + 4), start, end };
    at = end;
  }
}

/** Reads a four-character code. */
function tag(view: DataView, at: number): string {
  return String.fromCharCode(...[0, 1, 2, 3].map((i) => view.getUint8(at + i)));
}
