import sharp, { type Sharp } from "sharp";
import { beforeAll, describe, expect, test } from "vitest";
import { cornersApart, fixtures, phoneExif, photo } from "../fixture.ts";
import { Settings } from "../settings.ts";
import { png } from "./fixture-bytes.ts";
import { names, recipe } from "./recipe.ts";
import type { Rejection } from "./rejection.ts";
import { type Rendered, render } from "./render.ts";

const limits = { ...Settings.pipelineDefaults, location: true };

/** Returns the mean channel difference of two images, 0–255, after both are resized to 32 × 32. */
async function distance(a: Buffer, b: Buffer): Promise<number> {
  const [x, y] = await Promise.all(
    [a, b].map((bytes) =>
      sharp(bytes).autoOrient().resize(32, 32, { fit: "fill" }).flatten().raw().toBuffer(),
    ),
  );
  if (!x || !y || x.length !== y.length) throw new Error("Not comparable.");
  return x.reduce((sum, value, i) => sum + Math.abs(value - (y[i] ?? 0)), 0) / x.length;
}

/** Variants with their only file: all of the product's recipe have one. */
const onlyFiles = ({ variants }: Rendered) =>
  variants.map(({ files: [file, ...more], ...variant }) => {
    expect(more).toEqual([]);
    return { ...variant, ...file };
  });

const variantOf = (rendered: Rendered, name: (typeof names)[number]) => {
  const variant = onlyFiles(rendered).find((each) => each.name === name);
  if (!variant) throw new Error(`There is no ${name}.`);
  return variant;
};

describe("a phone's photo", () => {
  let bytes: Buffer;
  let rendered: Rendered;

  beforeAll(async () => {
    bytes = await photo({ width: 2400, height: 1800, orientation: 6, profile: "p3", exif: phoneExif });
    rendered = await render(bytes, limits);
  });

  test("becomes every variant of the recipe, in its order, at the recipe's size and format", async () => {
    expect(rendered.variants.map(({ name, width, height }) => `${name} ${width}×${height}`)).toEqual([
      "thumbnail 200×200",
      "small 480×360",
      "medium 1080×810",
      "large 1920×1440",
    ]);
    for (const { name, width, height, bytes, ...said } of onlyFiles(rendered)) {
      const [format] = recipe[name].formats;
      expect(said).toEqual({ format, extension: format });
      expect(await sharp(bytes).metadata()).toMatchObject({ format, width, height });
    }
  });

  test("stands upright in every variant", async () => {
    for (const name of ["small", "medium", "large"] as const) {
      expect(await cornersApart(variantOf(rendered, name).bytes)).toBeLessThan(16);
    }
  });

  test("looks like the original in every variant", async () => {
    for (const name of ["small", "medium", "large"] as const) {
      expect(await distance(variantOf(rendered, name).bytes, bytes)).toBeLessThan(2);
    }
    const frame = await sharp(bytes).autoOrient().resize({ height: 200 }).png().toBuffer();
    const cropped = await sharp(frame).resize(200, 200, { position: sharp.strategy.attention }).toBuffer();
    expect(await distance(variantOf(rendered, "thumbnail").bytes, cropped)).toBeLessThan(3);
  });

  test("leaves nothing of its metadata in any variant", async () => {
    for (const { bytes } of onlyFiles(rendered)) {
      const { exif, xmp, iptc, icc, orientation, comments } = await sharp(bytes).metadata();
      expect({ exif, xmp, iptc, icc, orientation, comments }).toEqual({});
      for (const secret of ["Fairphone", "secret", "2024", "Exif", "GPS"]) {
        expect(bytes.includes(secret)).toBe(false);
      }
    }
  });

  test("tells its facts", () => {
    expect(rendered.source).toEqual({
      format: "jpeg",
      width: 2400,
      height: 1800,
      alpha: false,
      frames: 1,
      perceptualHash: expect.stringMatching(/^[0-9a-f]{16}$/),
      takenAt: "2024-05-17T18:03:22+02:00",
      camera: "Fairphone 5",
      lens: "Main 5.6 mm f/1.88",
      location: { latitude: 46.948, longitude: 7.447, altitude: 540 },
    });
  });

  test("keeps its place to itself unless the settings say otherwise", async () => {
    const { source } = await render(await fixtures["phone.jpg"](), Settings.pipelineDefaults);
    expect(source.location).toBeUndefined();
  });

  test("has a placeholder of one colour and a blur", () => {
    expect(rendered.placeholder.color).toMatch(/^#[0-9a-f]{6}$/);
    const bytes = Buffer.from(rendered.placeholder.thumbhash, "base64").length;
    expect(bytes).toBeGreaterThan(15);
    expect(bytes).toBeLessThan(35);
  });
});

describe("right pixels", () => {
  test.each(["p3", "srgb"] as const)(
    "colours of %s are sRGB's, whether converted early or late",
    async (profile) => {
      for (const width of [400, 4000]) {
        const bytes = await photo({ width, height: width / 4, profile });
        const rendered = await render(bytes, limits);
        const converted = await sharp(bytes).resize(1920, 480, { withoutEnlargement: true }).png().toBuffer();
        expect(await distance(variantOf(rendered, "large").bytes, converted)).toBeLessThan(1.5);
      }
    },
  );

  test("colours are the same without PNG among the formats", async () => {
    const bytes = await photo({ width: 4000, height: 500, profile: "p3" });
    const late = await render(bytes, limits);
    const early = await render(bytes, { ...limits, formats: ["jpeg", "webp"] });
    await render(await fixtures["photo.jpg"](), limits);
    expect(await distance(variantOf(late, "large").bytes, variantOf(early, "large").bytes)).toBeLessThan(0.5);
  });

  test("transparency stays", async () => {
    const rendered = await render(await fixtures["alpha.png"](), limits);
    expect(rendered.source.alpha).toBe(true);
    const { data, info } = await sharp(variantOf(rendered, "small").bytes)
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect([info.channels, data[3], data.at(-1)]).toEqual([4, 255, 96]);
  });

  test.each([
    ["16 bits", (picture: Sharp) => picture.toColourspace("rgb16").png()],
    ["grey", (picture: Sharp) => picture.greyscale().png()],
    ["grey with alpha", (picture: Sharp) => picture.greyscale().ensureAlpha(0.5).png()],
    ["grey in 16 bits", (picture: Sharp) => picture.toColourspace("grey16").png()],
    ["palette", (picture: Sharp) => picture.png({ palette: true, colours: 32 })],
    ["interlaced", (picture: Sharp) => picture.png({ progressive: true })],
    ["lossless WebP", (picture: Sharp) => picture.webp({ lossless: true })],
    ["CMYK", (picture: Sharp) => picture.withIccProfile("cmyk").jpeg()],
  ])("%s comes out as ordinary sRGB", async (_, save) => {
    const bytes = await save(sharp(await fixtures["photo.jpg"]())).toBuffer();
    const rendered = await render(bytes, limits);
    for (const { bytes: made } of onlyFiles(rendered))
      expect(await sharp(made).metadata()).toMatchObject({ space: "srgb" });
    expect(
      await distance(
        variantOf(rendered, "large").bytes,
        await sharp(bytes).toColourspace("srgb").png().toBuffer(),
      ),
    ).toBeLessThan(2);
  });

  test.each([
    [1, 1],
    [1, 5000],
    [16384, 1],
    [5000, 3],
    [199, 201],
  ])("%i × %i px is never enlarged", async (width, height) => {
    const rendered = await render(await photo({ width, height, format: "png" }), limits);
    const variants = onlyFiles(rendered);
    expect(rendered.source).toMatchObject({ width, height });
    expect(variants.map(({ name }) => name)).toEqual(names);
    for (const variant of variants) {
      expect(variant.width <= width && variant.height <= height).toBe(true);
      expect(await sharp(variant.bytes).metadata()).toMatchObject({
        width: variant.width,
        height: variant.height,
      });
    }
  });

  test.each(["photo.webp", "photo.avif", "photo.gif", "progressive.jpg"] as const)(
    "%s is read",
    async (name) => {
      const bytes = await fixtures[name]();
      const rendered = await render(bytes, limits);
      expect(rendered.source.format).toBe(name === "progressive.jpg" ? "jpeg" : name.slice(6));
      expect(await distance(variantOf(rendered, "small").bytes, bytes)).toBeLessThan(4);
    },
  );
});

describe("bad bytes are rejected by name", () => {
  test.each([
    ["empty.jpg", "empty_file"],
    ["text.jpg", "unsupported_format"],
    ["svg.png", "unsupported_format"],
    ["truncated.jpg", "corrupt_image"],
  ] as const)("%s: %s", async (name, code) => {
    await expect(render(await fixtures[name](), limits)).rejects.toMatchObject({ name: "Rejection", code });
  });

  test.each(["jpeg", "png", "webp", "avif", "gif"] as const)(
    "a %s cut off anywhere is corrupt",
    async (format) => {
      const whole = await photo({ width: 300, height: 200, format });
      for (const share of [0.1, 0.5, 0.9]) {
        const cut = whole.subarray(0, Math.floor(whole.length * share));
        const code = await render(cut, limits).then(
          () => "rendered",
          ({ code }: Rejection) => code,
        );
        expect(`${share} ${code}`).toBe(`${share} corrupt_image`);
      }
    },
  );

  test("what takes too long is rejected as that, and the next picture is not", async () => {
    const bytes = png(7_000, 7_000, { depth: 16, color: 6 }); // 392 MB once decoded
    await expect(render(bytes, { ...limits, decodeSecondsMax: 1 })).rejects.toMatchObject({
      code: "too_slow",
    });
    await expect(render(await fixtures["photo.jpg"](), limits)).resolves.toBeDefined();
  });

  test("a format that was shut off is refused, and read again when it is let in", async () => {
    const bytes = await fixtures["photo.webp"]();
    const shut = { ...limits, formats: ["jpeg"] };
    await expect(render(bytes, shut)).rejects.toMatchObject({ code: "unsupported_format" });
    await expect(sharp(bytes).metadata()).resolves.toBeDefined();
    await render(await fixtures["photo.jpg"](), shut);
    await expect(sharp(bytes).metadata()).rejects.toThrow(/unsupported/);
    await expect(render(bytes, limits)).resolves.toBeDefined();
  });
});
