/**
 * Makes variants with one Node package: `node node.ts WAY TASK FILE…`. Prints the CPU of each file in milliseconds as
 * JSON, after a warm-up run.
 */
import { readFileSync } from "node:fs";
import type { Recipe, Spec } from "../../packages/core/src/engine/recipe.ts";
import { cpuSince } from "../measure.ts";
import type { Output } from "./programs.ts";

type Way = (bytes: Buffer, outputs: readonly Output[]) => Promise<unknown>;

const [name = "", task = "[]", ...files] = process.argv.slice(2);
const outputs: readonly Output[] = JSON.parse(task);

/** Imports a package of the peers' temporary folder. */
const imported = (path: string) => import(`${process.env.PEERS_DIR}/node_modules/${path}`);

const ways: Record<string, () => Promise<Way>> = {
  engine: async () => {
    const { render } = await import("../../packages/core/src/engine/render.ts");
    const { Settings } = await import("../../packages/core/src/settings.ts");
    const limits = { ...Settings.pipelineDefaults, decodeSecondsMax: 300 };
    return (bytes, outputs) => render(bytes, limits, recipeOf(outputs));
  },
  sharp: async () => {
    const { default: sharp } = await import("sharp");
    return (bytes, outputs) =>
      Promise.all(
        outputs.map(({ width, height, fit, format, ...options }) =>
          sharp(bytes)
            .autoOrient()
            .resize({ width, height, fit, withoutEnlargement: true })
            .toFormat(format, options)
            .toBuffer(),
        ),
      );
  },
  napi: async () => {
    const { Transformer, ResizeFit, FastResizeFilter } = await imported("@napi-rs/image/index.js");
    return async (bytes, outputs) => {
      // The package has no option for the effort and uses libwebp's default, 4.
      for (const { width, height, fit, format, quality } of outputs) {
        const picture = new Transformer(bytes).rotate();
        picture.fastResize({
          width,
          height,
          filter: FastResizeFilter.CatmullRom,
          fit: fit === "cover" ? ResizeFit.Cover : ResizeFit.Inside,
        });
        await (format === "jpeg" ? picture.jpeg(quality) : picture.webp(quality));
      }
    };
  },
  jimp: async () => {
    // The WebP encoder fetches its WebAssembly by a file URL, which Node's fetch refuses.
    globalThis.fetch = async (url) =>
      new Response(readFileSync(new URL(String(url))), { headers: { "content-type": "application/wasm" } });
    const { createJimp } = await imported("@jimp/core/dist/esm/index.js");
    const { defaultFormats, defaultPlugins } = await imported("jimp/dist/esm/index.js");
    const { default: webp } = await imported("@jimp/wasm-webp/dist/esm/index.js");
    const Jimp = createJimp({ formats: [...defaultFormats, webp], plugins: defaultPlugins });
    return async (bytes, outputs) => {
      for (const { width, height, fit, format, quality, effort } of outputs) {
        const picture = await Jimp.fromBuffer(bytes);
        if (fit === "cover") picture.cover({ w: width, h: height });
        else picture.resize({ w: width });
        await picture.getBuffer(`image/${format}`, { quality, method: effort });
      }
    };
  },
};

const make = await ways[name]?.();
if (!make) throw new Error(`Unknown way ${name}. Known: ${Object.keys(ways).join(", ")}.`);
const inputs = files.map((file) => readFileSync(file));
for (const bytes of inputs) await make(bytes, outputs);
const spent: number[] = [];
for (const bytes of inputs) {
  const before = process.cpuUsage();
  await make(bytes, outputs);
  spent.push(cpuSince(before));
}
process.stdout.write(JSON.stringify(spent));

function recipeOf(outputs: readonly Output[]): Record<string, Spec> {
  return Object.fromEntries(
    outputs.map(({ name, width, height, fit, format, quality, effort }) => [
      name,
      {
        width,
        height,
        fit,
        formats: [format],
        encode: { [format]: { quality, effort } } as Partial<Recipe.Encodings>,
      },
    ]),
  );
}
