/**
 * What an image costs over its life by how its variants are written: CPU once, storage every month, bytes on every
 * view. docs/lifetime.md chooses the default recipe from it.
 */
import sharp, { type Sharp } from "sharp";
import { inspect } from "../packages/core/src/engine/original.ts";
import { type Name, recipe } from "../packages/core/src/engine/recipe.ts";
import { rasters } from "../packages/core/src/engine/render.ts";
import type { Raster } from "../packages/core/src/engine/sharp.ts";
import { Settings } from "../packages/core/src/settings.ts";
import { median, table } from "./measure.ts";
import { photos, provenance } from "./photos.ts";
import { prices } from "./prices.ts";
import { type Pixels, ssim } from "./ssim.ts";

type Format = "webp" | "jpeg" | "avif";
type Way = { format: Format; quality: number; effort: number };

const ways: Way[] = [
  { format: "webp", quality: 80, effort: 0 },
  { format: "webp", quality: 80, effort: 2 },
  { format: "webp", quality: 82, effort: 2 },
  { format: "webp", quality: 80, effort: 4 },
  { format: "webp", quality: 80, effort: 6 },
  { format: "jpeg", quality: 80, effort: 0 },
  { format: "avif", quality: 50, effort: 0 },
  { format: "avif", quality: 55, effort: 0 },
  { format: "avif", quality: 60, effort: 0 },
  { format: "avif", quality: 60, effort: 2 },
];

/** Whoever cannot show AVIF gets the second file. */
const pairs = [
  ["avif q55 e0", "webp q80 e4"],
  ["avif q60 e0", "webp q80 e2"],
  ["avif q60 e0", "jpeg q80"],
] as const;

/** What nobody can measure here; said in the text. */
const assumed = {
  /** Views of each variant among ten. */
  views: { thumbnail: 5, small: 2, medium: 2, large: 1 } satisfies Record<Name, number>,
  avif: 0.93,
  months: 36,
} as const;

const limits = { ...Settings.pipelineDefaults, decodeSecondsMax: 300 };
const most = 4;
/** Dollars for a second of one core, which Lambda gives for each 1,769 MB. */
const cpuSecond = (1769 / 1024) * prices.lambdaGBSecond;

type Figures = { cpu: number; bytes: number; ssim: number };

/** Prints the costs of each recipe. */
export async function run(): Promise<string> {
  const inputs = await photos(12, { most });
  const decodes: number[] = [];
  const samples = new Map<string, Figures[]>();
  for (const bytes of inputs) {
    const made: { name: Name; raster: Raster }[] = [];
    const start = process.cpuUsage();
    for await (const { name, raster } of rasters(await inspect(bytes, limits), limits, recipe))
      made.push({ name, raster });
    decodes.push(since(start));
    for (const { name, raster } of made)
      for (const way of ways) {
        const key = `${titleOf(way)} ${name}`;
        samples.set(key, [...(samples.get(key) ?? []), await written(raster, way)]);
      }
  }
  const decode = median(decodes);
  const of = (title: string, name: Name): Figures => {
    const all = samples.get(`${title} ${name}`) ?? [];
    const mean = (field: keyof Figures) => all.reduce((sum, each) => sum + each[field], 0) / all.length;
    return { cpu: median(all.map(({ cpu }) => cpu)), bytes: mean("bytes"), ssim: mean("ssim") };
  };
  const names = Object.keys(recipe) as Name[];
  const shareOf = (name: Name) => assumed.views[name] / 10;
  /** Of one recipe whose variants are all written in these ways, the first for whoever can show it. */
  const life = (titles: readonly string[]) => {
    const all = names.map((name) => ({ name, files: titles.map((title) => of(title, name)) }));
    const cpu = decode + sum(all.map(({ files }) => sum(files.map((file) => file.cpu))));
    const stored = sum(all.map(({ files }) => sum(files.map(({ bytes }) => bytes))));
    const shares = titles.length > 1 ? [assumed.avif, 1 - assumed.avif] : [1];
    const shown = (field: "bytes" | "ssim", weight: (name: Name) => number) =>
      sum(
        all.map(
          ({ name, files }) => weight(name) * sum(files.map((file, i) => (shares[i] ?? 0) * file[field])),
        ),
      );
    const perView = shown("bytes", shareOf);
    const once = (cpu / 1000) * cpuSecond + names.length * titles.length * prices.s3Put;
    const kept = (assumed.months * stored * prices.s3GBMonth) / 1e9;
    const view = (perView * prices.edgeGB) / 1e9;
    const at = (views: number) => 1e6 * (once + kept + views * view);
    const alike = names.map((name) => shown("ssim", (each) => Number(each === name)));
    return { cpu, stored, perView, once, kept, view, at, alike };
  };
  const recipes: (readonly string[])[] = [...ways.map((way) => [titleOf(way)]), ...pairs];
  const current = life(["webp q80 e4"]);
  const rows = recipes.map((titles) => {
    const { cpu, stored, perView, at, alike, once, kept, view } = life(titles);
    // From how many views on it is cheaper than the default, or until how many.
    const even = (once + kept - current.once - current.kept) / (current.view - view);
    const than = titles.join() === "webp q80 e4" ? "–" : breakEven(even, view < current.view);
    return [
      titles.join(" + "),
      cpu.toFixed(0),
      (stored / 1000).toFixed(0),
      (perView / 1000).toFixed(1),
      alike.map((value) => value.toFixed(3)).join(" "),
      ...[0, 20, 200, 2000].map((views) => at(views).toFixed(0)),
      than,
    ];
  });
  return [
    `The default recipe's four sizes of a 12 MP JPEG (${provenance(most)}), written in other ways. CPU in ms, ${decode.toFixed(0)} of`,
    `them to decode and reduce; US dollars for a million images kept for ${assumed.months} months, at so many views of each.`,
    "",
    table(
      [
        "written as",
        "CPU",
        "KB stored",
        "KB a view",
        "SSIM 200 480 1080 1920",
        ...[0, 20, 200, 2000].map((views) => `$, ${views} views`),
        "cheaper than WebP q80 e4",
      ],
      rows,
    ),
    "",
    "List prices of `bench/prices.ts`; a core of Lambda's counts as one of this machine. Of ten views five are of",
    `\`thumbnail\`, two of \`small\`, two of \`medium\` and one of \`large\`. Of two files the first is shown to ${assumed.avif * 100} % of`,
    "clients. What is the same for all of them is left out: the original, the table, requests and the queue.",
    "SSIM is against the pixels before encoding.",
  ].join("\n");
}

const titleOf = ({ format, quality, effort }: Way) =>
  format === "jpeg" ? `jpeg q${quality}` : `${format} q${quality} e${effort}`;

function breakEven(views: number, isSmaller: boolean): string {
  const whole = Math.ceil(Math.abs(views)).toLocaleString("en-GB");
  if (isSmaller) return views <= 0 ? "always" : `from ${whole} views`;
  return views <= 0 ? "never" : `below ${whole} views`;
}

/** Written as the engine writes it, and read again. */
async function written({ pixels, width, height, channels }: Raster, way: Way): Promise<Figures> {
  const { format, quality, effort } = way;
  const picture = sharp(pixels, { raw: { width, height, channels } });
  const start = process.cpuUsage();
  const bytes = await (format === "jpeg"
    ? picture.jpeg({ quality, quantisationTable: 3 })
    : picture.toFormat(format, { quality, effort })
  ).toBuffer();
  const cpu = since(start);
  const plain = async (opened: Sharp): Promise<Pixels> => ({
    data: await opened.removeAlpha().raw().toBuffer(),
    width,
    height,
  });
  const before = await plain(sharp(pixels, { raw: { width, height, channels } }));
  return { cpu, bytes: bytes.length, ssim: ssim(before, await plain(sharp(bytes))) };
}

function since(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}

const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);
