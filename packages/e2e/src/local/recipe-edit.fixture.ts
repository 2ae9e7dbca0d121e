/**
 * Loaded before anything else (`node --import`): the recipe as if somebody had put one more variant into it. As a
 * program of its own it prints what the API's document says of variants.
 */
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";

/** The one edit. */
export const edited = (source: string) =>
  source.replace(
    "export const recipe = {\n",
    'export const recipe = {\n  banner: { width: 1600, height: 400, fit: "cover", crop: "attention", formats: ["avif", "webp", "jpeg"] },\n',
  );

/** Where the edit is made. */
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
