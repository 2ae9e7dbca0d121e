import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { photo } from "../fixture.ts";
import { Settings } from "../settings.ts";
import { box, bytes, u32 } from "./fixture-bytes.ts";
import { cgbi, damaged, exifOf, gifOf, jpegOfBits, scans, sequence, withExif } from "./fixture-damage.ts";
import type { Rejection } from "./rejection.ts";
import { render } from "./render.ts";

const limits = Settings.pipelineDefaults;

/** The code that a file is rejected with; "ready" otherwise. */
async function endOf(file: Buffer): Promise<string> {
  try {
    await render(file, limits);
    return "ready";
  } catch (error) {
    return (error as Rejection).code ?? String(error);
  }
}

/** The colour of the large variant at a place. */
async function pixelOf(file: Buffer, x: number, y: number): Promise<number[]> {
  const { variants } = await render(file, limits);
  const large = variants.find(({ name }) => name === "large")?.files[0].bytes;
  const { data, info } = await sharp(large).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
  return [...data.subarray((y * info.width + x) * 4, (y * info.width + x) * 4 + 4)];
}

describe("a JPEG with damage that browsers show is accepted", () => {
  test.each(Object.entries(damaged))("%s", async (_, make) =>
    expect(await endOf(await make())).toBe("ready"),
  );
});

describe("a JPEG that breaks off is corrupt", () => {
  test.each([0.5, 0.8, 0.98])("after %f of its bytes", async (part) => {
    const file = await photo({ width: 640, height: 480 });
    expect(await endOf(file.subarray(0, file.length * part))).toBe("corrupt_image");
  });
});

describe("an unsupported format is distinguished from damage", () => {
  test.each([
    ["CgBI", async () => cgbi(), "unsupported_codec", /CgBI/],
    ["a JPEG of 12 bits", () => jpegOfBits(12), "unsupported_codec", /12-bit/],
    ["a JPEG of 255 bits", () => jpegOfBits(255), "corrupt_image", /255 bits/],
    [
      "AVIF with a minimized header",
      async () => bytes(box("ftyp", bytes("mif3", "avif")), box("mini", bytes(u32(0), u32(0)))),
      "unsupported_codec",
      /mif3/,
    ],
    [
      "a sequence without a still image",
      async () => bytes(box("ftyp", bytes("avis", u32(0), "avis", "msf1")), box("moov", Buffer.alloc(64))),
      "unsupported_codec",
      /sequence/,
    ],
  ])("%s", async (_, make, code, message) => {
    await expect(make().then((file) => render(file, limits))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });
});

describe("an animation is its first frame", () => {
  test("of an AVIF sequence", async () => {
    const { source } = await render(sequence, limits);
    expect(source).toMatchObject({ format: "avif", width: 128, height: 128 });
  });

  test("on a transparent canvas, where the frame does not cover it", async () => {
    const file = gifOf(40, 40, { left: 10, top: 20, width: 10, height: 10, colour: 2 });
    const [, green = 0, , alpha] = await pixelOf(file, 15, 25);
    expect(green).toBeGreaterThan(250);
    expect(alpha).toBe(255);
    expect((await pixelOf(file, 2, 2))[3]).toBe(0);
    expect((await render(file, limits)).source.alpha).toBe(true);
  });

  test("the first that shows something", async () => {
    const whole = { width: 20, height: 20 };
    const file = gifOf(20, 20, { ...whole, colour: 0, clear: true }, { ...whole, colour: 3, clear: true });
    const [, , blue, alpha] = await pixelOf(file, 10, 10);
    expect([blue, alpha]).toEqual([255, 255]);
  });

  test("nothing, where no frame shows anything", async () => {
    const file = gifOf(20, 20, { width: 20, height: 20, colour: 0, clear: true });
    expect((await pixelOf(file, 10, 10))[3]).toBe(0);
  });

  test("with any damage in those after it", async () => {
    const frame = { width: 20, height: 20, colour: 1 } as const;
    const [first, both] = [gifOf(20, 20, frame), gifOf(20, 20, frame, { ...frame, colour: 2 })];
    const broken = Buffer.from(both);
    broken.fill(0xff, first.length + 9);
    expect(await endOf(broken)).toBe("ready");
    const webp = await sharp(both, { animated: true }).webp({ loop: 0 }).toBuffer();
    expect(await endOf(webp)).toBe("ready");
    webp.fill(0xff, webp.lastIndexOf("ANMF") + 40);
    expect(await endOf(webp)).toBe("ready");
  });
});

describe("what would exhaust a decoder is refused before it", () => {
  test("a progressive JPEG of more scans than are accepted", async () => {
    expect(await endOf(scans(100))).toBe("ready");
    expect(await endOf(scans(101))).toBe("too_many_scans");
    expect(await endOf(scans(20_000))).toBe("too_many_scans");
  });

  test.each([
    ["rationals", 5, 8000],
    ["signed rationals", 10, 8000],
    ["bytes", 1, 64_000],
    ["shorts", 3, 32_000],
    ["doubles", 12, 8000],
  ])("EXIF of 5,400 entries that share %s", async (_, type, count) => {
    expect(await endOf(await withExif(exifOf(5400, type, count)))).toBe("too_much_metadata");
  });

  test("EXIF whose directories refer to themselves is read once", async () => {
    // IFD0 at 8 names itself as its EXIF directory and as the next one.
    const loop = bytes("II*\0", [8, 0, 0, 0, 1, 0, 0x69, 0x87, 4, 0, 1, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0, 0]);
    expect(await endOf(await withExif(loop))).toBe("ready");
  });
});
