/**
 * Charts of colours that a file signals by number: cICP, gAMA and cHRM in PNG, nclx in AVIF. sharp writes none of them.
 */
import { createRequire } from "node:module";
import { deflateSync } from "node:zlib";
import type SharpModule from "sharp";
import { box, bytes, chunk, png, u16, u32 } from "./fixture-bytes.ts";

const sharp: typeof SharpModule = createRequire(import.meta.url)("sharp");

/** Red, green and blue at five levels each: 125 colours, 0–1, in squares of 4 × 4 px on a chart of 100 × 20 px. */
export const colours = [0, 0.3, 0.5, 0.75, 1].flatMap((red) =>
  [0, 0.3, 0.5, 0.75, 1].flatMap((green) =>
    [0, 0.3, 0.5, 0.75, 1].map((blue) => [red, green, blue] as const),
  ),
);
const columns = 25;
export const square = 4;
export const chartSize = { width: columns * square, height: (colours.length / columns) * square };

/** Returns the centre of a colour's square on the chart. */
export const placeOf = (index: number) => ({
  x: (index % columns) * square + square / 2,
  y: Math.floor(index / columns) * square + square / 2,
});

/** The chart's pixels, row by row, as values of 0–1. */
function* values(): Generator<number> {
  for (let y = 0; y < chartSize.height; y++) {
    for (let x = 0; x < chartSize.width; x++) {
      yield* colours[Math.floor(y / square) * columns + Math.floor(x / square)] ?? [];
    }
  }
}

/** H.273's numbers of primaries and transfer function, full range, RGB. */
export const cicp = (primaries: number, transfer: number) =>
  chunk("cICP", bytes([primaries, transfer, 0, 1]));
const hundredThousandths = (value: number) => u32(Math.round(value * 100_000));
export const gama = (value: number) => chunk("gAMA", bytes(hundredThousandths(value)));
/** White, red, green and blue, x and y of each. */
export const chrm = (...places: number[]) => chunk("cHRM", bytes(...places.map(hundredThousandths)));

/** The chart as a PNG with these chunks before its pixels. */
export function chartPng(before: Uint8Array, depth: 8 | 16 = 8): Buffer {
  const { width, height } = chartSize;
  const most = depth === 8 ? 255 : 65_535;
  const samples = [...values()].flatMap((value) => {
    const sample = Math.round(value * most);
    return depth === 8 ? [sample] : u16(sample);
  });
  const row = samples.length / height;
  const raw = Array.from({ length: height }, (_, y) => bytes([0], samples.slice(y * row, (y + 1) * row)));
  return png(width, height, { depth, before, data: deflateSync(bytes(...raw)) });
}

/** The chart as an AVIF, 10 bits for HDR, with `nclx` where colours are given. */
export async function chartAvif(primaries: number, transfer: number): Promise<Buffer> {
  const pixels = Uint8Array.from([...values()], (value) => Math.round(value * 255));
  const encoded = await sharp(pixels, { raw: { ...chartSize, channels: 3 } })
    .avif({ quality: 100, lossless: false, chromaSubsampling: "4:4:4", bitdepth: 8, effort: 0 })
    .toBuffer();
  return coded(encoded, primaries, transfer);
}

/** Moves the single item of an AVIF from sharp into a new container that signals these colours. */
function coded(avif: Buffer, primaries: number, transfer: number): Buffer {
  const contentOf = (type: string) => {
    const at = avif.indexOf(type, 0, "latin1");
    return avif.subarray(at + 4, at - 4 + avif.readUInt32BE(at - 4));
  };
  const data = contentOf("mdat");
  // The numbers of the file; `nclx` has the matrix (6 is BT.601, which sharp encodes with) and the full range, too.
  const properties = [
    box("ispe", contentOf("ispe")),
    box("pixi", contentOf("pixi")),
    box("av1C", contentOf("av1C")),
    box("colr", bytes("nclx", u16(primaries), u16(transfer), u16(6), [0x80])),
  ];
  const brands = box("ftyp", bytes("avif", u32(0), "avif", "mif1", "miaf"));
  const metaFor = (start: number) =>
    box(
      "meta",
      bytes(u32(0)),
      box("hdlr", bytes(u32(0), u32(0), "pict", Buffer.alloc(13))),
      box("pitm", bytes(u32(0), u16(1))),
      box("iloc", bytes(u32(0), [0x44, 0x00], u16(1), u16(1), u16(0), u16(1), u32(start), u32(data.length))),
      box("iinf", bytes(u32(0), u16(1)), box("infe", bytes([2, 0, 0, 0], u16(1), u16(0), "av01", [0]))),
      box(
        "iprp",
        box("ipco", ...properties),
        box(
          "ipma",
          bytes(
            u32(0),
            u32(1),
            u16(1),
            [properties.length],
            properties.map((_, i) => (i + 1) | 0x80),
          ),
        ),
      ),
    );
  const start = brands.length + metaFor(0).length + 8;
  return bytes(brands, metaFor(start), box("mdat", data));
}
