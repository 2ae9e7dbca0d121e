/**
 * Variants in a record. The keys of public files are stored without the image's id, which the record has already: that is
 * 30 bytes of each, and each write of a record of over 2 KB costs half as much again. Pure, and without the table's client.
 */

import type { Name } from "../engine/recipe.ts";

/**
 * File in the processed bucket. `quality` is the encoder's setting where it was predicted from a score. Without `bytes` it
 * is lazy: made when it is first requested.
 */
export type StoredFile = {
  key: string;
  format: string;
  bytes?: number;
  quality?: number;
};

/**
 * Variant, in pixels: the file that most clients support, and in `also` the same image in other formats. `widths` are
 * the sizes that are lazy in every format; `VariantFile.of` derives their keys.
 */
export type StoredVariant = StoredFile & {
  width: number;
  height: number;
  also?: StoredFile[];
  widths?: { width: number; height: number }[];
};

/** Variants by name. */
export type Variants = Partial<Record<Name, StoredVariant>>;

/** Returns variants whose keys in the image's own folder begin with `/` in place of its id. */
export const withShortKeys = (variants: Variants, imageID: string): Variants =>
  renamed(variants, (key) => (key.startsWith(`${imageID}/`) ? key.slice(imageID.length) : key));

/** Returns variants with the keys of their files in the bucket. */
export const withWholeKeys = (variants: Variants, imageID: string): Variants =>
  renamed(variants, (key) => (key.startsWith("/") ? imageID + key : key));

function renamed(variants: Variants, nameOf: (key: string) => string): Variants {
  const entries = Object.entries(variants).map(([name, { also, ...variant }]) => [
    name,
    {
      ...variant,
      key: nameOf(variant.key),
      ...(also && { also: also.map((file) => ({ ...file, key: nameOf(file.key) })) }),
    },
  ]);
  return Object.fromEntries(entries);
}
