/**
 * Writes a watermark for the recipe: `npm run overlay -- logo.png` writes `overlays/logo.json`, which `recipe.ts` imports.
 * As pixels in a module it is in every bundle, and needs no decoder that the settings may block.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, extname } from "node:path";
import { fileURLToPath } from "node:url";
import { deflateSync } from "node:zlib";
import type { Mark } from "./recipe.ts";
import { sharp } from "./sharp.ts";

/** Longest side in pixels. */
const sideMax = 800;

/** Most characters of the pixels: each function's bundle contains them. */
const charactersMax = 100_000;

/** Converts an image file of any format that sharp decodes, SVG included. Throws if it is too large for a bundle. */
export async function markOf(file: Buffer): Promise<Mark> {
  const { data, info } = await sharp(file)
    .autoOrient()
    .resize({ width: sideMax, height: sideMax, fit: "inside", withoutEnlargement: true })
    .toColourspace("srgb")
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const pixels = deflateSync(data, { level: 9 }).toString("base64");
  if (pixels.length > charactersMax)
    throw new Error(
      `The watermark has ${pixels.length} characters; at most ${charactersMax} fit. Make it smaller or plainer.`,
    );
  return { width: info.width, height: info.height, pixels };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [path] = process.argv.slice(2);
  if (!path) throw new Error("Name a file: npm run overlay -- logo.png");
  const folder = new URL("./overlays/", import.meta.url);
  const name = `${basename(path, extname(path))}.json`;
  mkdirSync(folder, { recursive: true });
  writeFileSync(new URL(name, folder), `${JSON.stringify(await markOf(readFileSync(path)))}\n`);
  console.log(`Wrote packages/core/src/engine/overlays/${name}. Import it in recipe.ts:

import mark from "./overlays/${name}" with { type: "json" };`);
}
