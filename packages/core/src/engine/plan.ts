/** Plans the sizes of all variants from the size of the original: pure arithmetic. */
import type { Spec } from "./recipe.ts";

/** Size of an image in pixels. */
export type Size = { width: number; height: number };

/** Step for a variant: resize the whole image to `frame`, then crop it to `size`. Both are equal for `inside`. */
export type Step<N extends string> = { name: N; spec: Spec; frame: Size; size: Size };

/**
 * Plans the recipe's steps for an image of this size, largest frame first, so that each step starts from the one
 * before. Never enlarges: an image that is smaller than a variant's box keeps its size, and `cover` then crops only
 * what exceeds the box.
 */
export function plan<N extends string>(source: Size, recipe: Readonly<Record<N, Spec>>): Step<N>[] {
  const steps = (Object.entries(recipe) as [N, Spec][]).map(([name, spec]) => {
    const { width, height = Number.POSITIVE_INFINITY, fit } = spec;
    const ratios = [width / source.width, height / source.height];
    const wanted = fit === "cover" ? Math.max(...ratios.filter(Number.isFinite)) : Math.min(...ratios);
    const frame = scaled(source, Math.min(1, wanted));
    const size = { width: Math.min(width, frame.width), height: Math.min(height, frame.height) };
    return { name, spec, frame, size };
  });
  return steps.sort((a, b) => b.frame.width * b.frame.height - a.frame.width * a.frame.height);
}

/** Plans the further widths of a variant, narrowest first: those that are smaller than it, in its shape. */
export const narrower = (source: Size, { spec, size }: Step<string>): Size[] =>
  [...new Set(spec.widths)]
    .filter((width) => width < size.width)
    .sort((a, b) => a - b)
    .map((width) => {
      // Of the source, whose height is exact.
      const whole = spec.fit === "inside" ? source : size;
      return scaled(whole, width / whole.width);
    });

/** Returns the frame of a file of this size: that of the whole image, of which `cover` crops a part. */
export function frameOf(source: Size, { fit }: Pick<Spec, "fit">, size: Size): Size {
  if (fit === "inside") return size;
  return scaled(source, Math.min(1, Math.max(size.width / source.width, size.height / source.height)));
}

const scaled = ({ width, height }: Size, scale: number): Size => ({
  width: Math.max(1, Math.round(width * scale)),
  height: Math.max(1, Math.round(height * scale)),
});
