/** Putting an image on a page. */
import type { Image, Variant } from "./types.ts";

/**
 * An `srcset`, so that the browser takes the smallest file that is sharp enough: `<img srcset={srcset(image)}
 * sizes="(min-width: 60rem) 50vw, 100vw">`. Empty while there are no variants.
 */
export function srcset(image: Pick<Image, "variants">): string {
  return uncropped(image)
    .map(({ url, width }) => `${url} ${width}w`)
    .join(", ");
}

/** Formats by how small their files are: a browser takes the first that it knows. */
const bySize = ["avif", "webp", "jpeg"] as const;

/**
 * What stands in a `<picture>` before its `<img srcset={srcset(image)}>`, for images whose variants come in several
 * formats: `<source type srcset>`, the smallest files first. Empty where `srcset` says it all.
 */
export function sources(image: Pick<Image, "variants">): { type: string; srcset: string }[] {
  const variants = uncropped(image);
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
 * A loader for `next/image`, which asks it for a width: the smallest variant that is at least as wide, or the widest.
 * Throws when the image has no variants: show its placeholder until it is `ready`.
 */
export function nextLoader(image: Pick<Image, "id" | "variants">): (wanted: { width: number }) => string {
  const variants = uncropped(image);
  return ({ width }) => {
    const fitting = variants.find((variant) => variant.width >= width) ?? variants.at(-1);
    if (!fitting) throw new Error(`${image.id} has no variants to show; look at its status first.`);
    return fitting.url;
  };
}

/** The variants that show the whole picture, each width once, narrowest first. */
function uncropped({ variants = {} }: Pick<Image, "variants">): Variant[] {
  const all = Object.values(variants)
    .filter((variant) => variant !== undefined)
    .sort((a, b) => a.width - b.width);
  const widest = all.at(-1);
  // A small picture is never enlarged, so that several variants may be as wide as itself.
  return all.filter(
    (variant, index) => widest && isSameShape(variant, widest) && variant.width !== all[index - 1]?.width,
  );
}

/** Whether two sizes are of one picture, one of them rounded to whole pixels. */
const isSameShape = (a: Variant, b: Variant) =>
  Math.abs(a.height - (b.height * a.width) / b.width) <= 1 ||
  Math.abs(a.width - (b.width * a.height) / b.height) <= 1;
