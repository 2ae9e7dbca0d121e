import { readFile } from "node:fs/promises";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { phoneExif, photo } from "../fixture.ts";
import { Settings } from "../settings.ts";
import { Color } from "./color.ts";
import { type HeicOptions, heic } from "./fixture-heic.ts";
import { decodeHeic } from "./heic.ts";
import { pngOf } from "./png.ts";
import type { Spec } from "./recipe.ts";
import { render } from "./render.ts";

const limits = { ...Settings.pipelineDefaults, location: true };
const recipe = {
  whole: { width: 2000, fit: "inside", formats: ["webp"], encode: { webp: { quality: 100, effort: 0 } } },
} as const satisfies Record<string, Spec>;

async function rendered(bytes: Buffer, settings = limits) {
  const { source, variants } = await render(bytes, settings, recipe);
  return { source, picture: variants[0]?.files[0].bytes ?? Buffer.alloc(0) };
}

/** Returns the mean channel difference of two images. */
async function apart(a: Buffer, b: Buffer): Promise<number> {
  const [x, y] = await Promise.all(
    [a, b].map((bytes) => sharp(bytes).removeAlpha().raw().toBuffer({ resolveWithObject: true })),
  );
  if (!x || !y) throw new Error("Not comparable.");
  expect([x.info.width, x.info.height]).toEqual([y.info.width, y.info.height]);
  return x.data.reduce((sum, value, i) => sum + Math.abs(value - (y.data[i] ?? 0)), 0) / x.data.length;
}

/** Returns the decoder's output as a PNG without colour information. */
async function decoded(bytes: Buffer): Promise<Buffer> {
  const { pixels, width, height, channels } = await decodeHeic(bytes, 1e6, 20);
  return sharp(pixels, { raw: { width, height, channels } }).png().toBuffer();
}

/** EXIF from its TIFF header on, as sharp writes it. */
async function exifOf(orientation: number): Promise<Buffer> {
  const { exif } = await sharp(await photo({ width: 9, height: 9, exif: phoneExif, orientation })).metadata();
  if (!exif) throw new Error("sharp wrote no EXIF.");
  return exif.subarray(6);
}

async function displayP3(): Promise<Buffer> {
  const { icc } = await sharp(await photo({ width: 9, height: 9, profile: "p3" })).metadata();
  if (!icc) throw new Error("sharp has no Display-P3.");
  return icc;
}

describe("a phone's HEIC", () => {
  test("is put together from its tiles and cut to size, without thumbnail and depth map", async () => {
    const { source, picture } = await rendered(heic());
    expect(source).toMatchObject({ format: "heic", width: 120, height: 90 });
    expect(await apart(picture, await photo({ width: 120, height: 90, format: "png" }))).toBeLessThan(4);
  });

  test("tells its facts, and its place only where the settings ask for it", async () => {
    const bytes = heic({ exif: await exifOf(1) });
    expect((await rendered(bytes)).source).toMatchObject({
      takenAt: "2024-05-17T18:03:22+02:00",
      camera: "Fairphone 5",
      lens: "Main 5.6 mm f/1.88",
      location: { latitude: 46.948, longitude: 7.447, altitude: 540 },
    });
    expect((await rendered(bytes, Settings.pipelineDefaults)).source.location).toBeUndefined();
  });

  test.each<[HeicOptions["rotate"], HeicOptions["mirror"]]>([
    [0, undefined],
    [1, undefined],
    [2, undefined],
    [3, undefined],
    [0, 1],
    [1, 1],
    [2, 1],
    [3, 1],
    [undefined, 0],
  ])(
    "turned by %s quarters and mirrored by %s as its properties say, not its EXIF",
    async (rotate, mirror) => {
      const { source, picture } = await rendered(heic({ rotate, mirror, exif: await exifOf(6) }));
      const turned = sharp(
        await sharp(await decoded(heic()))
          .rotate(-90 * (rotate ?? 0))
          .png()
          .toBuffer(),
      );
      if (mirror === 1) turned.flop();
      if (mirror === 0) turned.flip();
      expect(await apart(picture, await turned.png().toBuffer())).toBeLessThan(1.5);
      expect([source.width, source.height]).toEqual((rotate ?? 0) % 2 ? [90, 120] : [120, 90]);
    },
  );

  test("Display-P3 comes out as the sRGB that libvips makes of it, by profile and by number", async () => {
    const profile = await displayP3();
    const { pixels, width, height } = await decodeHeic(heic(), 1e6, 20);
    const wanted = await sharp(pngOf({ pixels, width, height, channels: 3 }, profile))
      .toColourspace("srgb")
      .png()
      .toBuffer();
    const untouched = await decoded(heic());
    for (const colour of [profile, 12]) {
      const { picture } = await rendered(heic({ colour }));
      expect(await apart(picture, wanted)).toBeLessThan(1.5);
      expect(await apart(picture, untouched)).toBeGreaterThan(3);
    }
    expect(await apart((await rendered(heic({ colour: 1 }))).picture, untouched)).toBeLessThan(1.5);
  });

  test.each([
    ["PQ", 16],
    ["HLG", 18],
  ])("HDR by number is tone-mapped: %s", async (_, transfer) => {
    const coding = Color.fromCodes(9, transfer);
    if (!coding) throw new Error("PQ and HLG are known.");
    const plain = await decoded(heic());
    const { data, info } = await sharp(plain).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    const raw = { width: info.width, height: info.height, channels: 3 } as const;
    const wanted = await sharp(Color.toSrgb(data, 3, coding), { raw })
      .png()
      .toBuffer();
    const { picture } = await rendered(heic({ colour: 9, transfer }));
    expect(await apart(picture, wanted)).toBeLessThan(2);
    expect(await apart(picture, plain)).toBeGreaterThan(10);
  });

  test("its colours are right without PNG among the formats, and PNG stays shut", async () => {
    const bytes = heic({ colour: await displayP3() });
    const settings = { ...limits, formats: ["heic", "jpeg"] };
    const { picture } = await rendered(bytes, settings);
    await expect(
      rendered(await photo({ width: 9, height: 9, format: "png" }), settings),
    ).rejects.toMatchObject({
      code: "unsupported_format",
    });
    expect(await apart(picture, (await rendered(bytes)).picture)).toBe(0);
  });

  test("a profile that makes no sense is not obeyed", async () => {
    const { picture } = await rendered(heic({ colour: Buffer.alloc(500, 65) }));
    expect(await apart(picture, await decoded(heic()))).toBeLessThan(1.5);
  });
});

describe("a HEIC that means harm", () => {
  test.each<[string, HeicOptions, string]>([
    ["that says it is larger than its tiles", { size: [4000, 3000] }, "corrupt_image"],
    ["whose tiles are missing", { grid: { rows: 2, columns: 2, of: [11, 12] } }, "corrupt_image"],
    ["whose grid is made of itself", { grid: { rows: 2, columns: 2, of: [1, 12, 13, 14] } }, "corrupt_image"],
    ["whose tiles are noise", { data: Array(4).fill(Buffer.alloc(500, 0x5a)) }, "corrupt_image"],
    ["whose tiles are empty", { data: Array(4).fill(Buffer.alloc(0)) }, "corrupt_image"],
    ["whose tiles are larger than they say", { size: [60, 60], tileSize: 30 }, "corrupt_image"],
    ["that is too large", { size: [7_072, 7_072] }, "too_many_pixels"],
    ["one of whose sides is too long", { size: [16_385, 1] }, "side_too_long"],
  ])("%s: %s", async (_, options, code) => {
    await expect(rendered(heic(options))).rejects.toMatchObject({ name: "Rejection", code });
  });

  test("over the pixel limit is not decoded, even if its header declares fewer", async () => {
    await expect(decodeHeic(heic(), 120 * 90 - 1, 20)).rejects.toMatchObject({ why: "damaged" });
  });

  test("that takes too long is ended, though its decoder cannot be asked to", async () => {
    // Its tiles take longer to decode than the limit, which is close to zero.
    const bytes = heic({ size: [1920, 1920], grid: { rows: 30, columns: 30 } });
    await expect(decodeHeic(bytes, 1e8, 0.05)).rejects.toMatchObject({ why: "slow" });
    await expect(rendered(heic())).resolves.toBeDefined();
  });
});

describe("what heif-enc writes (fixtures/, by write-fixtures.ts)", () => {
  const encoded = (name: string) => readFile(new URL(`fixtures/heif-enc-${name}.heic`, import.meta.url));

  test.each([
    ["4:2:0", "420", [200, 150]],
    ["4:4:4", "444", [200, 150]],
    ["sides that are odd", "odd", [167, 101]],
    ["a thumbnail next to it", "thumbnail", [200, 150]],
  ])("%s", async (_, name, [width = 0, height = 0]) => {
    const { source, picture } = await rendered(await encoded(name));
    expect(source).toMatchObject({ format: "heic", width, height, alpha: false });
    expect(await apart(picture, await photo({ width, height, format: "png" }))).toBeLessThan(5);
  });

  test("the 48 megapixels of an iPhone's main camera", async () => {
    const { source, variants } = await render(await encoded("48mp"), Settings.pipelineDefaults);
    expect(source).toMatchObject({ width: 8064, height: 6048 });
    expect(variants.at(-1)).toMatchObject({ name: "large", width: 1920, height: 1440 });
  });

  test("as many pixels as the limit, not counting the padding of its blocks", async () => {
    // heif-enc makes the sides even and crops them afterwards.
    const bytes = await encoded("odd");
    const most = (heicPixelsMax: number) => rendered(bytes, { ...limits, heicPixelsMax });
    expect((await most(168 * 102)).source).toMatchObject({ width: 167, height: 101 });
    await expect(most(168 * 102 - 1)).rejects.toMatchObject({ code: "too_many_pixels" });
  });

  test("but not what says that it is smaller than it is", async () => {
    const bytes = await encoded("420");
    const says = bytes.indexOf("ispe") + 8;
    bytes.writeUInt32BE(64, says);
    bytes.writeUInt32BE(64, says + 4);
    await expect(rendered(bytes)).rejects.toMatchObject({ name: "Rejection", code: "corrupt_image" });
  });

  test("transparency", async () => {
    const { source, picture } = await rendered(await encoded("alpha"));
    expect(source.alpha).toBe(true);
    const { data } = await sharp(picture).raw().toBuffer({ resolveWithObject: true });
    expect([data[3], Math.abs((data.at(-1) ?? 0) - 96) < 6]).toEqual([255, true]);
  });
});
