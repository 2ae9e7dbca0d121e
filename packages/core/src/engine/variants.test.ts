/** Recipe options that the default recipe does not use: several formats, attention crops, animation. */
import { randomBytes } from "node:crypto";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { photo } from "../fixture.ts";
import { Settings } from "../settings.ts";
import { encode } from "./encode.ts";
import { gif } from "./fixture-bytes.ts";
import { inspect } from "./original.ts";
import type { Spec } from "./recipe.ts";
import { rasters, render } from "./render.ts";
import { clockOf } from "./sharp.ts";

const limits = Settings.pipelineDefaults;

async function variantOf(bytes: Buffer, spec: Spec, settings = limits) {
  const { variants, source } = await render(bytes, settings, { it: spec });
  const [variant] = variants;
  if (!variant) throw new Error("There is no variant.");
  return { ...variant, source };
}

describe("several formats", () => {
  const spec: Spec = { width: 400, fit: "inside", formats: ["avif", "webp", "jpeg"] };

  test("each shows the same picture, and the most widely known comes first", async () => {
    const bytes = await photo({ width: 800, height: 600 });
    const { files, width, height } = await variantOf(bytes, spec);
    expect([width, height]).toEqual([400, 300]);
    expect(files.map(({ format, extension }) => [format, extension])).toEqual([
      ["jpeg", "jpg"],
      ["webp", "webp"],
      ["avif", "avif"],
    ]);
    const wanted = await sharp(bytes).resize(40, 30, { fit: "fill" }).raw().toBuffer();
    for (const { format, bytes: made } of files) {
      const found = await sharp(made).metadata();
      expect(found).toMatchObject({ format: format === "avif" ? "heif" : format, width: 400, height: 300 });
      const pixels = await sharp(made).resize(40, 30, { fit: "fill" }).raw().toBuffer();
      const apart =
        pixels.reduce((sum, value, i) => sum + Math.abs(value - (wanted[i] ?? 0)), 0) / pixels.length;
      expect(apart).toBeLessThan(3);
    }
  });

  test("what is transparent is white in a JPEG and stays transparent in the others", async () => {
    const { files } = await variantOf(
      await photo({ width: 300, height: 200, format: "png", alpha: true }),
      spec,
    );
    for (const { format, bytes } of files) {
      expect((await sharp(bytes).metadata()).hasAlpha).toBe(format !== "jpeg");
    }
  });

  test("qualities are the product's unless the variant has its own", async () => {
    const bytes = await photo({ width: 800, height: 600 });
    const { files } = await variantOf(bytes, { ...spec, encode: { webp: { quality: 20, effort: 0 } } });
    const { files: usual } = await variantOf(bytes, spec);
    const size = (all: typeof files, format: string) =>
      all.find((file) => file.format === format)?.bytes.length ?? 0;
    expect(size(files, "webp")).toBeLessThan(size(usual, "webp") * 0.8);
    expect(size(files, "jpeg")).toBe(size(usual, "jpeg"));
  });
});

describe("drawings keep their colours", () => {
  /** Red and blue lines of one pixel on white. */
  const drawing = (size: number) => {
    const pixels = Buffer.alloc(size * size * 3, 255);
    for (let line = 0; line < size; line += 5) {
      const from = (line * 37) % size;
      for (let x = from; x < Math.min(size, from + size / 2); x++)
        pixels.set(line % 2 ? [255, 0, 0] : [0, 0, 255], (line * size + x) * 3);
    }
    return sharp(pixels, { raw: { width: size, height: size, channels: 3 } });
  };
  const spec: Spec = { width: 1080, fit: "inside", formats: ["webp"] };

  test.each([
    ["a screenshot", async () => drawing(400).png().toBuffer()],
    ["an image of a palette", async () => drawing(400).png({ palette: true }).toBuffer()],
    ["an icon", async () => drawing(64).png().toBuffer()],
    ["pixel art", async () => drawing(48).gif().toBuffer()],
  ])("%s, to the last bit, in fewer bytes than with loss", async (_, make) => {
    const original = await make();
    const { files } = await variantOf(original, spec);
    const pixels = await sharp(original).removeAlpha().raw().toBuffer();
    expect((await sharp(files[0].bytes).removeAlpha().raw().toBuffer()).equals(pixels)).toBe(true);
    const lossy = await sharp(original).webp({ quality: 80, effort: 4 }).toBuffer();
    expect(files[0].bytes.length).toBeLessThan(lossy.length);
  });

  test("photos are encoded with loss, also with much white around a product, and as PNG", async () => {
    const product = await photo({ width: 500, height: 500 });
    const white = sharp({ create: { width: 900, height: 900, channels: 3, background: "#fff" } });
    const original = await white
      .composite([{ input: product }])
      .png()
      .toBuffer();
    const { files } = await variantOf(original, spec);
    const without = await sharp(original).webp({ lossless: true }).toBuffer();
    expect(files[0].bytes.length).toBeLessThan(without.length / 2);
  });

  test("with a perceptual quality, nearly to the last bit where that is many bits", async () => {
    // Runs of 21 pixels of any colour: 1.5 bits a pixel without loss, 1.4 nearly so.
    let state = 1;
    const next = () => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return state >>> 8;
    };
    const pixels = Buffer.alloc(400 * 400 * 3);
    for (let at = 0; at < pixels.length; at += 3) {
      if (at === 0 || next() % 21 === 0) pixels.writeUIntBE(next() % 2 ** 24, at, 3);
      else pixels.copy(pixels, at, at - 3, at);
    }
    const original = await sharp(pixels, { raw: { width: 400, height: 400, channels: 3 } })
      .png()
      .toBuffer();
    const furthest = async (how: Partial<Spec>) => {
      const { files } = await variantOf(original, { ...spec, ...how });
      const made = await sharp(files[0].bytes).removeAlpha().raw().toBuffer();
      return made.reduce((most, value, i) => Math.max(most, Math.abs(value - (pixels[i] ?? 0))), 0);
    };
    const far = await furthest({ quality: { ssimulacra2: 75 } });
    expect(far).toBeGreaterThan(0);
    expect(far).toBeLessThan(8);
    expect(await furthest({ quality: 80 })).toBeGreaterThan(50);
  });

  test("in place of AVIF where a score is asked for, once, next to JPEG", async () => {
    const original = await drawing(400).png().toBuffer();
    const formatsOf = async (how: Partial<Spec>) =>
      (await variantOf(original, { ...spec, ...how })).files.map(({ format }) => format);
    const quality = { ssimulacra2: 71 };
    expect(await formatsOf({ formats: ["avif"], quality })).toEqual(["webp"]);
    expect(await formatsOf({ formats: ["avif", "webp", "jpeg"], quality })).toEqual(["jpeg", "webp"]);
    expect(await formatsOf({ formats: ["avif", "webp"], quality: 60 })).toEqual(["webp", "avif"]);
    expect(await formatsOf({ formats: ["jpeg"], quality })).toEqual(["jpeg"]);
  });

  test("but not in place of an AVIF that is many times smaller, as of flat art with gradients", async () => {
    const clouds = await sharp(randomBytes(4 * 4 * 3), { raw: { width: 4, height: 4, channels: 3 } })
      .resize(150, 400, { fit: "fill", kernel: "cubic" })
      .png()
      .toBuffer();
    const original = await sharp({ create: { width: 400, height: 400, channels: 3, background: "#fff" } })
      .composite([{ input: clouds, gravity: "west" }])
      .png()
      .toBuffer();
    const quality = { ssimulacra2: 71 };
    const { files } = await variantOf(original, { ...spec, formats: ["avif", "webp"], quality });
    const [webp, avif] = files;
    expect(files.map(({ format, quality }) => [format, quality === undefined])).toEqual([
      ["webp", true],
      ["avif", false],
    ]);
    expect(webp.bytes.length).toBeGreaterThan((avif?.bytes.length ?? 0) * 3);
  });

  test("but not in place of a lazy AVIF, whose URL names its format", async () => {
    const original = await inspect(await drawing(400).png().toBuffer(), limits);
    const lazy = { ...spec, formats: ["avif"], quality: { ssimulacra2: 71 }, lazy: true } as const;
    for await (const { size, raster } of rasters(original, limits, { lazy })) {
      const files = await encode(raster, size, lazy, original, clockOf(limits));
      expect(files.map(({ format }) => format)).toEqual(["avif"]);
    }
  });

  test("of a score of 80 at least, where they are many bytes without loss", async () => {
    // A screenshot: noise, as of a photo, next to a larger area of one colour.
    const noise = randomBytes(150 * 400 * 3);
    const original = await sharp({ create: { width: 400, height: 400, channels: 3, background: "#fff" } })
      .composite([{ input: noise, raw: { width: 150, height: 400, channels: 3 } }])
      .png()
      .toBuffer();
    const settingOf = async (ssimulacra2: number) =>
      (await variantOf(original, { ...spec, formats: ["avif"], quality: { ssimulacra2 } })).files[0].quality;
    expect(await settingOf(60)).toBe(await settingOf(80));
    expect(await settingOf(90)).toBeGreaterThan((await settingOf(80)) ?? 100);
  });

  test("an icon of any content, to the last bit", async () => {
    const pixels = Buffer.from(Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * i * 7) % 256));
    const original = await sharp(pixels, { raw: { width: 64, height: 64, channels: 3 } })
      .png()
      .toBuffer();
    const { files } = await variantOf(original, spec);
    expect((await sharp(files[0].bytes).removeAlpha().raw().toBuffer()).equals(pixels)).toBe(true);
  });
});

describe("what a crop keeps", () => {
  /** Grey, except for a chequered orange disc at the right edge, which attention cropping picks. */
  function striking() {
    const [width, height] = [900, 300];
    const data = Buffer.alloc(width * height * 3, 0x77);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        if (Math.hypot(x - 780, y - 150) > 90) continue;
        const dark = (Math.floor(x / 30) + Math.floor(y / 30)) % 2 === 0;
        data.set(dark ? [0x90, 0x30, 0] : [0xff, 0x7a, 0x1a], (y * width + x) * 3);
      }
    }
    return sharp(data, { raw: { width, height, channels: 3 } })
      .png()
      .toBuffer();
  }
  /** Returns the orange share of an image's pixels. */
  const orange = async (bytes: Buffer) => {
    const { data, info } = await sharp(bytes).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    let count = 0;
    for (let i = 0; i < data.length; i += 3) if ((data[i] ?? 0) - (data[i + 2] ?? 0) > 60) count++;
    return count / (info.width * info.height);
  };
  const spec: Spec = { width: 200, height: 200, fit: "cover", formats: ["webp"] };

  test("the middle, or what draws the eye where the recipe says so", async () => {
    const bytes = await striking();
    const middle = await variantOf(bytes, spec);
    const attention = await variantOf(bytes, { ...spec, crop: "attention" });
    expect([attention.width, attention.height]).toEqual([200, 200]);
    expect(await sharp(attention.files[0].bytes).metadata()).toMatchObject({ width: 200, height: 200 });
    expect(await orange(middle.files[0].bytes)).toBe(0);
    expect(await orange(attention.files[0].bytes)).toBeGreaterThan(0.2);
  });

  test("is the same in every format", async () => {
    const { files } = await variantOf(await striking(), {
      ...spec,
      crop: "attention",
      formats: ["avif", "webp", "jpeg"],
    });
    for (const { bytes } of files) expect(await orange(bytes)).toBeGreaterThan(0.2);
  });
});

describe("animation", () => {
  const colors = ["#ff0000", "#00ff00", "#0000ff"];
  /** Three frames of one colour each, 100, 200 and 300 ms long, twice over. */
  async function moving(format: "gif" | "webp", width = 300, height = 200) {
    const frames = await Promise.all(
      colors.map((background) =>
        sharp({ create: { width, height, channels: 4, background } })
          .png()
          .toBuffer(),
      ),
    );
    const animation = sharp(frames, { join: { animated: true } });
    const timing = { delay: [100, 200, 300], loop: 2 };
    return (format === "gif" ? animation.gif(timing) : animation.webp(timing)).toBuffer();
  }
  const spec: Spec = {
    width: 100,
    height: 100,
    fit: "cover",
    formats: ["avif", "webp", "jpeg"],
    animated: true,
  };

  test.each(["gif", "webp"] as const)(
    "a moving %s becomes one moving WebP where the recipe says so",
    async (format) => {
      const { files, source, width, height } = await variantOf(await moving(format), spec);
      expect(source).toMatchObject({ format, frames: 3, width: 300, height: 200 });
      expect([width, height]).toEqual([100, 100]);
      expect(files.map(({ format }) => format)).toEqual(["webp"]);
      const [{ bytes }] = files;
      const found = await sharp(bytes, { animated: true }).metadata();
      expect(found).toMatchObject({
        format: "webp",
        width: 100,
        pageHeight: 100,
        pages: 3,
        delay: [100, 200, 300],
        loop: 2,
      });
      for (const [page, color] of colors.entries()) {
        const [r, g, b] = await sharp(bytes, { page }).removeAlpha().resize(1, 1).raw().toBuffer();
        const wanted = [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));
        for (const [i, value] of [r, g, b].entries())
          expect(Math.abs((value ?? 0) - (wanted[i] ?? 0))).toBeLessThan(12);
      }
    },
  );

  test("its first frame is taken where the recipe says nothing, in the placeholder, and with FRAMES_MAX=1", async () => {
    const bytes = await moving("gif");
    const { animated, ...still } = spec;
    for (const { files, source } of [
      await variantOf(bytes, still),
      await variantOf(bytes, spec, { ...limits, framesMax: 1 }),
    ]) {
      expect(source.frames).toBe(3);
      expect(files.map(({ format }) => format)).toEqual(["jpeg", "webp", "avif"]);
      for (const file of files) expect((await sharp(file.bytes).metadata()).pages ?? 1).toBe(1);
    }
    expect((await render(bytes, limits, { it: spec })).placeholder.color).toBe("#ff0000");
  });

  test("a still picture is as it would be without", async () => {
    const { files } = await variantOf(await photo({ width: 300, height: 200 }), spec);
    expect(files.map(({ format }) => format)).toEqual(["jpeg", "webp", "avif"]);
  });

  test.each([
    ["too many frames", gif(20, 20, { frames: 301 }), "too_many_frames"],
    ["too many pixels in all frames", gif(1_000, 1_000, { frames: 51 }), "too_many_pixels"],
  ] as const)(
    "%s are refused where it is wanted, and not where only the first is",
    async (_, bytes, code) => {
      await expect(variantOf(bytes, spec)).rejects.toMatchObject({ code });
      const { animated, ...still } = spec;
      await expect(variantOf(bytes, still)).resolves.toBeDefined();
    },
  );

  test("as many frames as there may be are taken", async () => {
    const { source } = await variantOf(gif(408, 408, { frames: 300 }), spec);
    expect(source.frames).toBe(300);
  });
});
