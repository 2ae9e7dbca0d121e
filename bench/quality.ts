/**
 * Loss of deriving small variants from larger ones: the engine's pixels against each size made from the original. Loss
 * of encoding: the recipe's files against the engine's pixels.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp, { type Sharp } from "sharp";
import { inspect } from "../packages/core/src/engine/original.ts";
import { type Name, recipe, type Spec } from "../packages/core/src/engine/recipe.ts";
import { rasters, render } from "../packages/core/src/engine/render.ts";
import type { Raster } from "../packages/core/src/engine/sharp.ts";
import { Settings } from "../packages/core/src/settings.ts";
import { mean as average, table } from "./measure.ts";
import { animation, photos, provenance, screenshot } from "./photos.ts";
import { difference, type Pixels, ssim, type Tile } from "./similarity.ts";
import { ssimulacra2, ssimulacra2Missing } from "./ssimulacra2.ts";

const limits = { ...Settings.pipelineDefaults, bytesMax: 100_000_000, decodeSecondsMax: 300 };
const targets = { ssim: 0.99, tile: 2.3 };

type Encoded = { name: Name; bytes: number; ssim: number; ssimulacra2: number | undefined };
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
  const written: (string | number)[][] = [];
  for (const [original, files] of corpus) {
    const all: Compared[] = [];
    const encoded: Encoded[] = [];
    for (const bytes of files) encoded.push(...(await encodedOf(bytes)));
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
      const made = encoded.filter((each) => each.name === name);
      const scores = made.flatMap((each) => each.ssimulacra2 ?? []);
      written.push([
        original,
        `${name} (${made.length})`,
        (average(made.map(({ bytes }) => bytes)) / 1000).toFixed(1),
        average(made.map((each) => each.ssim)).toFixed(4),
        ...(scores.length > 0 ? [average(scores).toFixed(1), Math.min(...scores).toFixed(1)] : ["–", "–"]),
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
    "",
    "The recipe's files, decoded, against the same pixels before encoding:",
    "",
    table(["original", "variant (images)", "KB", "SSIM, mean", "SSIMULACRA2, mean", "worst"], written),
    "",
    ssimulacra2Missing,
  ]
    .join("\n")
    .trim();
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

/** Encodes all variants by the recipe, and compares the first file of each with its pixels before encoding. */
async function encodedOf(bytes: Buffer): Promise<Encoded[]> {
  const centred = Object.fromEntries(
    Object.entries<Spec>(recipe).map(([name, spec]) => [name, { ...spec, crop: "centre" as const }]),
  );
  const { variants } = await render(bytes, limits, centred);
  const out: Encoded[] = [];
  for await (const { name, size, raster } of rasters(await inspect(bytes, limits), limits, recipe)) {
    const { pixels, width, height, channels } = raster;
    const file = variants.find((variant) => variant.name === name)?.files[0];
    if (!file) throw new Error(`The engine rendered no ${name}.`);
    const [left, top] = [Math.floor((width - size.width) / 2), Math.floor((height - size.height) / 2)];
    const whole = sharp(pixels, { raw: { width, height, channels } });
    const [before, after] = [
      await plain(whole.extract({ left, top, ...size })),
      await plain(sharp(file.bytes)),
    ];
    const score = await ssimulacra2(before, after);
    out.push({ name, bytes: file.bytes.length, ssim: ssim(before, after), ssimulacra2: score });
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
