/** The engine's output compared with that of Chromium and Pillow, on generated files. */
import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  chartAvif,
  chartPng,
  chrm,
  cicp,
  colours,
  gama,
  placeOf,
} from "@image-pipeline/core/engine/fixture-colour";
import { damaged } from "@image-pipeline/core/engine/fixture-damage";
import type { Rejection } from "@image-pipeline/core/engine/rejection";
import { render } from "@image-pipeline/core/engine/render";
import { photo } from "@image-pipeline/core/fixture";
import { randomFrom } from "@image-pipeline/core/fixture-random";
import { Settings } from "@image-pipeline/core/settings";
import type { Page } from "playwright-core";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startBrowser } from "../browser.fixture.ts";
import { debianPython, describeWith, lacks } from "../needs.ts";

type Pixels = { width: number; height: number; data: number[] };

describeWith("chromium", "in Chromium", () => {
  let page: Page;
  let close: () => Promise<void>;

  beforeAll(async () => {
    const browser = await startBrowser();
    close = browser.close;
    page = await browser.context.newPage();
  });
  afterAll(() => close());

  /** A file's pixels (RGBA) as Chromium decodes them; undefined where it cannot. */
  const shown = (file: Buffer, type: string): Promise<Pixels | undefined> =>
    page.evaluate(
      async (url) => {
        const image = new Image();
        image.src = url;
        try {
          await image.decode();
        } catch {
          return undefined;
        }
        const canvas = document.createElement("canvas");
        [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
        const context = canvas.getContext("2d", { colorSpace: "srgb" });
        context?.drawImage(image, 0, 0);
        const data = context?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
        return { width: canvas.width, height: canvas.height, data: [...data] };
      },
      urlOf(file, type),
    );

  const urlOf = (file: Buffer, type: string) => `data:${type};base64,${file.toString("base64")}`;

  /** Returns true if Chromium decodes a file. */
  const loads = (file: Buffer): Promise<boolean> =>
    page.evaluate(
      async (url) => {
        const image = new Image();
        image.src = url;
        return image.decode().then(
          () => true,
          () => false,
        );
      },
      urlOf(file, "image/jpeg"),
    );

  describe("colours are within ΔE 4", () => {
    const codings = [1, 9, 12].flatMap((primaries) =>
      [1, 4, 8, 13, 16, 18].map((transfer) => [primaries, transfer] as const),
    );

    test.each(codings)("PNG with cICP %i/%i", async (primaries, transfer) => {
      expect(await farthest(chartPng(cicp(primaries, transfer), 16), "image/png")).toBeLessThan(4);
    });

    test.each([
      ["gAMA 1", gama(1)],
      ["gAMA 0.3", gama(0.3)],
      [
        "gAMA and cHRM of Display P3",
        Buffer.concat([gama(0.5), chrm(0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)]),
      ],
    ])("PNG with %s", async (_, before) => {
      expect(await farthest(chartPng(before), "image/png")).toBeLessThan(4);
    });

    // Colours near grey: the most saturated ones are outside of sRGB, where a step of the decoded YCbCr is worth more.
    test.each(codings)("AVIF with nclx %i/%i", async (primaries, transfer) => {
      expect(await farthest(await chartAvif(primaries, transfer), "image/avif", 0.5)).toBeLessThan(4);
    });

    test("CMYK without a profile", async () => {
      const plain = await photo({ width: 100, height: 20, format: "png" });
      const file = await sharp(plain)
        .toColourspace("cmyk")
        .jpeg({ quality: 100, chromaSubsampling: "4:4:4" })
        .toBuffer();
      expect(await farthest(file, "image/jpeg")).toBeLessThan(4);
    });

    /** The greatest distance of a square of the chart, of colours whose channels are at most `spread` apart. */
    async function farthest(file: Buffer, type: string, spread = 1): Promise<number> {
      const theirs = await shown(file, type);
      if (!theirs) throw new Error(`Chromium cannot decode this ${type}.`);
      const { variants } = await render(file, Settings.pipelineDefaults, {
        it: { width: 1920, fit: "inside", formats: ["avif"], encode: { avif: { quality: 100, effort: 0 } } },
      });
      const { data, info } = await sharp(variants[0]?.files[0].bytes)
        .removeAlpha()
        .raw()
        .toBuffer({ resolveWithObject: true });
      const distances = colours.map((colour, i) => {
        if (Math.max(...colour) - Math.min(...colour) > spread) return 0;
        const { x, y } = placeOf(i);
        const at = y * theirs.width + x;
        return apart(theirs.data.slice(at * 4, at * 4 + 3), [
          ...data.subarray((y * info.width + x) * 3).subarray(0, 3),
        ]);
      });
      return Math.max(...distances);
    }
  });

  const lack = lacks("pillow");
  describe.skipIf(lack)(`damage${lack ?? ""}`, () => {
    let folder: string;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "image-damage-"));
    });
    afterAll(() => rm(folder, { recursive: true }));

    /** Returns which of the files Pillow decodes without an error. */
    const decoded = async (files: readonly Buffer[]): Promise<boolean[]> => {
      for (const [i, file] of files.entries()) await writeFile(join(folder, `${i}.jpg`), file);
      const script = `
import sys
from PIL import Image
for i in range(${files.length}):
    try:
        Image.open(f"{sys.argv[1]}/{i}.jpg").load()
        print(1)
    except Exception:
        print(0)`;
      const { stdout } = spawnSync(debianPython, ["-c", script, folder]);
      return stdout
        .toString()
        .trim()
        .split("\n")
        .map((line) => line === "1");
    };

    test("a file that both decode completely is never corrupt", async () => {
      const seed = 14;
      const random = randomFrom(seed);
      const files: [string, Buffer][] = [];
      for (const [name, make] of Object.entries(damaged)) files.push([name, await make()]);
      const whole = await photo({ width: 160, height: 120 });
      const scan = whole.indexOf(Buffer.from([0xff, 0xda]));
      for (let i = 0; i < 40; i++) {
        const file = Buffer.from(whole);
        // In the image's data, or anywhere after the first two bytes.
        const from = i % 2 ? scan + 12 : 3;
        for (let n = 0; n < 1 + (i % 3); n++)
          file[from + Math.floor(random() * (file.length - from))] = random() * 256;
        files.push([`seed ${seed}, file ${i}`, file]);
      }
      const pillow = await decoded(files.map(([, file]) => file));
      expect(pillow).toHaveLength(files.length);
      let both = 0;
      for (const [i, [name, file]] of files.entries()) {
        if (!pillow[i] || !(await loads(file))) continue;
        both++;
        const code = await render(file, Settings.pipelineDefaults).then(
          () => "ready",
          (error: Rejection) => error.code,
        );
        expect([name, code]).toEqual([name, "ready"]);
      }
      expect(both).toBeGreaterThan(20);
    });
  });
});

/** The distance of two colours in CIELAB (ΔE*ab, 1976). */
function apart(one: readonly number[], other: readonly number[]): number {
  const [a, b] = [labOf(one), labOf(other)];
  return Math.hypot(...a.map((value, i) => value - (b[i] ?? 0)));
}

function labOf(rgb: readonly number[]): number[] {
  const [red = 0, green = 0, blue = 0] = rgb.map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  const curve = (t: number) => (t > 216 / 24_389 ? Math.cbrt(t) : ((24_389 / 27) * t + 16) / 116);
  const x = curve((0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505);
  const y = curve(0.2126 * red + 0.7152 * green + 0.0722 * blue);
  const z = curve((0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}
