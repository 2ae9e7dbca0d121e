import sharp from "sharp";
import { expect, test } from "vitest";
import { photo } from "../fixture.ts";
import { Settings } from "../settings.ts";
import { perceptualHash } from "./perceptual-hash.ts";
import { render } from "./render.ts";

const hashOf = async (bytes: Buffer) =>
  (await render(bytes, Settings.pipelineDefaults)).source.perceptualHash ?? "";

/** Returns the Hamming distance in bits. */
const distance = (a: string, b: string) =>
  (BigInt(`0x${a}`) ^ BigInt(`0x${b}`)).toString(2).replaceAll("0", "").length;

const rgbaOf = (light: (x: number, y: number) => number, width: number, height: number, alpha = 255) =>
  Uint8Array.from({ length: width * height * 4 }, (_, i) => {
    const pixel = Math.floor(i / 4);
    return i % 4 === 3 ? alpha : light(pixel % width, Math.floor(pixel / width));
  });

test("a bit for each place: set where the picture grows lighter to the right, the first one highest", () => {
  expect(
    perceptualHash(
      rgbaOf((x) => x * 20, 9, 8),
      9,
      8,
    ),
  ).toBe("ffffffffffffffff");
  expect(
    perceptualHash(
      rgbaOf((x) => 200 - x * 20, 9, 8),
      9,
      8,
    ),
  ).toBe("0000000000000000");
  expect(
    perceptualHash(
      rgbaOf((x, y) => (y === 0 && x > 0 ? 200 : 100), 9, 8),
      9,
      8,
    ),
  ).toBe("8000000000000000");
  expect(
    perceptualHash(
      rgbaOf((x, y) => (y === 7 && x === 8 ? 200 : 100), 9, 8),
      9,
      8,
    ),
  ).toBe("0000000000000001");
});

test("of any size: pixels are weighted by the area that they cover", () => {
  for (const [width, height] of [
    [1, 1],
    [2, 3],
    [13, 48],
    [48, 1],
  ] as const) {
    expect(
      perceptualHash(
        rgbaOf(() => 90, width, height),
        width,
        height,
      ),
    ).toBe("0000000000000000");
  }
  expect(
    perceptualHash(
      rgbaOf((x) => x * 5, 48, 32),
      48,
      32,
    ),
  ).toBe("ffffffffffffffff");
});

test("transparent pixels count as white, with any colour", () => {
  expect(
    perceptualHash(
      rgbaOf((x) => x * 20, 9, 8, 0),
      9,
      8,
    ),
  ).toBe("0000000000000000");
});

test("the same picture smaller, brighter, greyer or in another format is recognised, another is not", async () => {
  const original = await photo({ width: 1600, height: 1200, seed: 3 });
  const hash = await hashOf(original);
  const changed = await Promise.all([
    sharp(original).resize(400).jpeg({ quality: 40 }).toBuffer(),
    sharp(original).resize(700).webp({ quality: 60 }).toBuffer(),
    sharp(original).avif({ quality: 40, effort: 0 }).toBuffer(),
    sharp(original).greyscale().png().toBuffer(),
    sharp(original).modulate({ brightness: 1.15 }).jpeg().toBuffer(),
  ]);
  for (const bytes of changed) expect(distance(hash, await hashOf(bytes))).toBeLessThanOrEqual(6);
  for (const seed of [4, 5, 6, 7]) {
    const other = await hashOf(await photo({ width: 800, height: 600, seed }));
    expect(distance(hash, other)).toBeGreaterThan(10);
  }
});
