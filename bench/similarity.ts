/** Similarity of two images of the same size: SSIM and ΔE. */

/** Pixels with three channels of 8 bits. */
export type Pixels = { data: Uint8Array; width: number; height: number };

const radius = 5;
const weights = Array.from({ length: 2 * radius + 1 }, (_, i) =>
  Math.exp(-((i - radius) ** 2) / (2 * 1.5 ** 2)),
);
const total = weights.reduce((sum, weight) => sum + weight, 0);
const window = Float64Array.from(weights, (weight) => weight / total);

/**
 * Returns the mean SSIM of two images' luma (Wang et al., 2004: Gaussian window of 11 × 11, σ 1.5); 1 means identical.
 * Only windows inside the image count. Throws for images of different sizes or below 11 px a side.
 */
export function ssim(a: Pixels, b: Pixels): number {
  const { width, height } = a;
  if (b.width !== width || b.height !== height)
    throw new Error(`Cannot compare ${width} × ${height} with ${b.width} × ${b.height} px.`);
  if (Math.min(width, height) < window.length)
    throw new Error(`SSIM needs 11 px a side; the image has ${width} × ${height}.`);
  const [x, y] = [luma(a), luma(b)];
  const product = (p: Float32Array, q: Float32Array) => p.map((value, i) => value * (q[i] as number));
  const [mx, my] = [blurred(x, width, height), blurred(y, width, height)];
  const xx = blurred(product(x, x), width, height);
  const yy = blurred(product(y, y), width, height);
  const xy = blurred(product(x, y), width, height);
  const [c1, c2] = [(0.01 * 255) ** 2, (0.03 * 255) ** 2];
  let sum = 0;
  for (let i = 0; i < mx.length; i++) {
    const p = mx[i] as number;
    const q = my[i] as number;
    const variances = (xx[i] as number) - p * p + (yy[i] as number) - q * q;
    const covariance = (xy[i] as number) - p * q;
    sum += ((2 * p * q + c1) * (2 * covariance + c2)) / ((p * p + q * q + c1) * (variances + c2));
  }
  return sum / mx.length;
}

function luma({ data, width, height }: Pixels): Float32Array {
  const out = new Float32Array(width * height);
  for (let i = 0; i < out.length; i++) {
    const at = 3 * i;
    out[i] =
      0.299 * (data[at] as number) + 0.587 * (data[at + 1] as number) + 0.114 * (data[at + 2] as number);
  }
  return out;
}

/** Convolves a plane with the window, rows first, then columns. */
function blurred(plane: Float32Array, width: number, height: number): Float32Array {
  const [across, down] = [width - 2 * radius, height - 2 * radius];
  const rows = new Float32Array(across * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < across; x++) rows[y * across + x] = under(plane, y * width + x, 1);
  const out = new Float32Array(across * down);
  for (let at = 0; at < out.length; at++) out[at] = under(rows, at, across);
  return out;
}

function under(plane: Float32Array, at: number, step: number): number {
  let sum = 0;
  for (let k = 0; k < window.length; k++) sum += (window[k] as number) * (plane[at + k * step] as number);
  return sum;
}

/** A rectangle of an image and its mean ΔE. */
export type Tile = { left: number; top: number; width: number; height: number; mean: number };

/**
 * Returns the mean ΔE (CIE 1976; 2.3 is just noticeable) of two images, and the tile of `side` pixels with the largest
 * one.
 */
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

/** Cube root of CIELAB as a table, exact to 0.001 of ΔE. */
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

/** Difference of one of X, Y, Z (relative to D65 white) under CIELAB's root. */
function curved(a: Uint8Array, at: number, r: number, g: number, b: number, other: Uint8Array): number {
  const of = (data: Uint8Array) =>
    root(
      r * (linear[data[at] as number] as number) +
        g * (linear[data[at + 1] as number] as number) +
        b * (linear[data[at + 2] as number] as number),
    );
  return of(a) - of(other);
}
