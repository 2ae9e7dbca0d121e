/** The prediction of an encoder's setting from a perceptual score. bench/fit.ts measures its error. */
import sharp from "sharp";
import { describe, expect, expectTypeOf, test } from "vitest";
import { photo } from "../fixture.ts";
import { Settings } from "../settings.ts";
import { Quality } from "./quality.ts";
import { type Recipe, recipe, type Spec } from "./recipe.ts";
import { render } from "./render.ts";
import { open, rasterOf } from "./sharp.ts";

const limits = Settings.pipelineDefaults;
const formats = ["avif", "webp", "jpeg"] as const;
const clock = () => 20;

/** Images of every sort: detail, blur, noise, one colour, black, transparent, one pixel. */
async function fixtures(): Promise<[string, Buffer][]> {
  const size = { width: 300, height: 200 };
  const noise = Buffer.from(Array.from({ length: 300 * 200 * 3 }, (_, i) => (i * i * 7) % 251));
  const even = (background: string, width = 300, height = 200) =>
    sharp({ create: { width, height, channels: 3, background } })
      .png()
      .toBuffer();
  return [
    ["detail", await photo(size)],
    [
      "blur",
      await sharp(await photo(size))
        .blur(8)
        .png()
        .toBuffer(),
    ],
    [
      "noise",
      await sharp(noise, { raw: { ...size, channels: 3 } })
        .png()
        .toBuffer(),
    ],
    ["one colour", await even("#808080")],
    ["black", await even("#000")],
    ["transparent", await photo({ ...size, format: "png", alpha: true })],
    ["one pixel", await even("#fff", 1, 1)],
    ["one column", await even("#f00", 1, 200)],
  ];
}

const rasterFrom = (bytes: Buffer) => rasterOf(sharp(bytes).toColourspace("srgb"), clock);
const whole = ({ width, height }: { width: number; height: number }) => ({ left: 0, top: 0, width, height });

async function filesOf(bytes: Buffer, spec: Spec) {
  const { variants } = await render(bytes, limits, { it: spec });
  const [variant] = variants;
  if (!variant) throw new Error("There is no variant.");
  return variant.files;
}

describe("the setting for a score", () => {
  test("is never lower for a higher score, whatever the image and the format", async () => {
    for (const [name, bytes] of await fixtures()) {
      const raster = await rasterFrom(bytes);
      const settingOf = Quality.predictor(raster, whole(raster));
      for (const format of formats) {
        const { least, most } = Quality.targets;
        const scores = Array.from({ length: most - least + 1 }, (_, i) => least + i);
        const settings = scores.map((ssimulacra2) => settingOf({ ssimulacra2 }, format));
        expect(
          [...settings].sort((a, b) => a - b),
          `${name} as ${format}`,
        ).toEqual(settings);
        for (const setting of settings)
          expect(setting).toBeOneOf(Array.from({ length: 76 }, (_, i) => 20 + i));
      }
    }
  });

  test("is never lower for a higher score where the table says that a higher setting loses more", () => {
    const losses = { settings: [30, 50, 70, 85], means: [3.6, 2.9, 3.2, 2.4], weights: [] };
    const formats = { avif: losses, webp: losses, jpeg: losses };
    const table = { means: [], deviations: [], centres: [], formats };
    const settings = [60, 70, 75, 80, 81, 82, 85, 88].map((score) =>
      Quality.predict(table, "avif", [], score),
    );
    expect([...settings].sort((a, b) => a - b)).toEqual(settings);
    // log(100 − 81) is 2.94, and log(100 − 88) is 2.48.
    expect(settings.at(4)).toBe(49);
    expect(settings.at(-1)).toBe(83);
  });

  test("differs between images: detail hides more loss than blur", async () => {
    const [detail, blur] = (await fixtures()).map(([, bytes]) => bytes);
    if (!detail || !blur) throw new Error("There are no fixtures.");
    const settings = await Promise.all(
      [detail, blur].map(async (bytes) => {
        const raster = await rasterFrom(bytes);
        return Quality.predictor(raster, whole(raster))({ ssimulacra2: 70 }, "webp");
      }),
    );
    expect(settings[0]).not.toBe(settings[1]);
  });

  test("is of the part that the variant shows", async () => {
    const detail = await photo({ width: 200, height: 160 });
    const raster = await rasterFrom(
      await sharp({ create: { width: 400, height: 200, channels: 3, background: "#777" } })
        .composite([{ input: detail, left: 200, top: 40 }])
        .png()
        .toBuffer(),
    );
    const part = { left: 200, top: 40, width: 200, height: 160 };
    const cut = await rasterOf(open(raster).extract(part), clock);
    expect(Quality.measure(raster, part)).toEqual(Quality.measure(cut, whole(cut)));
    expect(Quality.measure(raster, part)).not.toEqual(Quality.measure(raster, whole(raster)));
  });

  test("is the number itself where the recipe names one", async () => {
    const raster = await rasterFrom(await photo({ width: 30, height: 20 }));
    const settingOf = Quality.predictor(raster, whole(raster));
    expect(formats.map((format) => settingOf(37, format))).toEqual([37, 37, 37]);
  });

  test.each([0, 49.9, 90.1, 100, -70, Number.NaN, Number.POSITIVE_INFINITY])(
    "is refused for %d, which no table predicts",
    async (ssimulacra2) => {
      const raster = await rasterFrom(await photo({ width: 30, height: 20 }));
      const settingOf = Quality.predictor(raster, whole(raster));
      expect(() => settingOf({ ssimulacra2 }, "webp")).toThrow(
        `SSIMULACRA2 ${ssimulacra2} cannot be predicted: the recipe may ask for 50 to 90.`,
      );
    },
  );
});

describe("a recipe with a perceptual quality", () => {
  const spec: Spec = { width: 200, fit: "inside", formats, quality: { ssimulacra2: 70 } };

  test("takes numbers and scores, and nothing else", () => {
    expectTypeOf<80>().toExtend<Recipe.Quality>();
    expectTypeOf<{ ssimulacra2: 70 }>().toExtend<Recipe.Quality>();
    expectTypeOf<{ ssim: 0.9 }>().not.toExtend<Recipe.Quality>();
    expectTypeOf<"high">().not.toExtend<Recipe.Quality>();
  });

  test("asks only for scores that the table predicts", () => {
    const { least, most } = Quality.targets;
    for (const { quality } of Object.values<Spec>(recipe)) {
      if (typeof quality !== "object") continue;
      expect(quality.ssimulacra2).toBeGreaterThanOrEqual(least);
      expect(quality.ssimulacra2).toBeLessThanOrEqual(most);
    }
  });

  test("writes the same bytes each time, and says which setting it used for each file", async () => {
    const bytes = await photo({ width: 400, height: 300 });
    const files = await filesOf(bytes, spec);
    expect(await filesOf(bytes, spec)).toEqual(files);
    for (const { format, quality } of files) {
      expect(quality).toBeTypeOf("number");
      const { files: fixed } = { files: await filesOf(bytes, { ...spec, quality }) };
      const same = fixed.find((file) => file.format === format);
      expect(same?.bytes.equals(files.find((file) => file.format === format)?.bytes ?? Buffer.of())).toBe(
        true,
      );
    }
  });

  test("predicts from what a crop keeps", async () => {
    const centre = await sharp(await photo({ width: 200, height: 200 }))
      .png()
      .toBuffer();
    const wide = sharp(await photo({ width: 600, height: 200, seed: 2 })).blur(4);
    const original = await wide
      .composite([{ input: centre }])
      .removeAlpha()
      .png()
      .toBuffer();
    const square: Spec = { ...spec, height: 200, fit: "cover" };
    expect(await filesOf(original, square)).toEqual(await filesOf(centre, square));
  });

  test("takes precedence over the variant's encodings", async () => {
    const bytes = await photo({ width: 400, height: 300 });
    const encode = { webp: { quality: 1, effort: 4 }, avif: { quality: 1, effort: 0 }, jpeg: { quality: 1 } };
    expect(await filesOf(bytes, { ...spec, encode })).toEqual(await filesOf(bytes, spec));
  });

  test("writes variants of one size and two scores as two files", async () => {
    const bytes = await photo({ width: 400, height: 300 });
    const { variants } = await render(bytes, limits, {
      low: { ...spec, quality: { ssimulacra2: 55 } },
      high: spec,
    });
    const [low, high] = variants.map(({ files }) => files[0].bytes.length);
    expect(low).toBeLessThan(high ?? 0);
  });

  test("names no setting that the recipe names: it would make each record larger", async () => {
    const files = await filesOf(await photo({ width: 400, height: 300 }), { ...spec, quality: 80 });
    for (const file of files) expect(file).not.toHaveProperty("quality");
  });

  test("names no setting for a lossless file", async () => {
    const icon = await photo({ width: 64, height: 64, format: "png" });
    const [file] = await filesOf(icon, { ...spec, formats: ["webp"] });
    expect(file.quality).toBeUndefined();
  });

  test("predicts the setting of an animation from its first frame", async () => {
    const frames = await Promise.all([1, 2].map((seed) => photo({ width: 200, height: 150, seed })));
    const gif = await sharp(frames, { join: { animated: true } })
      .gif()
      .toBuffer();
    const animated: Spec = { ...spec, animated: true };
    const [file] = await filesOf(gif, animated);
    const [fixed] = await filesOf(gif, { ...animated, quality: file.quality });
    expect(file.quality).toBeGreaterThanOrEqual(50);
    expect(fixed.bytes.equals(file.bytes)).toBe(true);
    expect((await sharp(file.bytes).metadata()).pages).toBe(2);
  });
});
