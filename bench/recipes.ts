/**
 * Compares recipes, and the defaults of peers, on the images that the fit of the quality predictor has not seen, whole:
 * `npm run bench:recipes -- FOLDER [EVERY [WAYS]]`, with the folder of `bench/scores.ts`. Measures one image in EVERY (1),
 * and the recipes whose title matches the regular expression WAYS. Writes results to `FOLDER/recipes.jsonl`, and
 * continues there. Bytes and CPU are relative to the first recipe for the same images. CPU contains the decoder of the
 * original and the reductions.
 */
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import sharp, { type Sharp } from "sharp";
import { encode } from "../packages/core/src/engine/encode.ts";
import { inspect } from "../packages/core/src/engine/original.ts";
import { recipe, type Spec } from "../packages/core/src/engine/recipe.ts";
import { rasters } from "../packages/core/src/engine/render.ts";
import { clockOf } from "../packages/core/src/engine/sharp.ts";
import { Settings } from "../packages/core/src/settings.ts";
import { corpus, type Item, type Kind } from "./corpus.ts";
import { cpuSince, mean, sum, table } from "./measure.ts";
import type { Pixels } from "./similarity.ts";
import { ssimulacra2, ssimulacra2Missing } from "./ssimulacra2.ts";

/** A recipe's encoding, or another program's. */
type Way = { spec: Pick<Spec, "formats" | "quality" | "encode"> } | { save(image: Sharp): Sharp };
type File = { way: string; size: string; bytes: number; cpu: number; decode: number; score: number };
/** Results of one image. `cpu` of the decoder and the reductions, in milliseconds. */
type Result = { name: string; kind: Kind; cpu: number; files: File[] };

const scored = (format: "avif" | "webp", ssimulacra2: number): Way => ({
  spec: { formats: [format], quality: { ssimulacra2 } },
});
const ways: Record<string, Way> = {
  "WebP q80": { spec: { formats: ["webp"], quality: 80 } },
  "AVIF for 70": scored("avif", 70),
  "AVIF for 71": scored("avif", 71),
  "AVIF for 74": scored("avif", 74),
  "WebP for 74": scored("webp", 74),
  "AVIF q51": { spec: { formats: ["avif"], quality: 51 } },
  "JPEG q80": { spec: { formats: ["jpeg"], quality: 80 } },
  "sharp's WebP": { save: (image) => image.webp() },
  "sharp's AVIF": { save: (image) => image.avif() },
  "sharp's JPEG": { save: (image) => image.jpeg() },
  // Defaults of its documentation (IMGPROXY_FORMAT_QUALITY, IMGPROXY_AVIF_SPEED), by the same libvips as here.
  "imgproxy's WebP": { save: (image) => image.webp({ quality: 79 }) },
  "imgproxy's AVIF": { save: (image) => image.avif({ quality: 63, effort: 1, chromaSubsampling: "4:2:0" }) },
  "imgproxy's JPEG": { save: (image) => image.jpeg({ quality: 80 }) },
};
const limits = { ...Settings.pipelineDefaults, bytesMax: 2e8, pixelsMax: 1e8, decodeSecondsMax: 3000 };

const [folder, every = "1", pattern = ""] = process.argv.slice(2);
if (!folder) throw new Error("Name a folder: npm run bench:recipes -- FOLDER");
if (ssimulacra2Missing) throw new Error(ssimulacra2Missing);

const path = join(folder, "recipes.jsonl");
const lines = existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : [];
const results: Result[] = lines.filter(Boolean).map((line) => JSON.parse(line));
const wanted = corpus(folder).filter(({ isHeld }) => isHeld);
const selected = Object.entries(ways).filter(([way]) => new RegExp(pattern).test(way));
for (const [i, item] of wanted.entries()) {
  if (i % Number(every) !== 0) continue;
  const done = results.filter(({ name }) => name === item.name).flatMap(({ files }) => files);
  const open = selected.filter(([way]) => !done.some((file) => file.way === way));
  if (open.length === 0) continue;
  const result = await measure(item, open);
  appendFileSync(path, `${JSON.stringify(result)}\n`);
  results.push(result);
}
for (const kind of ["photo", "art", "drawing"] as const) report(kind);

/** Encodes every size of an image in every way. */
async function measure({ name, kind, read }: Item, open: [string, Way][]): Promise<Result> {
  const bytes = await read();
  const files: File[] = [];
  let start = process.cpuUsage();
  const original = await inspect(bytes, limits);
  let cpu = 0;
  for await (const { name: variant, spec, size, raster } of rasters(original, limits, recipe)) {
    cpu += cpuSince(start);
    const { pixels, width, height, channels } = raster;
    const [left, top] = [Math.floor((width - size.width) / 2), Math.floor((height - size.height) / 2)];
    const cut = await sharp(pixels, { raw: { width, height, channels } })
      .extract({ left, top, ...size })
      .raw()
      .toBuffer();
    const image = () => sharp(cut, { raw: { ...size, channels } });
    const before = await plain(image());
    for (const [way, how] of open) {
      start = process.cpuUsage();
      const file = await made(how);
      const spent = cpuSince(start);
      start = process.cpuUsage();
      await sharp(file).raw().toBuffer();
      const decode = cpuSince(start);
      const score = (await ssimulacra2(before, await plain(sharp(file)))) ?? Number.NaN;
      files.push({ way, size: variant, bytes: file.length, cpu: spent, decode, score });
    }
    start = process.cpuUsage();

    async function made(how: Way): Promise<Buffer> {
      if ("save" in how) return how.save(image()).toBuffer();
      const whole = { ...spec, ...how.spec, crop: "centre" as const };
      const [file] = await encode(raster, size, whole, original, clockOf(limits));
      return file.bytes;
    }
  }
  return { name, kind, cpu, files };
}

/** Prints the table of one kind of image. */
function report(kind: Kind): void {
  const all = results.filter((each) => each.kind === kind);
  const common = new Map(all.map(({ name, cpu }) => [name, cpu]));
  const [base = ""] = Object.keys(ways);
  const rows = Object.keys(ways).flatMap((way) => {
    const names = all.filter(({ files }) => files.some((file) => file.way === way)).map(({ name }) => name);
    if (names.length === 0) return [];
    const of = (title: string) =>
      all
        .filter(({ name }) => names.includes(name))
        .flatMap(({ files }) => files)
        .filter((file) => file.way === title);
    const [made, usual] = [of(way), of(base)];
    const decoders = sum(names.map((name) => common.get(name) ?? 0));
    const ratio = (field: "bytes" | "cpu" | "decode", more = 0) =>
      (
        (more + sum(made.map((file) => file[field]))) /
        (more + sum(usual.map((file) => file[field])))
      ).toFixed(2);
    const scores = made.map(({ score }) => score).sort((a, b) => a - b);
    return [
      [
        `${way} (${names.length})`,
        ratio("bytes"),
        ratio("cpu", decoders),
        ratio("decode"),
        mean(scores).toFixed(1),
        (scores[Math.floor(scores.length / 20)] ?? 0).toFixed(1),
        (scores[0] ?? 0).toFixed(1),
      ],
    ];
  });
  const head = ["recipe (images)", "bytes", "CPU", "CPU to decode", "score, mean", "worst of 20", "worst"];
  console.log(`Kind of image: ${kind}\n\n${table(head, rows)}\n`);
}

/** Decodes an image on white. */
async function plain(image: Sharp): Promise<Pixels> {
  const flat = image.flatten({ background: "#ffffff" }).toColourspace("srgb").removeAlpha();
  const { data, info } = await flat.raw().toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height };
}
