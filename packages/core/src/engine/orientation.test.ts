/** Every orientation of EXIF, in every format that stores it. */
import sharp from "sharp";
import { expect, test } from "vitest";
import { cornersApart, type Photo, photo } from "../fixture.ts";
import { Settings } from "../settings.ts";
import type { Spec } from "./recipe.ts";
import { render } from "./render.ts";

const limits = { ...Settings.pipelineDefaults, formats: [...Settings.pipelineDefaults.formats, "tiff"] };
const recipe = {
  whole: { width: 300, fit: "inside", formats: ["webp"], encode: { webp: { quality: 100, effort: 0 } } },
  cut: { width: 100, height: 100, fit: "cover", formats: ["webp"] },
} as const satisfies Record<string, Spec>;

const formats = ["jpeg", "png", "webp", "avif", "tiff"] as const satisfies Photo["format"][];

test.each(
  formats.flatMap((format) => [1, 2, 3, 4, 5, 6, 7, 8].map((orientation) => ({ format, orientation }))),
)("a $format of orientation $orientation comes out upright", async ({ format, orientation }) => {
  const bytes = await photo({ width: 300, height: 200, format, orientation });
  const { source, variants } = await render(bytes, limits, recipe);
  expect(source).toMatchObject({ format, width: 300, height: 200 });
  expect(variants.map(({ width, height }) => [width, height])).toEqual([
    [300, 200],
    [100, 100],
  ]);
  expect(await cornersApart(variants[0]?.files[0].bytes ?? Buffer.alloc(0))).toBeLessThan(16);
});

test("the originals of these tests say in their own way how they are turned: EXIF, or the boxes of AVIF", async () => {
  for (const format of formats) {
    const bytes = await photo({ width: 300, height: 200, format, orientation: 7 });
    const { orientation } = await sharp(bytes).metadata();
    const boxes = ["irot", "imir"].every((name) => bytes.includes(name));
    expect({ format, orientation, boxes }).toEqual(
      format === "avif"
        ? { format, orientation: undefined, boxes: true }
        : { format, orientation: 7, boxes: false },
    );
  }
});

test("an AVIF that says so in its EXIF alone is not turned: its format leaves that to boxes, as browsers do", async () => {
  const bytes = Buffer.from(await photo({ width: 300, height: 200, format: "avif", orientation: 6 }));
  for (const box of ["irot", "imir"]) if (bytes.includes(box)) bytes.write("free", bytes.indexOf(box));
  expect(bytes.includes("Exif")).toBe(true);
  const { source } = await render(bytes, limits, recipe);
  expect(source).toMatchObject({ width: 200, height: 300 });
});
