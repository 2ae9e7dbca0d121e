import { inflateSync } from "node:zlib";
import { rgbaToThumbHash, thumbHashToRGBA } from "thumbhash";
import { expect, test } from "vitest";
import { thumbhashURL } from "./placeholder.ts";

/** A few shapes, with and without transparency, down to a single row. */
const shapes = [
  { width: 100, height: 75, alpha: false },
  { width: 40, height: 100, alpha: false },
  { width: 64, height: 64, alpha: true },
  { width: 100, height: 30, alpha: true },
  { width: 100, height: 1, alpha: false },
  { width: 1, height: 1, alpha: false },
];

test.each(shapes)("draws what the format's author draws, to the bit: %o", ({ width, height, alpha }) => {
  const hash = rgbaToThumbHash(width, height, gradient(width, height, alpha));
  const reference = thumbHashToRGBA(hash);
  const drawn = read(thumbhashURL(Buffer.from(hash).toString("base64")));
  expect([drawn.width, drawn.height]).toEqual([reference.w, reference.h]);
  expect(drawn.rgba).toEqual(Buffer.from(reference.rgba));
});

test.each(["", "AAAA", "AAAAAAA=", "not base64!"])("refuses %j, which is no thumbhash", (text) => {
  expect(() => thumbhashURL(text)).toThrow();
});

function gradient(width: number, height: number, alpha: boolean): Uint8Array {
  const pixels = Array.from({ length: width * height }, (_, index) => {
    const [x, y] = [index % width, Math.floor(index / width)];
    return [
      (255 * x) / width,
      (255 * y) / height,
      128 + 100 * Math.sin(x / 9),
      alpha ? (200 * y) / height : 255,
    ];
  });
  return Uint8Array.from(pixels.flat());
}

/** A reader of just such PNGs. `inflateSync` checks the sum that ends the data. */
function read(url: string) {
  const bytes = Buffer.from(url.replace("data:image/png;base64,", ""), "base64");
  const [width, height] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
  const start = bytes.indexOf("IDAT") + 4;
  const rows = inflateSync(bytes.subarray(start, start + bytes.readUInt32BE(start - 8)));
  const stride = width * 4 + 1;
  const rgba = Array.from({ length: height }, (_, y) => rows.subarray(y * stride + 1, (y + 1) * stride));
  return { width, height, rgba: Buffer.concat(rgba) };
}
