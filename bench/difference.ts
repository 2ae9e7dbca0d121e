/** How far two pictures are apart to the eye: CIE 1976's ΔE, in which 2.3 is a just noticeable difference. */
import type { Pixels } from "./ssim.ts";

/** A part of a picture and the mean ΔE in it. */
export type Tile = { left: number; top: number; width: number; height: number; mean: number };

/** Of the whole picture, and of the square of `side` pixels where both differ most. */
export function difference(a: Pixels, b: Pixels, side: number): { mean: number; worst: Tile } {
  const { width, height } = a;
  let all = 0;
  let worst: Tile = { left: 0, top: 0, width: 0, height: 0, mean: -1 };
  for (let top = 0; top < height; top += side)
    for (let left = 0; left < width; left += side) {
      const [right, bottom] = [Math.min(width, left + side), Math.min(height, top + side)];
      let sum = 0;
      for (let y = top; y < bottom; y++)
        for (let x = left; x < right; x++) sum += deltaE(a.data, b.data, 3 * (y * width + x));
      all += sum;
      const tile = { left, top, width: right - left, height: bottom - top };
      const mean = sum / (tile.width * tile.height);
      if (mean > worst.mean) worst = { ...tile, mean };
    }
  return { mean: all / (width * height), worst };
}

const linear = Float64Array.from({ length: 256 }, (_, i) =>
  i <= 10 ? i / 255 / 12.92 : ((i / 255 + 0.055) / 1.055) ** 2.4,
);

/** The cube root of Lab, from a table: exact to 0.001 of ΔE. */
const roots = Float32Array.from({ length: 65_537 }, (_, i) => {
  const t = i / 65_536;
  return t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116;
});
const root = (value: number) => roots[Math.round(Math.min(1, value) * 65_536)] as number;

function deltaE(a: Uint8Array, b: Uint8Array, at: number): number {
  if (a[at] === b[at] && a[at + 1] === b[at + 1] && a[at + 2] === b[at + 2]) return 0;
  const x = curved(a, at, 0.4124 / 0.9505, 0.3576 / 0.9505, 0.1805 / 0.9505, b);
  const y = curved(a, at, 0.2126, 0.7152, 0.0722, b);
  const z = curved(a, at, 0.0193 / 1.089, 0.1192 / 1.089, 0.9505 / 1.089, b);
  return Math.sqrt((116 * y) ** 2 + (500 * (x - y)) ** 2 + (200 * (y - z)) ** 2);
}

/** How far one of XYZ (of D65, against white) is apart, under Lab's root. */
function curved(a: Uint8Array, at: number, r: number, g: number, b: number, other: Uint8Array): number {
  const of = (data: Uint8Array) =>
    root(
      r * (linear[data[at] as number] as number) +
        g * (linear[data[at + 1] as number] as number) +
        b * (linear[data[at + 2] as number] as number),
    );
  return of(a) - of(other);
}
