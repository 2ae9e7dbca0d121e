import { describe, expect, test } from "vitest";
import { fixtures } from "./fixture.ts";
import { Gate } from "./gate.ts";
import type { Code, Rejection } from "./rejection.ts";
import { Settings } from "./settings.ts";

const limits = {
  ...Settings.pipelineDefaults,
  formats: ["jpeg", "png", "webp", "avif", "gif", "tiff", "heic"],
};

/** The code that the gate refuses bytes with. */
function codeOf(bytes: Uint8Array, settings: Settings.Pipeline = limits): Code | undefined {
  try {
    Gate.admit(bytes, settings);
    return undefined;
  } catch (error) {
    return (error as Rejection).code;
  }
}

const bytesOf = (...parts: (string | number[])[]) =>
  Buffer.concat(
    parts.map((part) => (typeof part === "string" ? Buffer.from(part, "latin1") : Buffer.from(part))),
  );

const u32 = (value: number) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
const u16 = (value: number) => [value >>> 8, value & 255];
const le16 = (value: number) => [value & 255, value >>> 8];
const le24 = (value: number) => [value & 255, (value >>> 8) & 255, value >>> 16];

const png = (width: number, height: number, interlace = 0) =>
  bytesOf("\x89PNG\r\n\x1a\n", u32(13), "IHDR", u32(width), u32(height), [8, 2, 0, 0, interlace], u32(0));
const jpeg = (width: number, height: number, marker = 0xc0, bits = 8) =>
  bytesOf([0xff, 0xd8, 0xff, 0xe0, 0, 4, 0, 0, 0xff, marker, 0, 17, bits], u16(height), u16(width), [3]);
const vp8x = (width: number, height: number, frames: number) =>
  bytesOf(
    ...["RIFF", [0, 0, 0, 0], "WEBPVP8X", [10, 0, 0, 0, 2, 0, 0, 0], le24(width - 1), le24(height - 1)],
    ...Array.from({ length: frames }, () => bytesOf("ANMF", [1, 0, 0, 0, 0, 0]).toString("latin1")),
  );
const gif = (width: number, height: number, frames: number, frameWidth = width) =>
  bytesOf(
    ...["GIF89a", le16(width), le16(height), [0, 0, 0]],
    ...Array.from({ length: frames }, () => [
      0x2c,
      0,
      0,
      0,
      0,
      ...le16(frameWidth),
      ...le16(height),
      0,
      2,
      1,
      0,
      0,
    ]),
    [0x3b],
  );
const box = (type: string, ...parts: Buffer[]) => {
  const inside = Buffer.concat(parts);
  return Buffer.concat([bytesOf(u32(inside.length + 8), type), inside]);
};
const heif = (brand: string, codec: string, width: number, height: number) =>
  Buffer.concat([
    box("ftyp", bytesOf("mif1", u32(0), "mif1", brand)),
    box(
      "meta",
      bytesOf(u32(0)),
      box("iprp", box("ipco", box("ispe", bytesOf(u32(0), u32(width), u32(height))), box(codec))),
    ),
  ]);

describe("what the bytes are", () => {
  test.each([
    ["photo.jpg", "jpeg"],
    ["alpha.png", "png"],
    ["photo.webp", "webp"],
    ["photo.avif", "avif"],
    ["photo.gif", "gif"],
    ["text.jpg", undefined],
    ["svg.png", undefined],
    ["empty.jpg", undefined],
  ] as const)("%s is %s, whatever its name says", async (name, format) => {
    expect(Gate.sniff(await fixtures[name]())).toBe(format);
  });

  test("HEIC is told from AVIF by its brands, wherever they stand", () => {
    expect(Gate.sniff(heif("heic", "hvcC", 1, 1))).toBe("heic");
    expect(Gate.sniff(heif("avif", "av1C", 1, 1))).toBe("avif");
    expect(Gate.sniff(box("ftyp", bytesOf("isom", u32(0), "mp42")))).toBeUndefined();
  });

  test("both byte orders of TIFF are known", () => {
    expect([Gate.sniff(bytesOf("II*\0")), Gate.sniff(bytesOf("MM\0*"))]).toEqual(["tiff", "tiff"]);
  });
});

describe("the size in the header is the decoder's", () => {
  test.each(["photo.jpg", "progressive.jpg", "alpha.png", "photo.webp", "photo.avif", "photo.gif"] as const)(
    "%s",
    async (name) => {
      const { width, height } = Gate.admit(await fixtures[name](), limits);
      expect(`${width}×${height}`).toBe(
        { "photo.gif": "320×240", "photo.jpg": "800×600", "progressive.jpg": "800×600" }[name as string] ??
          "640×480",
      );
    },
  );

  test("progressive and interlaced files are known as such", async () => {
    expect(Gate.admit(await fixtures["progressive.jpg"](), limits).whole).toBe(true);
    expect(Gate.admit(await fixtures["photo.jpg"](), limits).whole).toBe(false);
    expect(Gate.admit(png(9, 9, 1), limits).whole).toBe(true);
  });

  test("frames are counted", () => {
    expect(Gate.admit(gif(4, 4, 7), limits).frames).toBe(7);
    expect(Gate.admit(vp8x(4, 4, 5), limits).frames).toBe(5);
  });
});

describe("what is refused, and as what", () => {
  test.each<[string, Uint8Array, Code | undefined]>([
    ["nothing at all", Buffer.alloc(0), "empty_file"],
    ["a byte too many", Buffer.alloc(limits.bytesMax + 1), "too_many_bytes"],
    ["text", Buffer.from("hello"), "unsupported_format"],
    ["PDF", Buffer.from("%PDF-1.7"), "unsupported_format"],
    ["a PNG of no width", png(0, 9), "corrupt_image"],
    ["a PNG of the longest side", png(16_384, 9), undefined],
    ["a PNG of a longer side", png(16_385, 9), "side_too_long"],
    ["a PNG of a higher side", png(9, 16_385), "side_too_long"],
    ["a PNG of 2,097,152 × 16, which passes a pixel limit", png(2_097_152, 16), "side_too_long"],
    ["a PNG of the most pixels", png(10_000, 5_000), undefined],
    ["a PNG of more pixels", png(10_000, 5_001), "too_many_pixels"],
    ["a PNG cut off in its header", png(9, 9).subarray(0, 20), "corrupt_image"],
    ["a PNG that starts with another chunk", bytesOf("\x89PNG\r\n\x1a\n", u32(0), "IDAT"), "corrupt_image"],
    ["a JPEG of 65,535 a side", jpeg(65_535, 65_535), "side_too_long"],
    ["a JPEG whose height comes later", jpeg(9, 0), "corrupt_image"],
    ["a JPEG of 12 bits", jpeg(9, 9, 0xc1, 12), "unsupported_codec"],
    ["a lossless JPEG", jpeg(9, 9, 0xc3), "unsupported_codec"],
    ["a JPEG without a frame", bytesOf([0xff, 0xd8, 0xff, 0xda, 0, 2]), "corrupt_image"],
    ["a JPEG segment that leads nowhere", bytesOf([0xff, 0xd8, 0xff, 0xe0, 0, 0]), "corrupt_image"],
    ["a WebP of 16,384 × 16,384", vp8x(16_384, 16_384, 0), "too_many_pixels"],
    ["a GIF without a picture", gif(9, 9, 0), "corrupt_image"],
    ["a GIF whose picture is larger than its screen", gif(9, 9, 1, 65_000), "side_too_long"],
    ["an AVIF without a size", box("ftyp", bytesOf("avif", u32(0))), "corrupt_image"],
    ["an AVIF of 6,000 × 6,000", heif("avif", "av1C", 6_000, 6_000), undefined],
    ["an AVIF of 6,000 × 6,001", heif("avif", "av1C", 6_000, 6_001), "too_many_pixels"],
    ["a picture in VVC", heif("avif", "vvcC", 9, 9), "unsupported_codec"],
  ])("%s", (_, bytes, code) => {
    expect(codeOf(bytes)).toBe(code);
  });

  test("a format that the settings leave out", () => {
    expect(codeOf(png(9, 9), { ...limits, formats: ["jpeg"] })).toBe("unsupported_format");
  });

  test("progressive files by a limit of their own", () => {
    const settings = { ...limits, progressivePixelsMax: 80 };
    expect(codeOf(png(9, 9), settings)).toBeUndefined();
    expect(codeOf(png(9, 9, 1), settings)).toBe("too_many_pixels");
    expect(codeOf(jpeg(9, 9, 0xc2), settings)).toBe("too_many_pixels");
  });

  test("frames only where more than the first is taken", () => {
    const settings = { ...limits, framesMax: 3, animatedPixelsMax: 30 };
    expect(codeOf(gif(4, 4, 1000))).toBeUndefined();
    expect(codeOf(gif(4, 1, 3), settings)).toBeUndefined();
    expect(codeOf(gif(4, 1, 4), settings)).toBe("too_many_frames");
    expect(codeOf(gif(4, 4, 2), settings)).toBe("too_many_pixels");
  });
});
