/** Originals with every kind of metadata that exiftool writes, and the files that are made of them. */
import { readFile } from "node:fs/promises";
import { Settings } from "../settings.ts";
import type { Spec } from "./recipe.ts";
import { render } from "./render.ts";

const settings = { ...Settings.pipelineDefaults, formats: [...Settings.pipelineDefaults.formats, "tiff"] };

const recipe = {
  inside: { width: 60, fit: "inside", formats: ["webp", "jpeg", "avif"] },
  cover: { width: 40, height: 40, fit: "cover", formats: ["webp", "jpeg", "avif"] },
  moving: { width: 50, height: 40, fit: "cover", formats: ["webp"], animated: true },
} as const satisfies Record<string, Spec>;

/** Extensions of the originals. Their metadata holds the word `Secret`, and in most a location. */
export const extensions = ["jpg", "png", "webp", "avif", "gif", "tif", "heic"] as const;

/** Reads an original, written by write-fixtures.ts. */
export const originalWithMetadata = (extension: string): Promise<Buffer> =>
  readFile(new URL(`fixtures/metadata.${extension}`, import.meta.url));

/** Makes seven files of an original, in every format that variants have. */
export async function variantsOf(bytes: Buffer): Promise<{ bytes: Buffer; extension: string }[]> {
  const { variants } = await render(bytes, settings, recipe);
  return variants.flatMap((variant) => variant.files);
}
