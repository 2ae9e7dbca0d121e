/** How alike two pictures are: SSIM of their luma (Wang et al., 2004: a Gaussian window of 11 × 11, σ 1.5), 1 is the same. */

/** Pixels of 8 bits, three channels each. */
export type Pixels = { data: Uint8Array; width: number; height: number };

const radius = 5;
const weights = Array.from({ length: 2 * radius + 1 }, (_, i) =>
  Math.exp(-((i - radius) ** 2) / (2 * 1.5 ** 2)),
);
const total = weights.reduce((sum, weight) => sum + weight, 0);
const window = Float64Array.from(weights, (weight) => weight / total);

/** The mean over every place where the window lies wholly inside. */
export function ssim(a: Pixels, b: Pixels): number {
  const { width, height } = a;
  if (b.width !== width || b.height !== height)
    throw new Error("Pictures of different sizes are not comparable.");
  if (Math.min(width, height) < window.length) throw new Error("SSIM needs 11 px a side.");
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

/** Under the window, where all of it lies inside: row by row, then column by column. */
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
