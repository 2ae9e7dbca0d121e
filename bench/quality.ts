/** Loss of deriving small variants from larger ones: the engine's pixels against each size made from the original. */
import { mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp, { type Sharp } from "sharp";
import { inspect } from "../packages/core/src/engine/original.ts";
import { type Name, recipe } from "../packages/core/src/engine/recipe.ts";
import { rasters } from "../packages/core/src/engine/render.ts";
import type { Raster } from "../packages/core/src/engine/sharp.ts";
import { Settings } from "../packages/core/src/settings.ts";
import { mean as average, table } from "./measure.ts";
import { animation, photos, provenance, screenshot } from "./photos.ts";
import { difference, type Pixels, ssim, type Tile } from "./similarity.ts";

const limits = { ...Settings.pipelineDefaults, bytesMax: 100_000_000, decodeSecondsMax: 300 };
const targets = { ssim: 0.99, tile: 2.3 };

type Compared = { name: Name; ssim: number; mean: number; tile: number };

/** Compares all variants and returns the table. */
export async function run(): Promise<string> {
  const corpus: [string, Buffer[]][] = [];
  for (const megapixels of [12, 24, 48])
    corpus.push([`${megapixels} MP JPEG`, await photos(megapixels, { most: megapixels > 12 ? 3 : 8 })]);
  corpus.push(["12 MP JPEG, Display-P3", await photos(12, { profile: "p3", most: 3 })]);
  corpus.push(["screenshot with alpha", [await screenshot()]], ["GIF, first frame", [await animation()]]);
  const dir = join(tmpdir(), "image-pipeline-quality");
  mkdirSync(dir, { recursive: true });

  const rows: (string | number)[][] = [];
  for (const [original, files] of corpus) {
    const all: Compared[] = [];
    for (const [i, bytes] of files.entries())
      all.push(...(await compare(bytes, join(dir, `${original.replaceAll(/\W+/g, "-")}-${i}`))));
    for (const name of Object.keys(recipe) as Name[]) {
      const of = all.filter((each) => each.name === name);
      if (of.length === 0) continue;
      const least = Math.min(...of.map((each) => each.ssim));
      const tile = Math.max(...of.map((each) => each.tile));
      rows.push([
        original,
        `${name} (${of.length})`,
        average(of.map((each) => each.ssim)).toFixed(4),
        marked(least.toFixed(4), least >= targets.ssim),
        average(of.map((each) => each.mean)).toFixed(2),
        marked(tile.toFixed(2), tile <= targets.tile),
      ]);
    }
  }
  return [
    `Pixels before encoding, against the original reduced in one step with Lanczos-3 (${provenance()}; targets: SSIM of`,
    `each photo ≥ ${targets.ssim}, ΔE of each tile ≤ ${targets.tile}):`,
    "",
    table(["original", "variant (images)", "SSIM, mean", "SSIM, worst", "ΔE, mean", "ΔE, worst tile"], rows),
    "",
    "SSIM of luma in windows of 11 px (σ 1.5). ΔE: CIE 1976 per pixel; 2.3 is just noticeable between two even areas. The",
    "worst tile is the largest mean of 64 × 64 pixels. Pairs of the worst tiles (direct, derived) are written at twice",
    "their size to image-pipeline-quality in the temporary folder.",
  ].join("\n");
}

/** Compares all variants of one image and writes the pair of its worst tile. */
async function compare(bytes: Buffer, path: string): Promise<Compared[]> {
  const whole = await plain(sharp(bytes, { limitInputPixels: false }).autoOrient());
  const original = await inspect(bytes, limits);
  const out: Compared[] = [];
  // Rendered before comparing, because the engine's timeout runs meanwhile.
  const made: { name: Name; raster: Raster }[] = [];
  for await (const step of rasters(original, limits, recipe)) made.push(step);
  for (const { name, raster } of made) {
    const { pixels: data, width, height, channels } = raster;
    if (width === whole.width) continue;
    const derived = await plain(sharp(data, { raw: { width, height, channels } }));
    const direct = await plain(
      open(whole).resize(width, height, { fit: "fill", kernel: "lanczos3", fastShrinkOnLoad: false }),
    );
    const { mean, worst } = difference(direct, derived, 64);
    writeFileSync(`${path}-${name}.png`, await pairOf([direct, derived], worst));
    out.push({ name, ssim: ssim(direct, derived), mean, tile: worst.mean });
  }
  return out;
}

/** Decoded, in sRGB, on white. */
async function plain(picture: Sharp): Promise<Pixels> {
  const flat = picture.flatten({ background: "#ffffff" }).toColourspace("srgb").removeAlpha();
  const { data, info } = await flat.raw().toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height };
}

const open = ({ data, width, height }: Pixels) => sharp(data, { raw: { width, height, channels: 3 } });

/** Places the tile of both images side by side at twice its size. */
async function pairOf(sides: Pixels[], { left, top, width, height }: Tile): Promise<Buffer> {
  const [w, h] = [2 * width, 2 * height];
  const cuts = sides.map((side) =>
    open(side).extract({ left, top, width, height }).resize(w, h, { kernel: "cubic" }).png().toBuffer(),
  );
  const beside = (await Promise.all(cuts)).map((input, i) => ({ input, left: i * (w + 8), top: 0 }));
  const canvas = { create: { width: 2 * w + 8, height: h, channels: 3 as const, background: "#fff" } };
  return sharp(canvas).composite(beside).png().toBuffer();
}

const marked = (figure: string, met: boolean) => (met ? figure : `**${figure}**`);
