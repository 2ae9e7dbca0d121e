/**
 * Compares recipes on the images that the fit of the quality predictor has not seen, whole: `node bench/recipes.ts
 * FOLDER`, with the folder of `bench/scores.ts`. Bytes and CPU are relative to the first recipe.
 */
import sharp, { type Sharp } from "sharp";
import { encode } from "../packages/core/src/engine/encode.ts";
import { inspect } from "../packages/core/src/engine/original.ts";
import { recipe, type Spec } from "../packages/core/src/engine/recipe.ts";
import { rasters } from "../packages/core/src/engine/render.ts";
import { clockOf } from "../packages/core/src/engine/sharp.ts";
import { Settings } from "../packages/core/src/settings.ts";
import { corpus, type Kind } from "./corpus.ts";
import { cpuSince, mean, sum, table } from "./measure.ts";
import type { Pixels } from "./similarity.ts";
import { ssimulacra2, ssimulacra2Missing } from "./ssimulacra2.ts";

type Way = { title: string; spec: Pick<Spec, "formats" | "quality" | "encode"> };
type File = { way: string; kind: Kind; bytes: number; cpu: number; score: number };

const ways: Way[] = [
  { title: "WebP q80", spec: { formats: ["webp"], quality: 80 } },
  ...[70, 74, 76, 78].map((ssimulacra2) => ({
    title: `AVIF for ${ssimulacra2}`,
    spec: { formats: ["avif"] as const, quality: { ssimulacra2 } },
  })),
  { title: "WebP for 76", spec: { formats: ["webp"], quality: { ssimulacra2: 76 } } },
  { title: "JPEG q80", spec: { formats: ["jpeg"], quality: 80 } },
];
const limits = { ...Settings.pipelineDefaults, bytesMax: 2e8, pixelsMax: 1e8, decodeSecondsMax: 3000 };

const [folder] = process.argv.slice(2);
if (!folder) throw new Error("Name a folder: node bench/recipes.ts FOLDER");
if (ssimulacra2Missing) throw new Error(ssimulacra2Missing);

const files: File[] = [];
const decodes: { kind: Kind; cpu: number }[] = [];
for (const { kind, isHeld, read } of corpus(folder)) {
  if (!isHeld) continue;
  const bytes = await read();
  let start = process.cpuUsage();
  const original = await inspect(bytes, limits);
  let cpu = 0;
  for await (const { spec, size, raster } of rasters(original, limits, recipe)) {
    cpu += cpuSince(start);
    const [left, top] = [
      Math.floor((raster.width - size.width) / 2),
      Math.floor((raster.height - size.height) / 2),
    ];
    const { pixels, width, height, channels } = raster;
    const before = await plain(
      sharp(pixels, { raw: { width, height, channels } }).extract({ left, top, ...size }),
    );
    for (const { title, spec: how } of ways) {
      start = process.cpuUsage();
      const [file] = await encode(
        raster,
        size,
        { ...spec, ...how, crop: "centre" },
        original,
        clockOf(limits),
      );
      const spent = cpuSince(start);
      const score = (await ssimulacra2(before, await plain(sharp(file.bytes)))) ?? Number.NaN;
      files.push({ way: title, kind, bytes: file.bytes.length, cpu: spent, score });
    }
    start = process.cpuUsage();
  }
  decodes.push({ kind, cpu });
}

for (const kind of ["photo", "art", "drawing"] as const) {
  const images = decodes.filter((each) => each.kind === kind);
  const decode = sum(images.map(({ cpu }) => cpu));
  const of = (title: string) => files.filter((file) => file.kind === kind && file.way === title);
  const [first] = ways.map(({ title }) => of(title));
  const total = (all: File[] = [], field: "bytes" | "cpu") => sum(all.map((file) => file[field]));
  console.log(`${images.length} images of the kind ${kind}:\n`);
  const rows = ways.map(({ title }) => {
    const all = of(title);
    const scores = all.map(({ score }) => score).sort((a, b) => a - b);
    return [
      title,
      (total(all, "bytes") / total(first, "bytes")).toFixed(2),
      ((decode + total(all, "cpu")) / (decode + total(first, "cpu"))).toFixed(2),
      mean(scores).toFixed(1),
      (scores[Math.floor(scores.length / 20)] ?? 0).toFixed(1),
      (scores[0] ?? 0).toFixed(1),
    ];
  });
  console.log(`${table(["recipe", "bytes", "CPU", "score, mean", "worst of 20", "worst"], rows)}\n`);
}

/** Decoded, on white. */
async function plain(image: Sharp): Promise<Pixels> {
  const flat = image.flatten({ background: "#ffffff" }).toColourspace("srgb").removeAlpha();
  const { data, info } = await flat.raw().toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height };
}
