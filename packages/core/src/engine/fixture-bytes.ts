/** Image files assembled byte by byte, so that a test can write what no encoder produces. */
import { crc32, deflateSync } from "node:zlib";

/** Bytes from Latin-1 text, numbers and other bytes, one after the other. */
export const bytes = (...parts: (string | readonly number[] | Uint8Array)[]): Buffer =>
  Buffer.concat(
    parts.map((part) => (typeof part === "string" ? Buffer.from(part, "latin1") : Buffer.from(part))),
  );

/** Repeats bytes `count` times. */
export const times = (count: number, part: Uint8Array): Buffer =>
  Buffer.concat(Array.from({ length: count }, () => part));

/** Big-endian and little-endian numbers, for `bytes`. */
export const u16 = (value: number) => [(value >>> 8) & 255, value & 255];
export const u32 = (value: number) => [...u16(value >>> 16), ...u16(value)];
export const le16 = (value: number) => u16(value).reverse();
export const le32 = (value: number) => u32(value).reverse();
const le24 = (value: number) => le32(value).slice(0, 3);

export const pngSignature = bytes("\x89PNG\r\n\x1a\n");

/** A PNG chunk with its checksum, or a wrong one. */
export function chunk(type: string, data: Uint8Array = Buffer.alloc(0), { checksum = true } = {}): Buffer {
  const body = bytes(type, data);
  return bytes(u32(data.length), body, u32(checksum ? crc32(body) : ~crc32(body)));
}

/** The fields of a PNG header: `color` is 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA. */
export type PngHeader = {
  depth?: number;
  color?: number;
  compression?: number;
  filter?: number;
  interlace?: number;
};

export const ihdr = (width: number, height: number, header: PngHeader = {}) => {
  const { depth = 8, color = 2, compression = 0, filter = 0, interlace = 0 } = header;
  return chunk("IHDR", bytes(u32(width), u32(height), [depth, color, compression, filter, interlace]));
};

/** A complete black PNG. `before` and `after` are chunks around the pixels, `data` replaces the pixels. */
export function png(
  width: number,
  height: number,
  options: PngHeader & { before?: Uint8Array; data?: Uint8Array; after?: Uint8Array; end?: boolean } = {},
): Buffer {
  const { depth = 8, color = 2, interlace = 0, before = [], after = [], end = true } = options;
  const bits = depth * ([1, 0, 3, 1, 2, 0, 4][color] ?? 1);
  const data = options.data ?? zlibZeros(rawBytes(width, height, bits, interlace === 1));
  const head = bytes(pngSignature, ihdr(width, height, options), before);
  return bytes(head, chunk("IDAT", data), after, end ? chunk("IEND") : []);
}

/** Every eighth pixel first, then those between: first column and row of each pass of Adam7, and its steps. */
const adam7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

/** Returns the size in bytes of a PNG's unpacked pixels, including the filter byte before each row. */
function rawBytes(width: number, height: number, bits: number, interlaced: boolean): number {
  let total = 0;
  for (const [x, y, dx, dy] of interlaced ? adam7 : ([[0, 0, 1, 1]] as const)) {
    const [columns, rows] = [Math.ceil((width - x) / dx), Math.ceil((height - y) / dy)];
    if (columns > 0 && rows > 0) total += rows * (1 + Math.ceil((columns * bits) / 8));
  }
  return total;
}

/** A zlib stream of `count` zeros, as one repeated block. A few kilobytes unpack to gigabytes. */
export function zlibZeros(count: number): Buffer {
  // Pieces of deflate can be concatenated after a full flush: it ends at a byte boundary and resets the window.
  const megabyte = 2 ** 20;
  const piece = flushed(Buffer.alloc(megabyte));
  const rest = flushed(Buffer.alloc(count % megabyte));
  const pieces = times(Math.floor(count / megabyte), piece);
  // Adler-32 of zeros: the first sum stays 1, the second counts.
  return bytes([0x78, 0x01], pieces, rest, [0x03, 0x00], u16(count % 65_521), u16(1));
}

function flushed(data: Buffer): Buffer {
  const Z_FULL_FLUSH = 3;
  // Without the two bytes of zlib's header; a stream that was flushed and not finished has no trailer.
  return deflateSync(data, { level: 9, finishFlush: Z_FULL_FLUSH }).subarray(2);
}

/** A JPEG segment. */
export const segment = (marker: number, data: Uint8Array | readonly number[] = []) =>
  bytes([0xff, marker], u16(data.length + 2), data);

/** The start of a JPEG up to its frame header. */
export const jpegHead = (width: number, height: number, marker = 0xc0, bits = 8, components = 3) =>
  bytes(
    [0xff, 0xd8],
    segment(0xe0, bytes("JFIF\0", [1, 1, 0, 0, 1, 0, 1, 0, 0])),
    segment(marker, [
      ...[bits, ...u16(height), ...u16(width), components],
      ...Array.from({ length: components }, (_, i) => [i + 1, 0x11, 0]).flat(),
    ]),
  );

/** A GIF of `frames` frames, each with image data for one pixel. */
export function gif(
  width: number,
  height: number,
  options: { frames?: number; frame?: readonly [number, number]; codeSize?: number; end?: boolean } = {},
): Buffer {
  const { frames = 1, frame = [width, height], codeSize = 2, end = true } = options;
  const picture = bytes([0x2c, 0, 0, 0, 0], le16(frame[0]), le16(frame[1]), [0, codeSize, 2, 0x4c, 0x01, 0]);
  const head = bytes("GIF89a", le16(width), le16(height), [0x80, 0, 0, 0, 0, 0, 255, 255, 255]);
  return bytes(head, times(frames, picture), end ? [0x3b] : []);
}

/** A RIFF chunk. */
export const riff = (type: string, data: Uint8Array | readonly number[]) =>
  bytes(type, le32(data.length), data, data.length % 2 ? [0] : []);

/** A WebP with the given chunks. */
export const webp = (...chunks: Uint8Array[]) => riff("RIFF", bytes("WEBP", ...chunks));

/** The header of a WebP that has a canvas; `flags` 2 is animation. */
export const vp8x = (width: number, height: number, flags = 0) =>
  riff("VP8X", [flags, 0, 0, 0, ...le24(width - 1), ...le24(height - 1)]);

/** The header of a lossless WebP. */
export const vp8l = (width: number, height: number, rest: readonly number[] = []) =>
  riff("VP8L", [0x2f, ...le32((((height - 1) << 14) | (width - 1)) >>> 0), ...rest]);

/** An ISO media box. */
export const box = (type: string, ...parts: Uint8Array[]) => {
  const inside = bytes(...parts);
  return bytes(u32(inside.length + 8), type, inside);
};

/** The head of an AVIF or HEIC: brands, and the properties `ispe` (size) and a codec's box. */
export const heif = (brand: string, codec: string, width: number, height: number) =>
  bytes(
    box("ftyp", bytes("mif1", u32(0), "mif1", brand)),
    box(
      "meta",
      bytes(u32(0)),
      box(
        "iprp",
        box("ipco", box("ispe", bytes(u32(0), u32(width), u32(height))), box(codec, bytes(u32(0)))),
      ),
    ),
  );

/** A little-endian TIFF of one directory of 16-bit entries. */
export const tiff = (entries: Readonly<Record<number, number>>) =>
  bytes(
    ...["II*\0", le32(8), le16(Object.keys(entries).length)],
    ...Object.entries(entries).map(([tag, value]) =>
      bytes(le16(Number(tag)), le16(3), le32(1), le16(value), [0, 0]),
    ),
    le32(0),
  );
