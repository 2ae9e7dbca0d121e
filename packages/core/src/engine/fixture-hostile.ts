/**
 * Hostile and damaged files, each with its expected rejection code, or "ready" if it is a valid image after all. All
 * are generated here; the kinds are taken from the bug lists of libvips and browsers.
 */
import { deflateSync, gzipSync } from "node:zlib";
import { phoneExif, photo } from "../fixture.ts";
import { randomFrom } from "../fixture-random.ts";
import {
  box,
  bytes,
  chunk,
  gif,
  heif,
  ihdr,
  jpegHead,
  le16,
  le32,
  png,
  pngSignature,
  riff,
  segment,
  tiff,
  times,
  u16,
  u32,
  vp8l,
  vp8x,
  webp,
  zlibZeros,
} from "./fixture-bytes.ts";
import type { Code } from "./rejection.ts";

/** A file and its expected result. */
export type Hostile = { make(): Buffer | Promise<Buffer>; ends: Code | "ready" };

const small = { width: 64, height: 48 };
const jpeg = () => photo(small);
const without = (whole: Buffer, at: number, count: number) =>
  bytes(whole.subarray(0, at), whole.subarray(at + count));
const patched = (whole: Buffer, at: number, ...values: number[]) => {
  const out = Buffer.from(whole);
  out.set(values, at);
  return out;
};
/** Returns the offset of a JPEG marker. */
const marker = (whole: Buffer, code: number) => whole.indexOf(Buffer.from([0xff, code]));
/** Inserts bytes right after the first marker of a JPEG. */
const inserted = (whole: Buffer, part: Uint8Array) => bytes(whole.subarray(0, 2), part, whole.subarray(2));
const svg = (inside: string) =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">${inside}</svg>`;

const foreign: Record<string, () => Buffer> = {
  "one byte": () => bytes([0xff]),
  "two bytes of a JPEG": () => bytes([0xff, 0xd8]),
  text: () => bytes("no picture"),
  html: () => bytes("<!doctype html><script>alert(1)</script>"),
  "random bytes": () => {
    const random = randomFrom(1);
    return Buffer.from(Array.from({ length: 65_536 }, () => random() * 256));
  },
  zeros: () => Buffer.alloc(1000),
  svg: () => bytes(svg("<script>alert(1)</script>")),
  "svg with a byte order mark": () => bytes([0xef, 0xbb, 0xbf], svg("")),
  "svg that reads files": () =>
    bytes(`<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>${svg("<text>&x;</text>")}`),
  "svg that calls out": () => bytes(svg('<image href="http://169.254.169.254/latest/meta-data/"/>')),
  "svg of a billion laughs": () =>
    bytes(`<!DOCTYPE svg [<!ENTITY a "ha"><!ENTITY b "${"&a;".repeat(99)}">]>${svg("&b;")}`),
  pdf: () => bytes("%PDF-1.7\n1 0 obj<<>>endobj"),
  postscript: () => bytes("%!PS\n(/etc/passwd) run"),
  mvg: () => bytes("push graphic-context\nfill 'url(https://127.0.0.1/\"|id\")'\npop graphic-context"),
  zip: () => bytes("PK\x03\x04", Buffer.alloc(30)),
  gzip: () => gzipSync("nothing"),
  "windows program": () => bytes("MZ", Buffer.alloc(100)),
  elf: () => bytes("\x7fELF", Buffer.alloc(100)),
  mp4: () => box("ftyp", bytes("isom", u32(0), "isommp42")),
  mp3: () => bytes("ID3", Buffer.alloc(20)),
  bmp: () => bytes("BM", Buffer.alloc(52)),
  ico: () => bytes([0, 0, 1, 0, 1, 0], Buffer.alloc(40)),
  photoshop: () => bytes("8BPS", [0, 1], Buffer.alloc(30)),
  "jpeg xl": () => bytes([0xff, 0x0a], Buffer.alloc(30)),
  "jpeg xl in a box": () => bytes(u32(12), "JXL \r\n\x87\n", Buffer.alloc(30)),
  "jpeg 2000": () => bytes(u32(12), "jP  \r\n\x87\n", Buffer.alloc(30)),
  "libvips' own": () => bytes([0x08, 0xf2, 0xa6, 0xb6], Buffer.alloc(60)),
  openexr: () => bytes([0x76, 0x2f, 0x31, 0x01], Buffer.alloc(30)),
  radiance: () => bytes("#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 9 +X 9\n"),
  ppm: () => bytes("P6 9 9 255\n", Buffer.alloc(243)),
  fits: () => bytes("SIMPLE  =                    T"),
  wasm: () => bytes("\0asm", [1, 0, 0, 0]),
  "riff that is sound": () => bytes("RIFF", le32(4), "WAVE"),
  "tiff, which is not accepted by default": () => tiff({ 256: 1, 257: 1 }),
};

const pngs: Record<string, Hostile> = {
  "png: signature alone": { make: () => pngSignature, ends: "corrupt_image" },
  "png: header cut off": { make: () => png(9, 9).subarray(0, 22), ends: "corrupt_image" },
  "png: no header": { make: () => bytes(pngSignature, chunk("IDAT"), chunk("IEND")), ends: "corrupt_image" },
  "png: 0 × 0": { make: () => png(0, 0), ends: "corrupt_image" },
  "png: 0 × 9": { make: () => png(0, 9), ends: "corrupt_image" },
  "png: 9 × 0": { make: () => png(9, 0), ends: "corrupt_image" },
  "png: 2³¹ − 1 a side": {
    make: () => png(2 ** 31 - 1, 2 ** 31 - 1, { data: zlibZeros(9) }),
    ends: "side_too_long",
  },
  "png: 2³² − 1 a side": {
    make: () => png(2 ** 32 - 1, 2 ** 32 - 1, { data: zlibZeros(9) }),
    ends: "side_too_long",
  },
  "png: 2,097,152 × 16": { make: () => png(2_097_152, 16), ends: "side_too_long" },
  "png: 16 × 2,097,152": { make: () => png(16, 2_097_152), ends: "side_too_long" },
  "png: 524,288 × 90": { make: () => png(524_288, 90), ends: "side_too_long" },
  "png: 65,535 × 750": { make: () => png(65_535, 750), ends: "side_too_long" },
  "png: 16,385 × 1": { make: () => png(16_385, 1), ends: "side_too_long" },
  "png: 16,384 × 500": { make: () => png(16_384, 500), ends: "ready" },
  "png: 20,000 × 20,000 of one bit": {
    make: () => png(20_000, 20_000, { depth: 1, color: 0 }),
    ends: "side_too_long",
  },
  "png: 10,000 × 10,000": {
    make: () => png(10_000, 10_000, { depth: 1, color: 0 }),
    ends: "too_many_pixels",
  },
  "png: 7,000 × 7,000 of one bit": { make: () => png(7_000, 7_000, { depth: 1, color: 0 }), ends: "ready" },
  "png: 4,000 × 4,000 of 64 bits": { make: () => png(4_000, 4_000, { depth: 16, color: 6 }), ends: "ready" },
  "png: interlaced": { make: () => png(100, 100, { interlace: 1 }), ends: "ready" },
  "png: interlaced, 8,000 × 8,000": {
    make: () => png(8_000, 8_000, { depth: 1, color: 0, interlace: 1 }),
    ends: "too_many_pixels",
  },
  "png: header with a wrong checksum": {
    make: () => patched(png(9, 9), pngSignature.length + 8 + 13, 0, 0, 0, 0),
    ends: "corrupt_image",
  },
  "png: pixels with a wrong checksum": {
    make: () =>
      bytes(pngSignature, ihdr(9, 9), chunk("IDAT", zlibZeros(9 * 28), { checksum: false }), chunk("IEND")),
    ends: "corrupt_image",
  },
  "png: too few pixels": { make: () => png(100, 100, { data: zlibZeros(1000) }), ends: "corrupt_image" },
  "png: no pixels": { make: () => bytes(pngSignature, ihdr(9, 9), chunk("IEND")), ends: "corrupt_image" },
  "png: empty pixels": { make: () => png(9, 9, { data: Buffer.alloc(0) }), ends: "corrupt_image" },
  "png: pixels that are no zlib": {
    make: () => png(9, 9, { data: Buffer.alloc(99, 7) }),
    ends: "corrupt_image",
  },
  "png: 200 MB of pixels too many": { make: () => png(10, 10, { data: zlibZeros(200e6) }), ends: "ready" },
  "png: two headers": { make: () => png(9, 9, { before: ihdr(20_000, 9) }), ends: "corrupt_image" },
  "png: colour type 5": { make: () => png(9, 9, { color: 5 }), ends: "corrupt_image" },
  "png: depth 3": { make: () => png(9, 9, { depth: 3 }), ends: "corrupt_image" },
  "png: depth 1 in RGB": { make: () => png(9, 9, { depth: 1 }), ends: "corrupt_image" },
  "png: compression 1": { make: () => png(9, 9, { compression: 1 }), ends: "corrupt_image" },
  "png: filter 1": { make: () => png(9, 9, { filter: 1 }), ends: "corrupt_image" },
  "png: interlace 2": { make: () => png(9, 9, { interlace: 2 }), ends: "corrupt_image" },
  "png: row filter 9": {
    make: () => png(9, 9, { data: deflateSync(Buffer.alloc(9 * 28, 9)) }),
    ends: "corrupt_image",
  },
  "png: palette missing": { make: () => png(9, 9, { color: 3 }), ends: "corrupt_image" },
  "png: palette of 257": {
    make: () => png(9, 9, { color: 3, before: chunk("PLTE", Buffer.alloc(771)) }),
    ends: "corrupt_image",
  },
  "png: palette of a colour and a bit": {
    make: () => png(9, 9, { color: 3, before: chunk("PLTE", Buffer.alloc(4)) }),
    ends: "corrupt_image",
  },
  "png: unknown critical chunk": { make: () => png(9, 9, { before: chunk("EVIL") }), ends: "corrupt_image" },
  "png: unknown chunk": { make: () => png(9, 9, { before: chunk("evIl", Buffer.alloc(99)) }), ends: "ready" },
  "png: chunk longer than the file": {
    make: () => bytes(pngSignature, ihdr(9, 9), u32(2 ** 31 - 1), "tEXtx"),
    ends: "corrupt_image",
  },
  "png: profile of 500 MB": {
    make: () => png(9, 9, { before: chunk("iCCP", bytes("x\0\0", zlibZeros(500e6))) }),
    ends: "ready",
  },
  "png: profile of noise": {
    make: () => png(9, 9, { before: chunk("iCCP", bytes("x\0\0", deflateSync(Buffer.alloc(500, 65)))) }),
    ends: "ready",
  },
  "png: text of 500 MB": {
    make: () => png(9, 9, { before: chunk("zTXt", bytes("x\0\0", zlibZeros(500e6))) }),
    ends: "ready",
  },
  "png: 50,000 texts": {
    make: () => png(9, 9, { before: times(50_000, chunk("tEXt", bytes("k\0v"))) }),
    ends: "ready",
  },
  "png: exif of noise": {
    make: () => png(9, 9, { before: chunk("eXIf", Buffer.alloc(999, 77)) }),
    ends: "ready",
  },
  "png: animated": {
    make: () => png(9, 9, { before: chunk("acTL", bytes(u32(1e9), u32(0))) }),
    ends: "ready",
  },
  "png: no end": { make: () => png(9, 9, { end: false }), ends: "ready" },
  "png: program behind it": { make: () => bytes(png(9, 9), '<?php system($_GET["c"]); ?>'), ends: "ready" },
};

const exifLoop = bytes("Exif\0\0II*\0", le32(8), le16(1), le16(0x8769), le16(4), le32(1), le32(8), le32(8));

const jpegs: Record<string, Hostile> = {
  "jpeg: start and end alone": { make: () => bytes([0xff, 0xd8, 0xff, 0xd9]), ends: "corrupt_image" },
  "jpeg: 65,535 a side": { make: () => jpegHead(65_535, 65_535), ends: "side_too_long" },
  "jpeg: 16,385 wide": { make: () => jpegHead(16_385, 9), ends: "side_too_long" },
  "jpeg: 10,000 × 10,000": { make: () => jpegHead(10_000, 10_000), ends: "too_many_pixels" },
  "jpeg: 7,000 × 7,000 and nothing in it": { make: () => jpegHead(7_000, 7_000), ends: "corrupt_image" },
  "jpeg: no width": { make: () => jpegHead(0, 9), ends: "corrupt_image" },
  "jpeg: height to be told later": { make: () => jpegHead(9, 0), ends: "corrupt_image" },
  "jpeg: 12 bits": { make: () => jpegHead(9, 9, 0xc1, 12), ends: "unsupported_codec" },
  "jpeg: lossless": { make: () => jpegHead(9, 9, 0xc3), ends: "unsupported_codec" },
  "jpeg: hierarchical": { make: () => jpegHead(9, 9, 0xc5), ends: "unsupported_codec" },
  "jpeg: no component": { make: () => jpegHead(9, 9, 0xc0, 8, 0), ends: "corrupt_image" },
  "jpeg: 255 components": { make: () => jpegHead(9, 9, 0xc0, 8, 255), ends: "corrupt_image" },
  "jpeg: no frame": { make: () => bytes([0xff, 0xd8], segment(0xda, [0])), ends: "corrupt_image" },
  "jpeg: segment of no length": { make: () => bytes([0xff, 0xd8, 0xff, 0xe1, 0, 0]), ends: "corrupt_image" },
  "jpeg: segment beyond the end": {
    make: () => bytes([0xff, 0xd8, 0xff, 0xe1, 0xff, 0xff]),
    ends: "corrupt_image",
  },
  "jpeg: no quantisation": {
    make: async () => {
      const whole = await jpeg();
      const at = marker(whole, 0xdb);
      return without(whole, at, 2 + whole.readUInt16BE(at + 2));
    },
    ends: "corrupt_image",
  },
  "jpeg: no Huffman table": {
    make: async () => {
      const whole = await jpeg();
      const at = marker(whole, 0xc4);
      return without(whole, at, 2 + whole.readUInt16BE(at + 2));
    },
    ends: "ready", // decoders have a default one
  },
  "jpeg: Huffman table that is too full": {
    make: async () => {
      const whole = await jpeg();
      return patched(whole, marker(whole, 0xc4) + 5, ...Array<number>(16).fill(255));
    },
    ends: "corrupt_image",
  },
  "jpeg: sampling factor 0": {
    make: async () => {
      const whole = await jpeg();
      return patched(whole, marker(whole, 0xc0) + 11, 0);
    },
    ends: "corrupt_image",
  },
  "jpeg: sampling factor 15": {
    make: async () => {
      const whole = await jpeg();
      return patched(whole, marker(whole, 0xc0) + 11, 0xff);
    },
    ends: "corrupt_image",
  },
  "jpeg: says that it is larger": {
    make: async () => {
      const whole = await jpeg();
      return patched(whole, marker(whole, 0xc0) + 5, ...u16(4000), ...u16(4000));
    },
    ends: "ready",
  },
  "jpeg: says that it is smaller": {
    make: async () => {
      const whole = await jpeg();
      return patched(whole, marker(whole, 0xc0) + 5, ...u16(8), ...u16(8));
    },
    ends: "ready", // the rest is never looked at
  },
  "jpeg: two frames": {
    make: async () => {
      const whole = await jpeg();
      const at = marker(whole, 0xc0);
      const frame = whole.subarray(at, at + 2 + whole.readUInt16BE(at + 2));
      return bytes(whole.subarray(0, at), frame, whole.subarray(at));
    },
    ends: "corrupt_image",
  },
  "jpeg: a hole in the middle": {
    make: async () => {
      const whole = await photo({ width: 640, height: 480 });
      return without(whole, whole.length >> 1, 5000);
    },
    ends: "ready",
  },
  "jpeg: no end": { make: async () => (await jpeg()).subarray(0, -2), ends: "ready" },
  "jpeg: exif that leads to itself": {
    make: async () => inserted(await jpeg(), segment(0xe1, exifLoop)),
    ends: "ready",
  },
  "jpeg: 60 KB of exif noise": {
    make: async () =>
      inserted(await jpeg(), segment(0xe1, bytes("Exif\0\0II*\0", Buffer.alloc(60_000, 0x41)))),
    ends: "ready",
  },
  "jpeg: profile of noise": {
    make: async () =>
      inserted(await jpeg(), segment(0xe2, bytes("ICC_PROFILE\0", [1, 1], Buffer.alloc(999, 66)))),
    ends: "ready",
  },
  "jpeg: part 9 of a profile of 2": {
    make: async () => inserted(await jpeg(), segment(0xe2, bytes("ICC_PROFILE\0", [9, 2], Buffer.alloc(99)))),
    ends: "ready",
  },
  "jpeg: 100,000 bytes of filling": {
    make: async () => inserted(await jpeg(), Buffer.alloc(100_000, 0xff)),
    ends: "ready",
  },
  "jpeg: 1,000 comments": {
    make: async () => inserted(await jpeg(), times(1000, segment(0xfe, Buffer.alloc(1000, 32)))),
    ends: "ready",
  },
  "jpeg: web page in a comment": {
    make: async () => inserted(await jpeg(), segment(0xfe, bytes("<script>alert(1)</script>"))),
    ends: "ready",
  },
  "jpeg: archive behind it": {
    make: async () => bytes(await jpeg(), "PK\x03\x04", Buffer.alloc(5000)),
    ends: "ready",
  },
  "jpeg: another behind it": { make: async () => bytes(await jpeg(), await jpeg()), ends: "ready" },
  "jpeg: place": { make: () => photo({ ...small, exif: phoneExif }), ends: "ready" },
  "jpeg: 500 scans": {
    make: async () => {
      const whole = await photo({ width: 400, height: 300, progressive: true });
      const [at, end] = [whole.lastIndexOf(Buffer.from([0xff, 0xda])), whole.length - 2];
      const scan = whole.subarray(at, end);
      return bytes(whole.subarray(0, end), times(500, scan), [0xff, 0xd9]);
    },
    ends: "too_many_scans",
  },
};

const others: Record<string, Hostile> = {
  "gif: no picture": { make: () => gif(9, 9, { frames: 0 }), ends: "corrupt_image" },
  "gif: screen of 65,535": { make: () => gif(65_535, 65_535, { frame: [1, 1] }), ends: "side_too_long" },
  "gif: picture larger than its screen": {
    make: () => gif(1, 1, { frame: [65_535, 1] }),
    ends: "side_too_long",
  },
  "gif: 16,000 × 16,000": { make: () => gif(16_000, 16_000), ends: "too_many_pixels" },
  "gif: 20,000 frames": { make: () => gif(1_000, 1_000, { frames: 20_000 }), ends: "ready" },
  "gif: 200,000 frames": { make: () => gif(16, 16, { frames: 200_000 }), ends: "ready" },
  "gif: picture of no size": { make: () => gif(9, 9, { frame: [0, 0] }), ends: "ready" },
  "gif: no end": { make: () => gif(9, 9, { end: false }), ends: "ready" },
  "gif: codes of 13 bits": { make: () => gif(9, 9, { codeSize: 13 }), ends: "corrupt_image" },
  "gif: cut off": {
    make: async () => (await photo({ ...small, format: "gif" })).subarray(0, 1200),
    ends: "corrupt_image",
  },
  "gif: script": { make: () => bytes(gif(9, 9), "=1;alert(1)"), ends: "ready" },

  "webp: head alone": { make: () => webp(), ends: "corrupt_image" },
  "webp: 16,383 a side": { make: () => webp(vp8l(16_383, 16_383, [0])), ends: "too_many_pixels" },
  "webp: canvas of 16,777,216 a side": { make: () => webp(vp8x(2 ** 24, 2 ** 24)), ends: "side_too_long" },
  "webp: canvas without a picture": { make: () => webp(vp8x(9, 9)), ends: "corrupt_image" },
  "webp: 10,000 frames without a picture": {
    make: () => webp(vp8x(9, 9, 2), times(10_000, riff("ANMF", Buffer.alloc(16)))),
    ends: "corrupt_image",
  },
  "webp: lossless of noise": {
    make: () => webp(vp8l(900, 900, Array(999).fill(0xa5))),
    ends: "corrupt_image",
  },
  "webp: lossy of noise": {
    make: () =>
      webp(riff("VP8 ", [0x30, 1, 0, 0x9d, 1, 0x2a, ...le16(99), ...le16(99), ...Array(999).fill(0x5a)])),
    ends: "corrupt_image",
  },
  "webp: canvas larger than its picture": {
    make: async () => {
      const whole = await photo({ ...small, format: "webp" });
      return webp(vp8x(4_000, 4_000), whole.subarray(12));
    },
    ends: "corrupt_image",
  },
  "webp: length of 2³² − 1": {
    make: async () => patched(await photo({ ...small, format: "webp" }), 4, 255, 255, 255, 255),
    ends: "corrupt_image",
  },

  "heic: head alone": { make: () => heif("heic", "hvcC", 100, 100), ends: "corrupt_image" },
  "heic: in a codec that it is not": { make: () => heif("heic", "avcC", 9, 9), ends: "unsupported_codec" },
  "heic: 65,535 a side": { make: () => heif("heic", "hvcC", 65_535, 65_535), ends: "side_too_long" },
  "heic: 7,072 × 7,072": { make: () => heif("heic", "hvcC", 7_072, 7_072), ends: "too_many_pixels" },

  "avif: brands alone": { make: () => box("ftyp", bytes("avif", u32(0), "avifmif1")), ends: "corrupt_image" },
  "avif: head alone": { make: () => heif("avif", "av1C", 100, 100), ends: "corrupt_image" },
  "avif: no size": { make: () => heif("avif", "av1C", 0, 0), ends: "corrupt_image" },
  "avif: 65,535 a side": { make: () => heif("avif", "av1C", 65_535, 65_535), ends: "side_too_long" },
  "avif: 8,000 × 8,000": { make: () => heif("avif", "av1C", 8_000, 8_000), ends: "too_many_pixels" },
  "avif: in a codec that it is not": { make: () => heif("avif", "hvcC", 9, 9), ends: "unsupported_codec" },
  "avif: cut off": {
    make: async () => (await photo({ ...small, format: "avif" })).subarray(0, -200),
    ends: "corrupt_image",
  },
  "avif: box of no length": {
    make: async () => {
      const whole = await photo({ ...small, format: "avif" });
      return patched(whole, whole.indexOf("meta") - 4, 0, 0, 0, 0);
    },
    ends: "ready", // to the end of the file, says ISO 14496-12
  },
  "avif: box of 2⁶⁴ − 1": {
    make: () => bytes(box("ftyp", bytes("avif", u32(0))), u32(1), "meta", Buffer.alloc(8, 255)),
    ends: "corrupt_image",
  },
  "avif: 100,000 boxes": {
    make: () => bytes(box("ftyp", bytes("avif", u32(0))), times(100_000, box("free")), box("meta")),
    ends: "corrupt_image",
  },
  "avif: says that it is smaller": {
    make: async () => {
      const whole = await photo({ width: 640, height: 480, format: "avif" });
      return patched(whole, whole.indexOf("ispe") + 8, ...u32(10), ...u32(10));
    },
    ends: "corrupt_image",
  },
};

/** Every case by name. */
export const hostile: Record<string, Hostile> = {
  "nothing at all": { make: () => Buffer.alloc(0), ends: "empty_file" },
  "a byte more than 25 MiB": { make: () => Buffer.alloc(26_214_401, 0xff), ends: "too_many_bytes" },
  ...Object.fromEntries(
    Object.entries(foreign).map(([name, make]) => [name, { make, ends: "unsupported_format" as const }]),
  ),
  ...pngs,
  ...jpegs,
  ...others,
};
