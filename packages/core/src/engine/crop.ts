/** Positions of crops: around a focal point, or around regions such as faces. Pure arithmetic. */
export * as Crop from "./crop.ts";

import type { Size } from "./plan.ts";

/** Point of the upright image, each coordinate 0 to 1 from the upper left corner. */
export type Point = { x: number; y: number };

/** Rectangle of the upright image, 0 to 1. */
export type Region = Point & { width: number; height: number };

/** The part of an image that crops keep: the focal point, else the regions. */
export type Subject = { focus?: Point; regions?: readonly Region[] };

/**
 * Returns the upper left corner of a crop of size `inner` in an image of size `outer`: the focal point, or the middle of
 * the regions, is as central as the edges allow. Regions that do not fit together are cropped around the largest.
 * Undefined without either.
 */
export function around(
  outer: Size,
  inner: Size,
  { focus, regions = [] }: Subject,
): { left: number; top: number } | undefined {
  const [first] = regions;
  if (!focus && !first) return undefined;
  return {
    left: start(
      outer.width,
      inner.width,
      focus?.x ?? middleOf(spans(regions, "x"), inner.width / outer.width),
    ),
    top: start(
      outer.height,
      inner.height,
      focus?.y ?? middleOf(spans(regions, "y"), inner.height / outer.height),
    ),
  };
}

/** Returns the key of a subject: crops of equal keys are equal. */
export const keyOf = ({ focus, regions = [] }: Subject): string =>
  focus
    ? JSON.stringify([focus.x, focus.y])
    : JSON.stringify(regions.map(({ x, y, width, height }) => [x, y, width, height]));

type Span = { from: number; to: number; area: number };

function spans(regions: readonly Region[], axis: "x" | "y"): Span[] {
  return regions.map((region) => {
    const from = region[axis];
    const to = from + (axis === "x" ? region.width : region.height);
    return { from, to, area: region.width * region.height };
  });
}

/** Returns the middle of all spans, or of the largest region's if all of them are longer than `length`. */
function middleOf(all: readonly Span[], length: number): number {
  const from = Math.min(...all.map((span) => span.from));
  const to = Math.max(...all.map((span) => span.to));
  if (to - from <= length) return (from + to) / 2;
  const largest = all.reduce((best, span) => (span.area > best.area ? span : best));
  return (largest.from + largest.to) / 2;
}

/** Returns the first pixel of `inner` pixels of `outer` around a place, moved to within the edges. */
const start = (outer: number, inner: number, place: number): number =>
  Math.max(0, Math.min(outer - inner, Math.round(place * outer - inner / 2)));
