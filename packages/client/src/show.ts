/** Helpers to show an image: `srcset`, `<picture>` sources, a loader for `next/image`. */
import type { Image, Variant, VariantName } from "./types.ts";

/**
 * Returns an `srcset`, from which the browser picks the smallest file that is sharp enough: of the files in the shape of
 * the variant `name` and at most as wide, or else of all files that are not cropped. Empty if the image has no variants.
 *
 * @example
 * <img srcset={srcset(image)} sizes="(min-width: 60rem) 50vw, 100vw" />
 */
export function srcset(image: Pick<Image, "variants">, name?: VariantName): string {
  return sizesOf(image, name)
    .map(({ url, width }) => `${url} ${width}w`)
    .join(", ");
}

/** Formats by file size, smallest first: a browser takes the first that it supports. */
const bySize = ["avif", "webp", "jpeg"] as const;

/**
 * Returns the `<source type srcset>` elements of a `<picture>`, smallest files first, for variants in several formats.
 * They go before its `<img srcset={srcset(image, name)}>`. Empty if the variants have one format.
 */
export function sources(
  image: Pick<Image, "variants">,
  name?: VariantName,
): { type: string; srcset: string }[] {
  const variants = sizesOf(image, name);
  return bySize.flatMap((format) => {
    const files = variants.flatMap(({ width, formats }) => {
      const file = formats?.[format];
      return file ? [{ ...file, width }] : [];
    });
    const [first] = files;
    if (!first || files.length < variants.length) return [];
    return [
      { type: first.contentType, srcset: files.map(({ url, width }) => `${url} ${width}w`).join(", ") },
    ];
  });
}

/**
 * Returns a loader for `next/image`: for a width in pixels, the URL of the smallest variant that is at least as wide, or
 * else of the widest. The loader throws if the image has no variants: show its placeholder until it is `ready`.
 */
export function nextLoader(image: Pick<Image, "id" | "variants">): (wanted: { width: number }) => string {
  const variants = sizesOf(image);
  return ({ width }) => {
    const fitting = variants.find((variant) => variant.width >= width) ?? variants.at(-1);
    if (!fitting)
      throw new Error(`${image.id} has no variants. Check that its status is "ready" before showing it.`);
    return fitting.url;
  };
}

/**
 * Returns the variants that show the same in several widths, narrowest first: those in the shape of the variant `name`
 * and at most as wide. Without `name`, or if the image has no such variant, those that are not cropped. Empty if the
 * image has no variants.
 */
export function sizesOf({ variants = {} }: Pick<Image, "variants">, name?: VariantName): Variant[] {
  const named = Object.values(variants).filter((variant) => variant !== undefined);
  // After the named ones, which win at the same width.
  const lazy = named.flatMap(({ widths = [], ...variant }) =>
    widths.map((narrower): Variant => ({ ...variant, bytes: undefined, formats: undefined, ...narrower })),
  );
  const all = [...named, ...lazy].sort((a, b) => a.width - b.width);
  const widest = (name && variants[name]) ?? all.at(-1);
  if (!widest) return [];
  return (
    all
      .filter((variant) => variant.width <= widest.width && isSameShape(variant, widest))
      // Variants are never enlarged, so several variants of a small image have its width.
      .filter((variant, index, alike) => variant.width !== alike[index - 1]?.width)
  );
}

/** True if two variants have the same aspect ratio, up to rounding to whole pixels. */
const isSameShape = (a: Variant, b: Variant) =>
  Math.abs(a.height - (b.height * a.width) / b.width) <= 1 ||
  Math.abs(a.width - (b.width * a.height) / b.height) <= 1;
