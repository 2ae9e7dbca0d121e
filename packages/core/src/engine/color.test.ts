import { deflateSync } from "node:zlib";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { photo } from "../fixture.ts";
import { Settings } from "../settings.ts";
import { Color } from "./color.ts";
import { bytes, chunk } from "./fixture-bytes.ts";
import { chartAvif, chartPng, chartSize, chrm, cicp, colours, gama, placeOf } from "./fixture-colour.ts";
import type { Spec } from "./recipe.ts";
import { render } from "./render.ts";

const recipe = {
  it: { width: 1920, fit: "inside", formats: ["avif"], encode: { avif: { quality: 100, effort: 0 } } },
} as const satisfies Record<string, Spec>;

describe("colours that a file signals by number are converted to sRGB", () => {
  const p3 = [0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06];
  const icc = async () => {
    const { icc = Buffer.alloc(0) } = await sharp(await photo({ ...chartSize, profile: "p3" })).metadata();
    return chunk("iCCP", bytes("p3\0\0", deflateSync(icc)));
  };
  const srgb = chunk("sRGB", bytes([0]));

  // [0.75, 0.5, 0.3] in each coding, as Chromium 156 shows it.
  test.each([
    ["nothing", () => Buffer.alloc(0), [191, 128, 77]],
    ["cICP Display P3", () => cicp(12, 13), [202, 124, 66]],
    ["cICP BT.2020", () => cicp(9, 13), [222, 117, 64]],
    ["cICP BT.709 with the curve of television", () => cicp(1, 1), [187, 121, 66]],
    ["cICP linear", () => cicp(1, 8), [224, 188, 149]],
    ["cICP of the full range alone", () => chunk("cICP", bytes([12, 13, 0, 0])), [191, 128, 77]],
    ["cICP without a transfer function", () => cicp(9, 2), [191, 128, 77]],
    ["gAMA", () => gama(1), [224, 188, 149]],
    ["gAMA and cHRM", () => bytes(gama(0.45455), chrm(...p3)), [203, 125, 64]],
    ["cHRM alone", () => chrm(...p3), [191, 128, 77]],
    ["sRGB before gAMA and cHRM", () => bytes(srgb, gama(1), chrm(...p3)), [191, 128, 77]],
    ["cICP before iCCP", async () => bytes(cicp(1, 8), await icc()), [224, 188, 149]],
    ["iCCP before gAMA", async () => bytes(await icc(), gama(1)), [202, 124, 66]],
  ])("PNG: %s", async (_, before, wanted) => {
    expect(await apart(chartPng(await before()), [0.75, 0.5, 0.3], wanted)).toBeLessThan(4);
  });

  test.each([
    ["diffuse white of PQ is half of the light of sRGB's white", 16, 0.581, 188],
    ["1,000 nits of PQ are white", 16, 0.752, 255],
    ["diffuse white of HLG, too", 18, 0.75, 188],
    ["the peak of HLG is white", 18, 1, 255],
  ])("%s", (_, transfer, value, wanted) => {
    const grey = Math.round(value * 65_535);
    const coding = Color.fromCodes(9, transfer);
    if (!coding) throw new Error("PQ and HLG are known.");
    const [red = 0, green, blue] = Color.toSrgb(Uint16Array.from([grey, grey, grey]), 3, coding);
    expect([green, blue]).toEqual([red, red]);
    expect(Math.abs(red - wanted)).toBeLessThan(3);
  });

  test("AVIF: nclx", async () => {
    expect(await apart(await chartAvif(1, 13), [0.75, 0.5, 0.3], [191, 128, 77])).toBeLessThan(6);
    expect(await apart(await chartAvif(9, 13), [0.75, 0.5, 0.3], [222, 117, 64])).toBeLessThan(6);
  });

  test("16 bits and an alpha channel are kept", () => {
    const coding = Color.fromCodes(12, 13);
    if (!coding) throw new Error("Display P3 is known.");
    const made = Color.toSrgb(Uint16Array.from([65_535, 65_535, 65_535, 32_768]), 4, coding);
    expect([...made]).toEqual([255, 255, 255, 128]);
  });

  /** Returns the largest channel difference between the chart's square of a colour and the wanted colour. */
  async function apart(file: Buffer, colour: readonly number[], wanted: readonly number[]): Promise<number> {
    const { variants } = await render(file, Settings.pipelineDefaults, recipe);
    const { data, info } = await sharp(variants[0]?.files[0].bytes)
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    const { x, y } = placeOf(colours.findIndex((each) => each.join() === colour.join()));
    const at = (y * info.width + x) * 3;
    return Math.max(...wanted.map((value, i) => Math.abs((data[at + i] ?? 0) - value)));
  }
});
