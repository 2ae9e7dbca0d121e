/**
 * Scores for the fit of the quality predictor: SSIMULACRA2 of parts of the corpus at the recipe's sizes, at several
 * settings of each encoder. `node bench/scores.ts FOLDER` appends to `FOLDER/scores.tsv`, and continues there after an
 * interruption; half an hour on one core. Then `node bench/fit.ts FOLDER --write`.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { inspect } from "../packages/core/src/engine/original.ts";
import { encodings, type Format, recipe } from "../packages/core/src/engine/recipe.ts";
import { rasters } from "../packages/core/src/engine/render.ts";
import { Settings } from "../packages/core/src/settings.ts";
import { corpus } from "./corpus.ts";
import { ssimulacra2, ssimulacra2Missing } from "./ssimulacra2.ts";

/** Settings to score. Between them the logarithm of the loss is about a straight line. */
const grid: Record<Format, readonly number[]> = {
  avif: [30, 50, 70, 85],
  webp: [50, 70, 80, 90],
  jpeg: [60, 80, 92],
};
/** Centre of each variant that is scored, in pixels: a whole 1920 × 1440 image takes 25 times as long. */
const part = { width: 384, height: 288 };
const limits = { ...Settings.pipelineDefaults, bytesMax: 2e8, pixelsMax: 1e8, decodeSecondsMax: 3000 };

const [folder] = process.argv.slice(2);
if (!folder) throw new Error("Name a folder: node bench/scores.ts FOLDER");
if (ssimulacra2Missing) throw new Error(ssimulacra2Missing);
mkdirSync(join(folder, "parts"), { recursive: true });
const file = join(folder, "scores.tsv");
const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n") : [];
const done = new Set(lines.map((line) => line.split("\t").slice(0, 3).join("\t")));

for (const { name, kind, isHeld, read } of corpus(folder)) {
  const widths = new Set<number>();
  for await (const { name: variant, raster } of rasters(
    await inspect(await read(), limits),
    limits,
    recipe,
  )) {
    // Variants of a small original may be identical.
    if (widths.has(raster.width)) continue;
    widths.add(raster.width);
    const path = join(folder, "parts", `${name.replaceAll(/\W+/g, "-")}@${variant}.png`);
    const { pixels, width, height, channels } = raster;
    const size = { width: Math.min(part.width, width), height: Math.min(part.height, height) };
    const [left, top] = [Math.floor((width - size.width) / 2), Math.floor((height - size.height) / 2)];
    const centre = sharp(pixels, { raw: { width, height, channels } }).extract({ left, top, ...size });
    await centre.flatten({ background: "#ffffff" }).png().toFile(path);
    for (const format of Object.keys(grid) as Format[]) {
      if (done.has(`${name}\t${variant}\t${format}`)) continue;
      const cells = [name, variant, format, kind, Number(isHeld), path, ...(await scoresOf(path, format))];
      appendFileSync(file, `${cells.join("\t")}\n`);
    }
  }
}

/** Encodes a part at each setting, and returns setting, bytes and score. */
async function scoresOf(path: string, format: Format): Promise<string[]> {
  const { data, info } = await sharp(path).raw().toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  const out: string[] = [];
  for (const quality of grid[format]) {
    const image = sharp(data, { raw: { width, height, channels: 3 } });
    const options = { ...encodings[format], quality };
    const bytes = await (format === "jpeg"
      ? image.jpeg({ ...options, quantisationTable: 3 })
      : image.toFormat(format, options)
    ).toBuffer();
    const after = await sharp(bytes).removeAlpha().raw().toBuffer();
    const score = await ssimulacra2({ data, width, height }, { data: after, width, height });
    out.push([quality, bytes.length, score?.toFixed(2)].join(":"));
  }
  return out;
}
