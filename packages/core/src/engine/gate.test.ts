import { describe, expect, test } from "vitest";
import { fixtures } from "../fixture.ts";
import { Settings } from "../settings.ts";
import {
  box,
  bytes,
  gif,
  heif,
  jpegHead,
  png,
  pngSignature,
  riff,
  tiff,
  times,
  u32,
  vp8x,
  webp,
} from "./fixture-bytes.ts";
import { sniff } from "./format.ts";
import { Gate } from "./gate.ts";
import type { Code, Rejection } from "./rejection.ts";

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
  ] as const)("%s is %s, under any name", async (name, format) => {
    expect(sniff(await fixtures[name]())).toBe(format);
  });

  test("HEIC is distinguished from AVIF by its brands, in any order", () => {
    expect(sniff(heif("heic", "hvcC", 1, 1))).toBe("heic");
    expect(sniff(heif("avif", "av1C", 1, 1))).toBe("avif");
    expect(sniff(box("ftyp", bytes("isom", u32(0), "mp42")))).toBeUndefined();
  });

  test("both byte orders of TIFF are known", () => {
    expect([sniff(bytes("II*\0")), sniff(bytes("MM\0*"))]).toEqual(["tiff", "tiff"]);
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
    expect(Gate.admit(png(9, 9, { interlace: 1 }), limits).whole).toBe(true);
  });

  test("frames are counted", () => {
    expect(Gate.admit(gif(4, 4, { frames: 7 }), limits).frames).toBe(7);
    expect(Gate.admit(webp(vp8x(4, 4, 2), times(5, riff("ANMF", [0]))), limits).frames).toBe(5);
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
    ["a PNG that starts with another chunk", bytes(pngSignature, u32(0), "IDAT"), "corrupt_image"],
    ["a JPEG of 65,535 a side", jpegHead(65_535, 65_535), "side_too_long"],
    ["a JPEG whose height comes later", jpegHead(9, 0), "corrupt_image"],
    ["a JPEG of 12 bits", jpegHead(9, 9, 0xc1, 12), "unsupported_codec"],
    ["a lossless JPEG", jpegHead(9, 9, 0xc3), "unsupported_codec"],
    ["a JPEG without a frame", bytes([0xff, 0xd8, 0xff, 0xda, 0, 2]), "corrupt_image"],
    ["a JPEG segment that leads nowhere", bytes([0xff, 0xd8, 0xff, 0xe0, 0, 0]), "corrupt_image"],
    ["a WebP of 16,384 × 16,384", webp(vp8x(16_384, 16_384)), "too_many_pixels"],
    ["a GIF without a picture", gif(9, 9, { frames: 0 }), "corrupt_image"],
    ["a GIF whose picture is larger than its screen", gif(9, 9, { frame: [65_000, 9] }), "side_too_long"],
    ["an AVIF without a size", box("ftyp", bytes("avif", u32(0))), "corrupt_image"],
    ["an AVIF of 6,000 × 6,000", heif("avif", "av1C", 6_000, 6_000), undefined],
    ["an AVIF of 6,000 × 6,001", heif("avif", "av1C", 6_000, 6_001), "too_many_pixels"],
    ["a HEIC of 8,160 × 6,120, the most of a phone", heif("heic", "hvcC", 8_160, 6_120), undefined],
    ["a HEIC of 8,192 × 6,144", heif("heic", "hvcC", 8_192, 6_144), "too_many_pixels"],
    ["a HEIC in AV1", heif("heic", "av1C", 9, 9), "unsupported_codec"],
    ["a TIFF of five channels", tiff({ 256: 9, 257: 9, 277: 5 }), undefined],
    ["a TIFF of six channels", tiff({ 256: 9, 257: 9, 277: 6 }), "unsupported_codec"],
    ["a TIFF in tiles of 1,024", tiff({ 256: 9, 257: 9, 322: 1_024, 323: 1_024 }), undefined],
    [
      "a TIFF in one tile that is too large",
      tiff({ 256: 9, 257: 9, 322: 8_000, 323: 8_000 }),
      "too_many_pixels",
    ],
    ["a TIFF of no size in a large tile", tiff({ 322: 8_000, 323: 8_000 }), "corrupt_image"],
    ["a picture in VVC", heif("avif", "vvcC", 9, 9), "unsupported_codec"],
  ])("%s", (_, file, code) => {
    expect(codeOf(file)).toBe(code);
  });

  test("a format that the settings leave out", () => {
    expect(codeOf(png(9, 9), { ...limits, formats: ["jpeg"] })).toBe("unsupported_format");
  });

  test("progressive files by a limit of their own", () => {
    const settings = { ...limits, progressivePixelsMax: 80 };
    expect(codeOf(png(9, 9), settings)).toBeUndefined();
    expect(codeOf(png(9, 9, { interlace: 1 }), settings)).toBe("too_many_pixels");
    expect(codeOf(jpegHead(9, 9, 0xc2), settings)).toBe("too_many_pixels");
  });

  test("frames only where more than the first is taken", () => {
    const settings = { ...limits, framesMax: 3, animatedPixelsMax: 30 };
    expect(codeOf(gif(4, 4, { frames: 1000 }), { ...limits, framesMax: 1 })).toBeUndefined();
    expect(codeOf(gif(4, 1, { frames: 3 }), settings)).toBeUndefined();
    expect(codeOf(gif(4, 1, { frames: 4 }), settings)).toBe("too_many_frames");
    expect(codeOf(gif(4, 4, { frames: 2 }), settings)).toBe("too_many_pixels");
  });
});
