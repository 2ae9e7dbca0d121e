/** Colours of originals that are not sRGB, held against arithmetic of our own. */
import sharp from "sharp";
import { expect, test } from "vitest";
import { photo } from "./fixture.ts";
import { bytes, u16, u32 } from "./fixture-bytes.ts";
import { pngOf } from "./png.ts";
import type { Spec } from "./recipe.ts";
import { render } from "./render.ts";
import { Settings } from "./settings.ts";

const recipe = {
  it: { width: 60, fit: "inside", formats: ["webp"], encode: { webp: { quality: 100, effort: 0 } } },
} as const satisfies Record<string, Spec>;

async function rendered(original: Buffer): Promise<Buffer> {
  const { variants } = await render(original, Settings.pipelineDefaults, recipe);
  return sharp(variants[0]?.files[0].bytes).removeAlpha().raw().toBuffer();
}

/** Columns are Adobe RGB (1998)'s primaries in XYZ, adapted to D50 after Bradford. */
const adobe = [
  [0.60974, 0.20528, 0.14919],
  [0.31111, 0.62567, 0.06322],
  [0.01947, 0.06087, 0.74457],
] as const;

/** From XYZ under D50 to linear sRGB (Lindbloom). */
const toSrgb = [
  [3.1338561, -1.6168667, -0.4906146],
  [-0.9787684, 1.9161415, 0.033454],
  [0.0719453, -0.2289914, 1.4052427],
] as const;

const gamma = 563 / 256;

/** ICC.1:2001-04, a display profile of three primaries and one power. */
function adobeProfile(): Buffer {
  const fixed = (value: number) => u32(Math.round(value * 65_536));
  const xyz = (x: number, y: number, z: number) => bytes("XYZ ", u32(0), fixed(x), fixed(y), fixed(z));
  const curve = bytes("curv", u32(0), u32(1), u16(gamma * 256), [0, 0]);
  const primary = (i: 0 | 1 | 2) => xyz(adobe[0][i], adobe[1][i], adobe[2][i]);
  const tags: [string, Buffer][] = [
    ["wtpt", xyz(0.9642, 1, 0.8249)],
    ["rXYZ", primary(0)],
    ["gXYZ", primary(1)],
    ["bXYZ", primary(2)],
    ["rTRC", curve],
    ["gTRC", curve],
    ["bTRC", curve],
  ];
  let at = 132 + tags.length * 12;
  const table = tags.map(([name, { length }]) => {
    at += length;
    return bytes(name, u32(at - length), u32(length));
  });
  const head = bytes(
    u32(at),
    u32(0),
    [2, 0x10, 0, 0],
    "mntrRGB XYZ ",
    Buffer.alloc(12),
    "acsp",
    Buffer.alloc(28),
  );
  const white = bytes(fixed(0.9642), fixed(1), fixed(0.8249), Buffer.alloc(48));
  return bytes(head, white, u32(tags.length), ...table, ...tags.map(([, data]) => data));
}

const times = (matrix: readonly (readonly number[])[], vector: readonly number[]) =>
  matrix.map((row) => row.reduce((sum, value, i) => sum + value * (vector[i] ?? 0), 0));

const asSrgb = (rgb: readonly number[]) =>
  times(
    toSrgb,
    times(
      adobe,
      rgb.map((value) => (value / 255) ** gamma),
    ),
  ).map((value) => {
    const linear = Math.max(0, Math.min(1, value));
    return 255 * (linear <= 0.0031308 ? 12.92 * linear : 1.055 * linear ** (1 / 2.4) - 0.055);
  });

test.each([[[200, 100, 50]], [[90, 160, 90]], [[60, 80, 190]], [[128, 128, 128]], [[180, 60, 140]]])(
  "Adobe RGB %j comes out as arithmetic says, whether converted early or late",
  async (rgb) => {
    for (const side of [60, 600]) {
      const pixels = Buffer.from(Array.from({ length: side * side }, () => rgb).flat());
      const made = await rendered(pngOf({ pixels, width: side, height: side, channels: 3 }, adobeProfile()));
      const middle = [...made.subarray((30 * 60 + 30) * 3, (30 * 60 + 30) * 3 + 3)];
      for (const [i, value] of asSrgb(rgb).entries())
        expect(Math.abs((middle[i] ?? 0) - value)).toBeLessThan(4);
    }
  },
);

test("a CMYK JPEG looks as the picture that it was made from", async () => {
  const plain = await photo({ width: 300, height: 200, format: "png" });
  const cmyk = await sharp(plain).toColourspace("cmyk").jpeg({ quality: 95 }).toBuffer();
  expect(await sharp(cmyk).metadata()).toMatchObject({ space: "cmyk", channels: 4 });
  const made = await rendered(cmyk);
  const wanted = await sharp(plain).resize(60, 40, { fit: "fill" }).removeAlpha().raw().toBuffer();
  expect(made).toHaveLength(wanted.length);
  const apart = made.reduce((sum, value, i) => sum + Math.abs(value - (wanted[i] ?? 0)), 0) / made.length;
  expect(apart).toBeLessThan(10);
});
