/** Loaded first (`node --import`), replaces the recipe with one that has lazy files, also in child processes. */
import { registerHooks } from "node:module";
import { lazyRecipe, recipeFile } from "./fixture-lazy.ts";

registerHooks({
  load: (url, context, next) =>
    url === recipeFile.href
      ? { format: "module-typescript", source: lazyRecipe(), shortCircuit: true }
      : next(url, context),
});
