/**
 * Files that browsers show and strict decoders refuse: damage that cameras, phones and editors leave in valid images,
 * and formats with a still image that has to be found.
 */
import { photo } from "../fixture.ts";
import { bytes, chunk, le16, png, segment, u16 } from "./fixture-bytes.ts";

const size = { width: 160, height: 120 };
const at = (file: Buffer, marker: number, from = 0) => file.indexOf(Buffer.from([0xff, marker]), from);
const patched = (file: Buffer, index: number, ...values: number[]) => {
  const out = Buffer.from(file);
  out.set(values, index);
  return out;
};

/** Benign damage in a JPEG: Chromium and Pillow decode each of these to its last row. */
export const damaged: Record<string, () => Promise<Buffer>> = {
  "SOS parameters of 0, as Samsung's cameras write them": async () => {
    const file = await photo(size);
    const scan = at(file, 0xda);
    return patched(file, scan + 2 + file.readUInt16BE(scan + 2) - 3, 0, 0, 0);
  },
  "bytes between segments": async () => {
    const file = await photo(size);
    const tables = at(file, 0xc4);
    return bytes(file.subarray(0, tables), [0x00, 0x12, 0x34], file.subarray(tables));
  },
  "bytes between segments, with escaped ones": async () => {
    const file = await photo(size);
    const tables = at(file, 0xc4);
    return bytes(file.subarray(0, tables), [0x55, 0xff, 0x00, 0x55, 0xff, 0xff], file.subarray(tables));
  },
  "a JFIF version that does not exist": async () => {
    const file = await photo(size);
    return bytes(
      file.subarray(0, 2),
      segment(0xe0, bytes("JFIF\0", [9, 9, 0, 0, 1, 0, 1, 0, 0])),
      file.subarray(2),
    );
  },
  "an Adobe version that does not exist": async () => {
    const file = await photo(size);
    return bytes(
      file.subarray(0, 2),
      segment(0xee, bytes("Adobe", [0, 77, 0, 0, 0, 0, 1])),
      file.subarray(2),
    );
  },
  "no end marker": async () => (await photo(size)).subarray(0, -2),
  "no end marker, progressive": async () => (await photo({ ...size, progressive: true })).subarray(0, -2),
  "a bad Huffman code": async () => {
    const file = await photo(size);
    const middle = (at(file, 0xda) + file.length) >> 1;
    return patched(file, middle, 0xfe, 0xfe, 0xfe, 0xfe);
  },
  "data behind the end": async () => bytes(await photo(size), "MotionPhoto_Data", Buffer.alloc(64, 1)),
};

/** An AVIF sequence of three frames of 128 × 128 px: Pillow 12, `save(\"seq.avif\", save_all=True, append_images=…)`. */
export const sequence = Buffer.from(
  "AAAALGZ0eXBhdmlzAAAAAGF2aWZhdmlzbXNmMWlzbzhtaWYxbWlhZk1BMUIAAADrbWV0YQAAAAAAAAAhaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAAAAAAAAAOcGl0bQAAAAAAAQAAAB5pbG9jAAAAAEQAAAEAAQAAAAEAAAPtAAAAIwAAAChpaW5mAAAAAAABAAAAGmluZmUCAAAAAAEAAGF2MDFDb2xvcgAAAABqaXBycAAAAEtpcGNvAAAAFGlzcGUAAAAAAAAAgAAAAIAAAAAQcGl4aQAAAAADCAgIAAAADGF2MUOBAAwAAAAAE2NvbHJuY2x4AAEADQAGgAAAABdpcG1hAAAAAAAAAAEAAQQBAoMEAAACzm1vb3YAAAB4bXZoZAEAAAAAAAAA5yzFdgAAAADnLMV2AAAD6P//////////AAEAAAEAAAAAAAAAAAAAAAABAAAAAAAAAAAAAAAAAAAAAQAAAAAAAAAAAAAAAAAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEAAAJOdHJhawAAAGh0a2hkAQAAAQAAAADnLMV2AAAAAOcsxXYAAAABAAAAAP//////////AAAAAAAAAAAAAAAAAAAAAAABAAAAAAAAAAAAAAAAAAAAAQAAAAAAAAAAAAAAAAAAQAAAAACAAAAAgAAAAAAALGVkdHMAAAAkZWxzdAEAAAEAAAABAAAAAAAAAZAAAAAAAAAAAAABAAAAAAGybWRpYQAAACxtZGhkAQAAAAAAAADnLMV2AAAAAOcsxXYAAAPoAAAAAAAAAZBVxAAAAAAAIWhkbHIAAAAAAAAAAHBpY3QAAAAAAAAAAAAAAAAAAAABXW1pbmYAAAAUdm1oZAAAAAEAAAAAAAAAAAAAACRkaW5mAAAAHGRyZWYAAAAAAAAAAQAAAAx1cmwgAAAAAQAAAR1zdGJsAAAAlXN0c2QAAAAAAAAAAQAAAIVhdjAxAAAAAAAAAAEAAAAAAAAAAAAAAAAAAAAAAIAAgABIAAAASAAAAAAAAAABCkFPTSBDb2RpbmcAAAAAAAAAAAAAAAAAAAAAAAAAAAAAGP//AAAADGF2MUOBAAwAAAAAE2NvbHJuY2x4AAEADQAGgAAAABBjY3N0AAAAAHwAAAAAAAAYc3R0cwAAAAAAAAABAAAABAAAAGQAAAAcc3RzYwAAAAAAAAABAAAAAQAAAAQAAAABAAAAJHN0c3oAAAAAAAAAAAAAAAQAAAAjAAAAPQAAABUAAAAWAAAAFHN0Y28AAAAAAAAAAQAAA+0AAAAUc3RzcwAAAAAAAAABAAAAAQAAAJNtZGF0EgAKDQAAAAM3/+bXyICGg0IyEBAAiAAAAJAAAAPOBsR2BcASADIeIAPgQAAAI0QAAABIAAQAHzrMbqHAdI88HczAUjJAMhkwA8EAAEBGiAAAAJAAFAB+N5J6ThcV1aGUEgAyETAEAggAAUaIAAAAkAAcAKjqEgAyEjAGAA0AAUaIAAAAkAAIALMYsA==",
  "base64",
);

/** A GIF: a palette of black, red, green and blue, and frames of one colour each; `clear` makes index 0 transparent. */
export function gifOf(
  width: number,
  height: number,
  ...frames: {
    left?: number;
    top?: number;
    width: number;
    height: number;
    colour: 0 | 1 | 2 | 3;
    clear?: boolean;
  }[]
): Buffer {
  const palette = [0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255];
  return bytes(
    "GIF89a",
    ...[le16(width), le16(height), [0x81, 0, 0], palette],
    ...frames.map(({ left = 0, top = 0, width: w, height: h, colour, clear }) =>
      bytes(
        clear ? [0x21, 0xf9, 4, 0x09, 0, 0, 0, 0] : [],
        [0x2c],
        ...[le16(left), le16(top), le16(w), le16(h), [0, 2]],
        blocks(uncompressed(w * h, colour)),
      ),
    ),
    [0x3b],
  );
}

/** LZW of `count` equal values: a clear code (4) before every second one, so that codes stay at 3 bits. */
function uncompressed(count: number, value: number): Buffer {
  const codes = Array.from({ length: count }, (_, i) => (i % 2 === 0 ? [4, value] : [value])).flat();
  const bits = [...codes, 5].flatMap((code) => [code & 1, (code >> 1) & 1, (code >> 2) & 1]);
  const out = Buffer.alloc(Math.ceil(bits.length / 8));
  for (const [i, bit] of bits.entries()) out[i >> 3] = (out[i >> 3] ?? 0) | (bit << (i & 7));
  return out;
}

function blocks(data: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let from = 0; from < data.length; from += 255) {
    const part = data.subarray(from, from + 255);
    parts.push(bytes([part.length], part));
  }
  return bytes(...parts, [0]);
}

/** Xcode's variety of PNG, in which it puts the images of an app. */
export const cgbi = () => {
  const file = png(40, 30);
  return bytes(file.subarray(0, 8), chunk("CgBI", bytes([0x50, 0x00, 0x20, 0x06])), file.subarray(8));
};

/** A JPEG whose frame header declares `bits` bits per sample. */
export async function jpegOfBits(bits: number): Promise<Buffer> {
  const file = await photo(size);
  return patched(file, at(file, 0xc0) + 4, bits);
}

/** A progressive JPEG of one grey plane with `count` scans, none of which changes a coefficient. */
export function scans(count: number, side = 800): Buffer {
  const blockCount = Math.ceil(side / 8) ** 2;
  const frame = bytes([8], u16(side), u16(side), [1, 1, 0x11, 0]);
  const table = (kind: number, symbol: number) => segment(0xc4, bytes([kind, 1], Buffer.alloc(15), [symbol]));
  // A run of 32,767 blocks without coefficients: the code 0, then 14 bits of its length.
  const runs = "011111111111111".repeat(Math.ceil(blockCount / 32_767));
  const data = Buffer.from(
    (runs.match(/.{1,8}/g) ?? []).map((bits) => Number.parseInt(bits.padEnd(8, "1"), 2)),
  );
  const scan = bytes(segment(0xda, bytes([1, 1, 0, 1, 63, 0])), data);
  return bytes(
    [0xff, 0xd8],
    segment(0xdb, bytes([0], Buffer.alloc(64, 1))),
    segment(0xc2, frame),
    table(0x00, 0x00),
    table(0x10, 0xe0),
    bytes(segment(0xda, bytes([1, 1, 0, 0, 0, 0])), Buffer.alloc(Math.ceil(blockCount / 8))),
    ...Array.from({ length: count - 1 }, () => scan),
    [0xff, 0xd9],
  );
}

/** EXIF of `entries` entries that all declare the same values: 5,400 of 8,000 rationals are 65 KB for 345 MB. */
export function exifOf(entries: number, type: number, count: number): Buffer {
  const rows = Array.from({ length: entries }, (_, i) =>
    bytes(le16((0x100 + i) & 0xffff), le16(type), le16(count), le16(0), le16(8), le16(0)),
  );
  return bytes("II*\0", le16(8), le16(0), le16(entries), ...rows, le16(0), le16(0)).subarray(0, 65_000);
}

/** A JPEG with an EXIF block in front. */
export const withExif = async (exif: Buffer) => {
  const file = await photo(size);
  return bytes(file.subarray(0, 2), segment(0xe1, bytes("Exif\0\0", exif)), file.subarray(2));
};
