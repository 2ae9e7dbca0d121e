/**
 * The sources of lazy files: how much worse a file is that is made from a stored variant than from the original, and how
 * much CPU that saves. `node bench/lazy.ts`; the scores need SSIMULACRA2.
 */
import sharp from "sharp";
import { inspect } from "../packages/core/src/engine/original.ts";
import { plan } from "../packages/core/src/engine/plan.ts";
import type { Format, recipe, Spec } from "../packages/core/src/engine/recipe.ts";
import { rasters, render, renderFile } from "../packages/core/src/engine/render.ts";
import { Settings } from "../packages/core/src/settings.ts";
import { cpuSince, mean, median, table } from "./measure.ts";
import { photos } from "./photos.ts";
import { ssimulacra2, ssimulacra2Missing } from "./ssimulacra2.ts";

if (ssimulacra2Missing) throw new Error(ssimulacra2Missing);
const limits = Settings.pipelineDefaults;

/** Width and format of a lazy file, and the variants to make it from. */
const cases: [width: number, format: Format, from: (keyof typeof recipe)[]][] = [
  [320, "webp", ["small", "medium"]],
  [640, "webp", ["medium", "large"]],
  [720, "webp", ["medium", "large"]],
  [960, "webp", ["medium", "large"]],
  [1080, "jpeg", ["medium", "large"]],
  [1440, "webp", ["large"]],
];
/** The part of a file that is scored, in pixels: a whole one takes long. */
const part = { width: 320, height: 240 };

const rows = new Map<string, { ratio: number; score: number[]; loss: number[]; cpu: number[] }>();
for (const bytes of await photos(12)) {
  const { variants, source } = await render(Buffer.from(bytes), limits);
  for (const [width, format, from] of cases) {
    const spec: Spec = { width, fit: "inside", formats: [format] };
    const [{ size } = { size: source }] = plan(source, { only: spec });
    const original = await inspect(Buffer.from(bytes), limits);
    let whole: Buffer | undefined;
    for await (const { raster } of rasters(original, limits, { only: spec })) whole = await centre(raster);
    if (!whole) throw new Error("The image has no raster.");
    const scoreOf = async (input: Buffer): Promise<[score: number, cpu: number]> => {
      const before = process.cpuUsage();
      const file = await renderFile(Buffer.from(input), { spec, format, size }, limits, {});
      const cpu = cpuSince(before);
      const { data, info } = await sharp(file.bytes).raw().toBuffer({ resolveWithObject: true });
      const seen = await centre({ pixels: data, ...info });
      const score = await ssimulacra2({ data: whole, ...part }, { data: seen, ...part });
      return [score ?? Number.NaN, cpu];
    };
    const [best, most] = await scoreOf(bytes);
    note(`${width} ${format} from the original`, source.width / width, best, 0, most);
    for (const name of from) {
      const stored = variants.find((variant) => variant.name === name);
      if (!stored) throw new Error(`There is no ${name}.`);
      const [score, cpu] = await scoreOf(stored.files[0].bytes);
      note(`${width} ${format} from \`${name}\``, stored.width / width, score, best - score, cpu);
    }
  }
}

function note(name: string, ratio: number, score: number, loss: number, cpu: number): void {
  const row = rows.get(name) ?? { ratio, score: [], loss: [], cpu: [] };
  row.score.push(score);
  row.loss.push(loss);
  row.cpu.push(cpu);
  rows.set(name, row);
}

/** Returns the middle of an image as RGB. */
async function centre({
  pixels,
  width,
  height,
  channels,
}: {
  pixels: Buffer;
  width: number;
  height: number;
  channels: number;
}): Promise<Buffer> {
  const raw = { width, height, channels: channels as 3 | 4 };
  const [left, top] = [Math.floor((width - part.width) / 2), Math.floor((height - part.height) / 2)];
  const image = sharp(pixels, { raw });
  if (width < part.width || height < part.height)
    return image
      .resize({ ...part, fit: "fill" })
      .removeAlpha()
      .raw()
      .toBuffer();
  return image
    .extract({ left: Math.max(0, left), top: Math.max(0, top), ...part })
    .removeAlpha()
    .raw()
    .toBuffer();
}

console.log(
  table(
    ["file", "ratio of widths", "SSIMULACRA2", "loss", "worst loss", "CPU, ms"],
    [...rows].map(([name, { ratio, score, loss, cpu }]) => [
      name,
      ratio.toFixed(2),
      mean(score).toFixed(1),
      mean(loss).toFixed(1),
      Math.max(...loss).toFixed(1),
      Math.round(median(cpu)),
    ]),
  ),
);
