/**
 * Loaded first (`node --import`), replaces the recipe with one that has another variant. Run as a program, prints the
 * API document's schema of variants.
 */
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";

/** Adds the variant to the recipe's source. */
export const edited = (source: string) =>
  source.replace(
    "export const recipe = {\n",
    'export const recipe = {\n  banner: { width: 1600, height: 400, fit: "cover", crop: "attention", formats: ["avif", "webp", "jpeg"] },\n',
  );

/** The file that is edited. */
export const recipeFile = new URL("../../../core/src/engine/recipe.ts", import.meta.url);

registerHooks({
  load: (url, context, next) =>
    url === recipeFile.href
      ? { format: "module-typescript", source: edited(readFileSync(recipeFile, "utf8")), shortCircuit: true }
      : next(url, context),
});

if (import.meta.main) {
  const { createApp } = await import("@image-pipeline/functions/http/app");
  const { documentOf } = await import("@image-pipeline/functions/http/openapi");
  const { linkedSettings } = await import("@image-pipeline/functions/api");
  const { components } = await documentOf(createApp(linkedSettings()), "0.0.0");
  console.log(JSON.stringify(components.schemas.Variants));
}
