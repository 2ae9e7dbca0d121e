/** Files of an image's variants in the processed bucket, as its record names them. */
export * as VariantFile from "./variant-file.ts";

import type { ImageRecord } from "../table/image-entity.ts";
import type { StoredFile, StoredVariant } from "../table/stored-variant.ts";

/** A file and the size of its image in pixels. */
export type VariantFile = StoredFile & { name: string; width: number; height: number };

/** Returns every file that a record names. Lazy ones, without `bytes`, may be missing in the bucket. */
export const of = ({ variants = {} }: Pick<ImageRecord, "variants">): VariantFile[] =>
  Object.entries(variants).flatMap(([name, variant]) => {
    const { width, height, widths = [] } = variant;
    const whole = formatsOf(variant).map((file) => ({ ...file, name, width, height }));
    const narrower = widths.flatMap((size) =>
      atWidth(variant, size.width).map((file) => ({ ...file, name, ...size })),
    );
    return [...whole, ...narrower];
  });

/** Returns the file of a variant in each of its formats, the most widely supported first. */
export const formatsOf = ({ key, format, bytes, quality, also = [] }: StoredVariant): StoredFile[] => [
  {
    key,
    format,
    ...(bytes !== undefined && { bytes }),
    ...(quality !== undefined && { quality }),
  },
  ...also,
];

/** Returns the lazy files of a variant at one of its `widths`: `…/medium@320.webp` for `…/medium.webp`. */
export const atWidth = (variant: StoredVariant, width: number): StoredFile[] =>
  formatsOf(variant).map(({ key, format }) => ({
    key: key.replace(/\.\w+$/, (extension) => `@${width}${extension}`),
    format,
  }));

/** The keys of every file of every variant that a record names. */
export const keysOf = (record: Pick<ImageRecord, "variants">): string[] => of(record).map(({ key }) => key);

/** The keys of the files that are in the bucket: all but lazy ones, which may not be there yet. */
export const storedKeysOf = (record: Pick<ImageRecord, "variants">): string[] =>
  of(record).flatMap(({ key, bytes }) => (bytes === undefined ? [] : [key]));

/**
 * Returns the lazy file under a key, if the record of an image that is not deleted names it. It is made only
 * then, and removed again if the record names it no longer once it is written. Replaced variants are not made.
 */
export const lazyOf = (record: ImageRecord | undefined, key: string): VariantFile | undefined =>
  record && record.status !== "deleting" && record.status !== "deleted"
    ? of(record).find((file) => file.key === key && file.bytes === undefined)
    : undefined;
