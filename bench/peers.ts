/** The four default variants, by the engine and by everything else that can make the same files at the same settings. */
import { encodings, recipe, type Spec } from "../packages/core/src/engine/recipe.ts";
import { contest } from "./peers/contest.ts";
import type { Output } from "./peers/peers.ts";
import { provenance } from "./photos.ts";

/** Prints what each way costs. */
export async function run(): Promise<string> {
  const outputs = Object.entries<Spec>(recipe).map(
    ([name, { width, height, fit, formats, encode }]): Output => {
      const [format] = formats;
      if (format === "avif")
        throw new Error("No peer writes AVIF; the recipe has to be said in another format.");
      return { name, width, height, fit, format, effort: 0, ...encodings[format], ...encode?.[format] };
    },
  );
  return [
    `The default recipe from a 12 MP JPEG (${provenance(4)}; the target in brackets):`,
    "",
    await contest(outputs, { rounds: 3, target: 1, most: 4 }),
    "",
    "Each in a process of its own on one thread, all files by one process where it can (ImageMagick: one for each file);",
    "loading code is not counted, but for the command-line programs, where it cannot be told apart. The engine also",
    "reads the facts and makes the placeholder. @napi-rs/image has no effort to set and takes libwebp's own, 4.",
  ].join("\n");
}
