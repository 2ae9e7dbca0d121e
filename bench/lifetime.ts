/**
 * Cost of an image over its life by format and effort: CPU once, storage every month, bytes on every view.
 * docs/lifetime.md explains the choice of the default recipe.
 */
import lite from "caniuse-lite";
import sharp, { type Sharp } from "sharp";
import packages from "../package.json" with { type: "json" };
import { inspect } from "../packages/core/src/engine/original.ts";
import { type Name, recipe } from "../packages/core/src/engine/recipe.ts";
import { rasters } from "../packages/core/src/engine/render.ts";
import type { Raster } from "../packages/core/src/engine/sharp.ts";
import { Settings } from "../packages/core/src/settings.ts";
import { cpuSince, mean, median, sum, table } from "./measure.ts";
import { photos, provenance } from "./photos.ts";
import { prices } from "./prices.ts";
import { type Pixels, ssim } from "./similarity.ts";
import { ssimulacra2, ssimulacra2Missing } from "./ssimulacra2.ts";

type Format = "webp" | "jpeg" | "avif";
type Way = { format: Format; quality: number; effort: number };

const ways: Way[] = [
  { format: "webp", quality: 80, effort: 0 },
  { format: "webp", quality: 80, effort: 2 },
  { format: "webp", quality: 80, effort: 4 },
  { format: "webp", quality: 80, effort: 6 },
  { format: "jpeg", quality: 80, effort: 0 },
  { format: "avif", quality: 50, effort: 0 },
  { format: "avif", quality: 55, effort: 0 },
  { format: "avif", quality: 60, effort: 0 },
  { format: "avif", quality: 60, effort: 1 },
  { format: "avif", quality: 60, effort: 2 },
];

/** Two files per variant: browsers without AVIF load the second. */
const pairs = [
  ["avif q55 e0", "webp q80 e4"],
  ["avif q60 e0", "webp q80 e2"],
  ["avif q60 e0", "jpeg q80"],
] as const;

/** Assumptions, named in the output. */
const assumed = {
  /** Views of each variant in ten views. */
  views: { thumbnail: 5, small: 2, medium: 2, large: 1 } satisfies Record<Name, number>,
  avif: reachOf("avif"),
  months: 36,
} as const;

/** Formats with their share of browsers, for the output. */
const reaches = (["webp", "avif", "jpegxl"] as const)
  .map((format) => `${format} ${(100 * reachOf(format)).toFixed(1)} %`)
  .join(", ");

const limits = { ...Settings.pipelineDefaults, decodeSecondsMax: 300 };
const most = 4;
/** Dollars for a second of one core; Lambda allocates one per 1,769 MB. */
const cpuSecond = (1769 / 1024) * prices.lambdaGBSecond;

type Figures = { cpu: number; bytes: number; ssim: number; ssimulacra2: number };

/** Measures all formats and returns the table. */
export async function run(): Promise<string> {
  const inputs = await photos(12, { most });
  const decodes: number[] = [];
  const samples = new Map<string, Figures[]>();
  for (const bytes of inputs) {
    const made: { name: Name; raster: Raster }[] = [];
    const start = process.cpuUsage();
    for await (const { name, raster } of rasters(await inspect(bytes, limits), limits, recipe))
      made.push({ name, raster });
    decodes.push(cpuSince(start));
    for (const { name, raster } of made)
      for (const way of ways) {
        const key = `${titleOf(way)} ${name}`;
        samples.set(key, [...(samples.get(key) ?? []), await written(raster, way)]);
      }
  }
  const decode = median(decodes);
  const of = (title: string, name: Name): Figures => {
    const all = samples.get(`${title} ${name}`) ?? [];
    const meanOf = (field: keyof Figures) => mean(all.map((each) => each[field]));
    return {
      cpu: median(all.map(({ cpu }) => cpu)),
      bytes: meanOf("bytes"),
      ssim: meanOf("ssim"),
      ssimulacra2: meanOf("ssimulacra2"),
    };
  };
  const names = Object.keys(recipe) as Name[];
  const shareOf = (name: Name) => assumed.views[name] / 10;
  /** Costs of a recipe with these files per variant, of which a browser loads the first that it supports. */
  const life = (titles: readonly string[]) => {
    const all = names.map((name) => ({ name, files: titles.map((title) => of(title, name)) }));
    const cpu = decode + sum(all.map(({ files }) => sum(files.map((file) => file.cpu))));
    const stored = sum(all.map(({ files }) => sum(files.map(({ bytes }) => bytes))));
    const shares = titles.length > 1 ? [assumed.avif, 1 - assumed.avif] : [1];
    const shown = (field: Exclude<keyof Figures, "cpu">, weight: (name: Name) => number) =>
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
    const each = (field: "ssim" | "ssimulacra2") =>
      names.map((name) => shown(field, (other) => Number(other === name)));
    return { cpu, stored, perView, once, kept, view, at, ssims: each("ssim"), scores: each("ssimulacra2") };
  };
  const recipes: (readonly string[])[] = [...ways.map((way) => [titleOf(way)]), ...pairs];
  const current = life(["webp q80 e4"]);
  const rows = recipes.map((titles) => {
    const { cpu, stored, perView, at, ssims, scores, once, kept, view } = life(titles);
    // Number of views at which it costs as much as the default.
    const even = (once + kept - current.once - current.kept) / (current.view - view);
    const than = titles.join() === "webp q80 e4" ? "–" : breakEven(even, view < current.view);
    return [
      titles.join(" + "),
      cpu.toFixed(0),
      (stored / 1000).toFixed(0),
      (perView / 1000).toFixed(1),
      ssims.map((value) => value.toFixed(3)).join(" "),
      scores.map((value) => (Number.isNaN(value) ? "–" : value.toFixed(1))).join(" "),
      ...[0, 20, 200, 2000].map((views) => at(views).toFixed(0)),
      than,
    ];
  });
  return [
    `The default recipe's four sizes of a 12 MP JPEG (${provenance(most)}), in other formats. CPU in ms, ${decode.toFixed(0)} of`,
    `them to decode and reduce; US dollars per million images kept for ${assumed.months} months, by views per image.`,
    "",
    table(
      [
        "format",
        "CPU",
        "KB stored",
        "KB a view",
        "SSIM 200 480 1080 1920",
        "SSIMULACRA2",
        ...[0, 20, 200, 2000].map((views) => `$, ${views} views`),
        "cheaper than WebP q80 e4",
      ],
      rows,
    ),
    "",
    "List prices of `bench/prices.ts`; a Lambda core is assumed as fast as one of this machine. Of ten views five are of",
    `\`thumbnail\`, two of \`small\`, two of \`medium\` and one of \`large\`. Of two files ${assumed.avif * 100} % of clients`,
    "load the first. Costs that all formats share are left out: original, table, requests and queue.",
    "SSIM and SSIMULACRA2 (of the same four sizes; means) are relative to the pixels before encoding.",
    `Browsers that decode a format, by page views (caniuse-lite ${packages.devDependencies["caniuse-lite"]}): ${reaches}.`,
    ssimulacra2Missing,
  ]
    .join("\n")
    .trim();
}

const titleOf = ({ format, quality, effort }: Way) =>
  format === "jpeg" ? `jpeg q${quality}` : `${format} q${quality} e${effort}`;

function breakEven(views: number, isSmaller: boolean): string {
  const whole = Math.ceil(Math.abs(views)).toLocaleString("en-GB");
  if (isSmaller) return views <= 0 ? "always" : `from ${whole} views`;
  return views <= 0 ? "never" : `below ${whole} views`;
}

/** Encodes like the engine, decodes, and compares. */
async function written({ pixels, width, height, channels }: Raster, way: Way): Promise<Figures> {
  const { format, quality, effort } = way;
  const picture = sharp(pixels, { raw: { width, height, channels } });
  const start = process.cpuUsage();
  const bytes = await (format === "jpeg"
    ? picture.jpeg({ quality, quantisationTable: 3 })
    : picture.toFormat(format, { quality, effort })
  ).toBuffer();
  const cpu = cpuSince(start);
  const plain = async (opened: Sharp): Promise<Pixels> => ({
    data: await opened.removeAlpha().raw().toBuffer(),
    width,
    height,
  });
  const before = await plain(sharp(pixels, { raw: { width, height, channels } }));
  const after = await plain(sharp(bytes));
  const score = (await ssimulacra2(before, after)) ?? Number.NaN;
  return { cpu, bytes: bytes.length, ssim: ssim(before, after), ssimulacra2: score };
}

/** Returns the share of browsers, by page views, that decode a format. Versions that caniuse does not know are left out. */
function reachOf(format: "avif" | "webp" | "jpegxl"): number {
  const packed = lite.features[format];
  if (!packed) throw new Error(`caniuse-lite has no feature ${format}.`);
  const { stats } = lite.feature(packed);
  let decoding = 0;
  let all = 0;
  for (const [browser, agent] of Object.entries(lite.agents))
    for (const [version, views = 0] of Object.entries(agent?.usage_global ?? {})) {
      all += views;
      if (stats[browser]?.[version]?.startsWith("y")) decoding += views;
    }
  return decoding / all;
}
