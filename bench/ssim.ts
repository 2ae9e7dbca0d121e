/** Structural similarity (Wang et al. 2004): how alike two pictures look, 1 being the same. */

/** Pixels in rows, `channels` bytes each, red, green and blue first. */
export type Pixels = { data: Uint8Array; width: number; height: number; channels: number };

/** The window of the paper: 11 × 11, Gaussian, σ 1.5. */
const kernel = (() => {
  const weights = Array.from({ length: 11 }, (_, i) => Math.exp(-((i - 5) ** 2) / (2 * 1.5 ** 2)));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return Float32Array.from(weights, (weight) => weight / sum);
})();

/** The paper's constants for 8 bits: (0.01 × 255)² and (0.03 × 255)². */
const [c1, c2] = [6.5025, 58.5225];

/** The mean SSIM of the luma of two pictures of one size. Throws if their sizes differ. */
export function ssim(a: Pixels, b: Pixels): number {
  const { width, height } = a;
  if (width !== b.width || height !== b.height) throw new Error("SSIM compares pictures of one size.");
  const [x, y] = [luma(a), luma(b)];
  const product = (p: Float32Array, q: Float32Array) => p.map((value, i) => value * (q[i] ?? 0));
  const [mx, my, xx, yy, xy] = [x, y, product(x, x), product(y, y), product(x, y)].map((plane) =>
    blurred(plane, width, height),
  ) as [Float32Array, Float32Array, Float32Array, Float32Array, Float32Array];
  let total = 0;
  for (let i = 0; i < mx.length; i++) {
    const [p, q] = [mx[i] ?? 0, my[i] ?? 0];
    const [vx, vy, cov] = [(xx[i] ?? 0) - p * p, (yy[i] ?? 0) - q * q, (xy[i] ?? 0) - p * q];
    total += ((2 * p * q + c1) * (2 * cov + c2)) / ((p * p + q * q + c1) * (vx + vy + c2));
  }
  return total / mx.length;
}

/** BT.601, as in the paper's own code. */
function luma({ data, width, height, channels }: Pixels): Float32Array {
  const plane = new Float32Array(width * height);
  for (let i = 0, at = 0; i < plane.length; i++, at += channels) {
    plane[i] = 0.299 * (data[at] ?? 0) + 0.587 * (data[at + 1] ?? 0) + 0.114 * (data[at + 2] ?? 0);
  }
  return plane;
}

/** Where the whole window fits; what is nearer to the edge is left out. */
function blurred(plane: Float32Array, width: number, height: number): Float32Array {
  const [w, h] = [Math.max(1, width - 10), Math.max(1, height - 10)];
  const rows = new Float32Array(w * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < w; x++) {
      let sum = 0;
      for (let k = 0; k < 11; k++) sum += (kernel[k] ?? 0) * (plane[y * width + x + k] ?? 0);
      rows[y * w + x] = sum;
    }
  }
  const out = new Float32Array(w * h);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      let sum = 0;
      for (let k = 0; k < 11; k++) sum += (kernel[k] ?? 0) * (rows[(y + k) * w + x] ?? 0);
      out[y * w + x] = sum;
    }
  }
  return out;
}
