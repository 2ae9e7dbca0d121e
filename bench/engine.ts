/** The engine against a lower bound (one decode, four encodes) and against four separate pipelines. */
import sharp, { type Sharp } from "sharp";
import { plan } from "../packages/core/src/engine/plan.ts";
import { encodings, recipe, type Spec } from "../packages/core/src/engine/recipe.ts";
import { render } from "../packages/core/src/engine/render.ts";
import { Settings } from "../packages/core/src/settings.ts";
import { cpuOf, interleave, ratioOf, roundsOf, table } from "./measure.ts";
import { photos, provenance } from "./photos.ts";

const limits = { ...Settings.pipelineDefaults, pixelsMax: 60_000_000, bytesMax: 100_000_000 };
type Raw = { pixels: Buffer; width: number; height: number; channels: 3 };
type Input = { bytes: Buffer; rasters: Raw[] };

/** Measures both comparisons and returns the table. */
export async function run(): Promise<string> {
  const rows: (string | number)[][] = [];
  for (const [name, profile, targets] of [
    ["12 MP JPEG, sRGB", undefined, ["≤ 1.06", "≤ 0.75"]],
    ["12 MP JPEG, Display-P3", "p3", ["–", "≤ 0.60"]],
  ] as const) {
    const inputs = await Promise.all((await photos(12, { profile })).map(prepare));
    const samples = await interleave(
      [
        { name: "engine", run: ({ bytes }) => render(bytes, limits) },
        { name: "floor", run: floor },
        { name: "separate", run: separate },
      ],
      inputs,
      roundsOf(5),
    );
    const cpu = (of: string) => Math.round(cpuOf(samples, of));
    const ratio = (to: string, target: string) => `${ratioOf(samples, "engine", to).toFixed(3)} (${target})`;
    rows.push([
      name,
      cpu("engine"),
      cpu("floor"),
      cpu("separate"),
      ratio("floor", targets[0]),
      ratio("separate", targets[1]),
    ]);
  }
  return [
    `Four variants (${provenance()}; CPU in ms per image; target in brackets):`,
    "",
    table(["original", "engine", "floor", "separate", "engine / floor", "engine / separate"], rows),
    "",
    "Floor: one decode to the largest variant's size with the engine's kernel, and four encodes of prepared pixels;",
    "colours are converted before the reduction, as in sharp.",
    "Separate: one sharp pipeline per variant from the same buffer, with the same settings.",
  ].join("\n");
}

async function prepare(bytes: Buffer): Promise<Input> {
  const { autoOrient } = await sharp(bytes).metadata();
  const rasters: Raw[] = [];
  for (const { size } of plan(autoOrient, recipe)) {
    const picture = sharp(bytes).autoOrient().resize(size.width, size.height, { fit: "cover" });
    const { data, info } = await picture.raw().toBuffer({ resolveWithObject: true });
    rasters.push({ pixels: data, width: info.width, height: info.height, channels: 3 });
  }
  return { bytes, rasters };
}

async function floor({ bytes, rasters }: Input): Promise<void> {
  const [largest] = rasters;
  if (!largest) throw new Error("The recipe has no variants.");
  await sharp(bytes)
    .autoOrient()
    .resize(largest.width, largest.height, { fit: "fill", kernel: "lanczos2" })
    .raw()
    .toBuffer();
  for (const [i, { spec }] of plan(largest, recipe).entries()) {
    const { pixels, ...raw } = rasters[i] as Raw;
    await encoded(sharp(pixels, { raw }), spec).toBuffer();
  }
}

async function separate({ bytes }: Input): Promise<void> {
  for (const spec of Object.values<Spec>(recipe)) {
    const { width, height, fit } = spec;
    const picture = sharp(bytes).autoOrient().resize({ width, height, fit, withoutEnlargement: true });
    await encoded(picture, spec).toBuffer();
  }
}

const encoded = (picture: Sharp, { formats: [format], encode }: Spec) =>
  picture.toFormat(format, { ...encodings[format], ...encode?.[format] });
