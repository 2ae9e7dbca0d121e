/** Colours of originals that are not sRGB, compared with values computed here. */
import sharp from "sharp";
import { expect, test } from "vitest";
import { photo } from "../fixture.ts";
import { Settings } from "../settings.ts";
import { bytes, segment, u16, u32 } from "./fixture-bytes.ts";
import { pngOf } from "./png.ts";
import type { Spec } from "./recipe.ts";
import { render } from "./render.ts";

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

/** ICC.1:2001-04: a profile of these tags. `kind` is its class, its colours, and what they are converted to. */
function profileOf(kind: "mntrRGB XYZ " | "prtrCMYKLab ", tags: readonly [string, Buffer][]): Buffer {
  let at = 132 + tags.length * 12;
  const table = tags.map(([name, { length }]) => {
    at += length;
    return bytes(name, u32(at - length), u32(length));
  });
  const head = bytes(u32(at), u32(0), [2, 0x10, 0, 0], kind, Buffer.alloc(12), "acsp", Buffer.alloc(28));
  const white = bytes(fixed(0.9642), fixed(1), fixed(0.8249), Buffer.alloc(48));
  return bytes(head, white, u32(tags.length), ...table, ...tags.map(([, data]) => data));
}

const fixed = (value: number) => u32(Math.round(value * 65_536));
const xyz = (x: number, y: number, z: number) => bytes("XYZ ", u32(0), fixed(x), fixed(y), fixed(z));

/** A display of three primaries and one power. */
function adobeProfile(): Buffer {
  const curve = bytes("curv", u32(0), u32(1), u16(gamma * 256), [0, 0]);
  const primary = (i: 0 | 1 | 2) => xyz(adobe[0][i], adobe[1][i], adobe[2][i]);
  return profileOf("mntrRGB XYZ ", [
    ["wtpt", xyz(0.9642, 1, 0.8249)],
    ["rXYZ", primary(0)],
    ["gXYZ", primary(1)],
    ["bXYZ", primary(2)],
    ["rTRC", curve],
    ["gTRC", curve],
    ["bTRC", curve],
  ]);
}

/** Unusual inks: orange in the place of cyan, green in that of magenta; 8-bit Lab as in `lut8Type`. */
// All inks together give black, so that black-point compensation changes nothing.
const paper = [255, 128, 128];
const inks = [
  [-60, 40, 50],
  [-50, -45, 30],
  [-30, 10, -40],
  [-115, 0, 0],
];

/** A press of these inks, each of which changes the colour by as much as there is of it. */
function pressProfile(): Buffer {
  const straight = Array.from({ length: 256 }, (_, i) => i);
  const corners = Array.from({ length: 16 }, (_, corner) =>
    labOf([8, 4, 2, 1].map((bit) => (corner & bit ? 255 : 0))),
  );
  const identity = [1, 0, 0, 0, 1, 0, 0, 0, 1].map(fixed);
  const lut = bytes("mft1", u32(0), [4, 3, 2, 0], ...identity, ...[1, 2, 3, 4].map(() => straight));
  const table = bytes(lut, corners.flat().map(Math.round), ...[1, 2, 3].map(() => straight));
  return profileOf("prtrCMYKLab ", [
    ["wtpt", xyz(0.9642, 1, 0.8249)],
    ["A2B0", table],
  ]);
}

const labOf = (cmyk: readonly number[]) =>
  paper.map((value, i) =>
    Math.max(
      0,
      Math.min(255, value + cmyk.reduce((sum, ink, k) => sum + (ink / 255) * (inks[k]?.[i] ?? 0), 0)),
    ),
  );

/** Lab in bytes to XYZ under D50. */
function xyzOf([l = 0, a = 0, b = 0]: readonly number[]): number[] {
  const y = (l / 2.55 + 16) / 116;
  const cubed = (t: number) => (t > 6 / 29 ? t ** 3 : 3 * (6 / 29) ** 2 * (t - 4 / 29));
  return [0.9642 * cubed(y + (a - 128) / 500), cubed(y), 0.8249 * cubed(y - (b - 128) / 200)];
}

const times = (matrix: readonly (readonly number[])[], vector: readonly number[]) =>
  matrix.map((row) => row.reduce((sum, value, i) => sum + value * (vector[i] ?? 0), 0));

/** XYZ under D50 as sRGB's bytes. */
const srgbOf = (colour: readonly number[]) =>
  times(toSrgb, colour).map((value) => {
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
      const light = rgb.map((value) => (value / 255) ** gamma);
      for (const [i, value] of srgbOf(times(adobe, light)).entries())
        expect(Math.abs((middle[i] ?? 0) - value)).toBeLessThan(4);
    }
  },
);

/** A CMYK JPEG without a profile, all of it cyan and magenta: Pillow 12, `Image.new("CMYK", (60, 60), (255, 255, 0, 0))`. */
const blue = Buffer.from(
  "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwAIBgYHBgUIBwcHCQkICgwUDQwLCwwZEhMPFB0aHx4dGhwcICQuJyAiLCMcHCg3KSwwMTQ0NB8nOT04MjwuMzQy/8AAFAgAPAA8BEMRAE0RAFkRAEsRAP/EAB8AAAEFAQEBAQEBAAAAAAAAAAABAgMEBQYHCAkKC//EALUQAAIBAwMCBAMFBQQEAAABfQECAwAEEQUSITFBBhNRYQcicRQygZGhCCNCscEVUtHwJDNicoIJChYXGBkaJSYnKCkqNDU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6g4SFhoeIiYqSk5SVlpeYmZqio6Slpqeoqaqys7S1tre4ubrCw8TFxsfIycrS09TV1tfY2drh4uPk5ebn6Onq8fLz9PX29/j5+v/aAA4EQwBNAFkASwAAPwD5/r5/r3+vf6KKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKK//2Q==",
  "base64",
);

test("CMYK without a profile is what its inks leave of white, as in browsers", async () => {
  const [red = 0, green = 0, value = 0] = await rendered(blue);
  expect(red + green).toBeLessThan(6);
  expect(value).toBeGreaterThan(250);
});

test("CMYK without a profile: every ink counts", async () => {
  const plain = await photo({ width: 60, height: 40, format: "png" });
  const cmyk = await sharp(plain)
    .toColourspace("cmyk")
    .jpeg({ quality: 100, chromaSubsampling: "4:4:4" })
    .toBuffer();
  const inks = await sharp(cmyk).pipelineColourspace("cmyk").toColourspace("cmyk").raw().toBuffer();
  const made = await rendered(cmyk);
  const wanted = made.map((_, i) => {
    const pixel = Math.floor(i / 3) * 4;
    return Math.round(((255 - (inks[pixel + (i % 3)] ?? 0)) * (255 - (inks[pixel + 3] ?? 0))) / 255);
  });
  const apart = made.reduce((sum, value, i) => sum + Math.abs(value - (wanted[i] ?? 0)), 0) / made.length;
  expect(apart).toBeLessThan(6);
});

test.each([
  ["much of the first ink", "#20c0d0"],
  ["much of the second", "#c060a0"],
  ["a dark mix", "#403828"],
])("a CMYK JPEG is printed by the profile inside it: %s", async (_, background) => {
  const canvas = sharp({ create: { width: 120, height: 80, channels: 3, background } });
  const bare = await canvas
    .toColourspace("cmyk")
    .jpeg({ quality: 100, chromaSubsampling: "4:4:4" })
    .toBuffer();
  const inside = sharp(bare).pipelineColourspace("cmyk").toColourspace("cmyk");
  const cmyk = [...(await inside.raw().toBuffer()).subarray(0, 4)];
  const profile = pressProfile();
  const tagged = bytes(
    bare.subarray(0, 2),
    segment(0xe2, bytes("ICC_PROFILE\0", [1, 1], profile)),
    bare.subarray(2),
  );
  expect(await sharp(tagged).metadata()).toMatchObject({ space: "cmyk", hasProfile: true });

  const wanted = srgbOf(xyzOf(labOf(cmyk)));
  const made = await rendered(tagged);
  const middle = [...made.subarray((20 * 60 + 30) * 3).subarray(0, 3)];
  for (const [i, value] of wanted.entries()) expect(Math.abs((middle[i] ?? 0) - value)).toBeLessThan(6);
  // Without the profile the same inks give another colour; otherwise this test would pass for an ignored profile.
  const without = (await rendered(bare)).subarray((20 * 60 + 30) * 3);
  expect(Math.max(...wanted.map((value, i) => Math.abs((without[i] ?? 0) - value)))).toBeGreaterThan(10);
});
