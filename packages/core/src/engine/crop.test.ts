import sharp from "sharp";
import { expect, test } from "vitest";
import { randomFrom } from "../fixture-random.ts";
import { Settings } from "../settings.ts";
import { Crop } from "./crop.ts";
import type { Size } from "./plan.ts";
import type { Spec } from "./recipe.ts";
import { render } from "./render.ts";

const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
const random = randomFrom(seed);
const below = (n: number) => Math.floor(random() * n);
const limits = Settings.pipelineDefaults;

/** Returns the place of a point in the crop, in pixels, and the edges that the crop touches. */
function offsets(outer: number, inner: number, start: number, place: number) {
  const at = place * outer - start;
  return {
    at,
    isCentral: Math.abs(at - inner / 2) <= 0.5,
    isFirst: start === 0,
    isLast: start === outer - inner,
  };
}

test("the focal point is in the crop, and as central as the edges allow", () => {
  for (let n = 0; n < 5000; n++) {
    const outer = { width: 1 + below(4000), height: 1 + below(4000) };
    const inner = { width: 1 + below(outer.width), height: 1 + below(outer.height) };
    const focus = { x: below(10_001) / 10_000, y: below(10_001) / 10_000 };
    const corner = Crop.around(outer, inner, { focus });
    if (!corner) throw new Error("There is no crop.");
    for (const [side, start, place] of [
      ["width", corner.left, focus.x],
      ["height", corner.top, focus.y],
    ] as const) {
      const said = `seed ${seed}: ${JSON.stringify({ outer, inner, focus, corner })}`;
      const { at, isCentral, isFirst, isLast } = offsets(outer[side], inner[side], start, place);
      expect(Number.isInteger(start) && start >= 0 && start + inner[side] <= outer[side], said).toBe(true);
      expect(at >= 0 && at <= inner[side], said).toBe(true);
      if (!isCentral) expect(at < inner[side] / 2 ? isFirst : isLast, said).toBe(true);
    }
  }
});

test("regions that fit are all in the crop; of others the largest is in its middle", () => {
  const outer = { width: 1000, height: 500 };
  const inner = { width: 500, height: 500 };
  const face = (x: number, width = 0.1) => ({ x, y: 0.2, width, height: 0.2, kind: "face" });
  expect(Crop.around(outer, inner, { regions: [face(0.5), face(0.8)] })).toEqual({ left: 450, top: 0 });
  expect(Crop.around(outer, inner, { regions: [face(0), face(0.7, 0.2)] })).toEqual({ left: 500, top: 0 });
  expect(Crop.around(outer, inner, { regions: [face(0.3, 0.2), face(0.9)] })).toEqual({ left: 150, top: 0 });
  expect(Crop.around(outer, inner, { regions: [face(0.8)], focus: { x: 0.1, y: 0.5 } })).toEqual({
    left: 0,
    top: 0,
  });
  expect(Crop.around(outer, inner, { regions: [] })).toBeUndefined();
});

const square = {
  width: 50,
  height: 50,
  fit: "cover",
  crop: "focus",
  formats: ["webp"],
} as const satisfies Spec;

/** Makes a picture of noise-free colours that tell a place: red grows to the right, green down. */
async function map({ width, height }: Size, format: "jpeg" | "png" | "gif" = "png", orientation = 1) {
  const pixels = Buffer.alloc(width * height * 3);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      pixels.set([(255 * x) / (width - 1), (255 * y) / (height - 1), 128], (y * width + x) * 3);
  const upright = sharp(pixels, { raw: { width, height, channels: 3 } });
  const stored = await turned(await upright.png().toBuffer(), orientation);
  return sharp(stored).withMetadata({ orientation }).toFormat(format, { quality: 95 }).toBuffer();
}

/** Stores an upright picture as a camera in this orientation would: what EXIF asks of a viewer undoes it. */
async function turned(png: Buffer, orientation: number): Promise<Buffer> {
  const image = sharp(png);
  if (orientation === 2) return image.flop().toBuffer();
  if (orientation === 3) return image.rotate(180).toBuffer();
  if (orientation === 4) return image.flip().toBuffer();
  if (orientation === 5)
    return sharp(await image.rotate(90).toBuffer())
      .flop()
      .toBuffer();
  if (orientation === 6) return image.rotate(-90).toBuffer();
  if (orientation === 7)
    return sharp(await image.rotate(-90).toBuffer())
      .flop()
      .toBuffer();
  if (orientation === 8) return image.rotate(90).toBuffer();
  return image.toBuffer();
}

/** The place of the middle of a file, 0 to 1 of the picture that `map` made. */
async function middleOf(bytes: Buffer | undefined) {
  const { data, info } = await sharp(bytes).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const at = (Math.floor(info.height / 2) * info.width + Math.floor(info.width / 2)) * info.channels;
  return { x: (data[at] ?? 0) / 255, y: (data[at + 1] ?? 0) / 255, width: info.width, height: info.height };
}

const shown = async (bytes: Buffer, subject: Crop.Subject, spec: Spec = square) => {
  const { variants } = await render(bytes, limits, { square: spec }, subject);
  return middleOf(variants[0]?.files[0].bytes);
};

test.each([
  ["of a wide picture, scaled down", { width: 800, height: 200 }, { x: 0.8, y: 0.5 }, { x: 0.8, y: 0.5 }],
  ["of a tall picture, scaled down", { width: 200, height: 800 }, { x: 0.5, y: 0.3 }, { x: 0.5, y: 0.3 }],
  ["at the right edge", { width: 800, height: 200 }, { x: 1, y: 0 }, { x: 0.875, y: 0.5 }],
  ["at the upper edge", { width: 200, height: 800 }, { x: 0, y: 0 }, { x: 0.5, y: 0.125 }],
  ["of a picture that is not scaled", { width: 50, height: 120 }, { x: 0.5, y: 0.7 }, { x: 0.5, y: 0.7 }],
])("a crop shows the focal point %s", async (_, size, focus, wanted) => {
  const seen = await shown(await map(size), { focus });
  expect(seen).toMatchObject({ width: 50, height: 50 });
  expect(Math.hypot(seen.x - wanted.x, seen.y - wanted.y)).toBeLessThan(0.04);
});

test.each([1, 2, 3, 4, 5, 6, 7, 8])(
  "the focal point is of the upright picture: orientation %i",
  async (orientation) => {
    const seen = await shown(await map({ width: 600, height: 200 }, "jpeg", orientation), {
      focus: { x: 0.75, y: 0.2 },
    });
    expect(Math.hypot(seen.x - 0.75, seen.y - 0.5)).toBeLessThan(0.04);
  },
);

test("the crop of a larger variant shows the same place as that of a smaller one", async () => {
  const bytes = await map({ width: 1200, height: 400 });
  for (const side of [20, 100, 300])
    expect(
      (await shown(bytes, { focus: { x: 0.3, y: 0.5 } }, { ...square, width: side, height: side })).x,
    ).toBeCloseTo(0.3, 1);
});

test("without a focal point the regions decide, and without regions the attention region", async () => {
  const bytes = await map({ width: 800, height: 200 });
  const region = { x: 0.6, y: 0.1, width: 0.1, height: 0.5 };
  expect((await shown(bytes, { regions: [region] })).x).toBeCloseTo(0.65, 1);
  const dot = sharp({ create: { width: 800, height: 200, channels: 3, background: "#808080" } }).composite([
    { input: { create: { width: 60, height: 60, channels: 3, background: "#f04020" } }, left: 680, top: 70 },
  ]);
  const { variants } = await render(await dot.png().toBuffer(), limits, { square }, {});
  const { channels } = await sharp(variants[0]?.files[0].bytes).stats();
  expect(channels[0]?.max).toBeGreaterThan(200);
});

test("an animation is cropped around the focal point, in every frame", async () => {
  const frame = await map({ width: 300, height: 100 });
  const bytes = await sharp([frame, await sharp(frame).negate().png().toBuffer()], {
    join: { animated: true },
  })
    .gif({ loop: 0 })
    .toBuffer();
  const { variants } = await render(
    bytes,
    limits,
    { square: { ...square, animated: true } },
    { focus: { x: 0.8, y: 0.5 } },
  );
  const [file] = variants[0]?.files ?? [];
  const { pages, width, pageHeight } = await sharp(file?.bytes, { animated: true }).metadata();
  expect({ pages, width, pageHeight }).toEqual({ pages: 2, width: 50, pageHeight: 50 });
  expect((await middleOf(file?.bytes)).x).toBeCloseTo(0.8, 1);
});
