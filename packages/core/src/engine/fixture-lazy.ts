/** A recipe with lazy files, in place of the product's, for tests. */
import { readFileSync } from "node:fs";
import type { Recipe, Spec } from "./recipe.ts";

/** The module of the recipe. */
export const recipeFile = new URL("./recipe.ts", import.meta.url);

/** Two more variants: `poster` is lazy, with two further widths; of `square`, which follows the focus, the JPEG is. */
const entries = {
  poster: { width: 640, fit: "inside", formats: ["avif", "webp", "jpeg"], lazy: true, widths: [160, 320] },
  square: { width: 120, height: 120, fit: "cover", crop: "focus", formats: ["webp", "jpeg"], lazy: ["jpeg"] },
} as const satisfies Record<string, Spec>;

/** Returns the source of the recipe with these variants. */
export function lazyRecipe(): string {
  const source = readFileSync(recipeFile, "utf8");
  const start = "export const recipe = {";
  if (!source.includes(start)) throw new Error(`The source of the recipe has no \`${start}\`.`);
  return source.replace(start, `${start} ...${JSON.stringify(entries)},`);
}

/** Returns the same module for `vi.mock`, from the product's. */
export function lazyModule(product: typeof Recipe) {
  const recipe = { ...entries, ...product.recipe };
  return { ...product, recipe, names: Object.keys(recipe), fingerprint: product.fingerprintOf(recipe) };
}
