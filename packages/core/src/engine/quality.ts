/**
 * Predicts the encoder's setting that reaches a perceptual score, from statistics of the pixels, without encoding
 * twice. `bench/fit.ts` fits the table. docs/formats.md has the error.
 */
export * as Quality from "./quality.ts";

import table from "./quality-table.json" with { type: "json" };
import type { Format, Quality } from "./recipe.ts";
import type { Raster } from "./sharp.ts";

/** Radial basis functions, which predict the loss of an image from its statistics. */
export type Table = {
  /** Mean and deviation of each statistic in the fit. */
  readonly means: readonly number[];
  readonly deviations: readonly number[];
  /** Statistics, normalized, about which the functions are centred. */
  readonly centres: readonly (readonly number[])[];
  readonly formats: { readonly [F in Format]: Losses };
};

/** Logarithm of the loss, 100 − score, at some of an encoder's settings. */
export type Losses = {
  readonly settings: readonly number[];
  /** For each setting the mean over all images. */
  readonly means: readonly number[];
  /** For each centre, and each setting, what is added to the mean there. */
  readonly weights: readonly (readonly number[])[];
};

/** Scores that a recipe may ask for. */
export const targets = { least: 50, most: 90 } as const;

/**
 * Lowest and highest settings that are predicted. Of AVIF the settings 30 to 45 were scored too, but are where the
 * prediction errs most: smooth images, whose files are small anyway, then lose up to 16 points more than predicted.
 */
const lowest: { readonly [F in Format]: number } = { avif: 46, webp: 50, jpeg: 60 };
const highest = 95;

/** Blocks of 8 × 8 pixels to look at, at most. */
const blocksMax = 256;
const side = 8;

/** Coefficients below these are about what an encoder drops at high, middle and low settings. */
const steps = [2, 16, 100] as const;

/** Part of a raster, in pixels. */
type Area = { left: number; top: number; width: number; height: number };

/**
 * Returns a function that resolves the quality of a recipe to an encoder's setting, 1–100, for one part of a raster.
 * Statistics are computed once, when the first prediction needs them.
 */
export function predictor(raster: Raster, area: Area): (quality: Quality, format: Format) => number {
  let stats: number[] | undefined;
  return (quality, format) => {
    if (typeof quality === "number") return quality;
    stats ??= measure(raster, area);
    return predict(table, format, stats, quality.ssimulacra2);
  };
}

/**
 * Predicts the lowest setting that reaches the score. Never lower for a higher score. Throws a `RangeError` for a score
 * outside of `targets`.
 */
export function predict(by: Table, format: Format, stats: readonly number[], score: number): number {
  if (!(score >= targets.least && score <= targets.most))
    throw new RangeError(
      `SSIMULACRA2 ${score} cannot be predicted: the recipe may ask for ${targets.least} to ${targets.most}.`,
    );
  const { settings: knots, means, weights } = by.formats[format];
  const near = nearnessOf(by, stats);
  const points: [setting: number, loss: number][] = [];
  for (const [i, mean] of means.entries()) {
    const loss = near.reduce((sum, value, at) => sum + value * (weights[at]?.[i] ?? 0), mean);
    // A higher setting never loses more.
    points.push([knots[i] ?? 0, Math.min(loss, (points.at(-1)?.[1] ?? Number.POSITIVE_INFINITY) - 0.01)]);
  }
  const wanted = Math.log(100 - score);
  const reached = points.findIndex(([, loss]) => loss <= wanted);
  const upper = reached < 0 ? points.length - 1 : Math.max(reached, 1);
  const [[from, more], [to, less]] = [points[upper - 1] ?? [0, 0], points[upper] ?? [0, 0]];
  const setting = from + ((wanted - more) / (less - more)) * (to - from);
  return Math.min(Math.max(Math.ceil(setting), lowest[format]), highest);
}

/** Returns the value of each radial basis function for an image: 1 at its centre, and less the further away. */
export function nearnessOf(
  { means, deviations, centres }: Pick<Table, "means" | "deviations" | "centres">,
  stats: readonly number[],
): number[] {
  const place = stats.map((value, i) => (value - (means[i] ?? 0)) / (deviations[i] ?? 1));
  return centres.map((centre) => {
    const squares = centre.reduce((sum, value, i) => sum + (value - (place[i] ?? 0)) ** 2, 0);
    return Math.exp(-squares / centre.length);
  });
}

/**
 * Measures blocks of a part of a raster: the bits that their Walsh–Hadamard coefficients need at three steps; mean,
 * deviation, lowest and highest tenth of their activity; steps of luma to the neighbour, to the fourth pixel and of
 * second order; steps of colour; shares of even and of steep pixels; mean luma.
 */
export function measure({ pixels, width: stride, channels }: Raster, area: Area): number[] {
  const [across, down] = [area.width, area.height].map((length) =>
    Math.max(1, Math.floor(length / side)),
  ) as [number, number];
  const every = Math.ceil(Math.sqrt((across * down) / blocksMax));
  const block = new Float64Array(side * side);
  const bits = steps.map(() => 0);
  const activities: number[] = [];
  let [near, far, second, colour, even, steep, light] = [0, 0, 0, 0, 0, 0, 0];
  for (let row = 0; row < down; row += every)
    for (let column = 0; column < across; column += every) {
      for (let y = 0; y < side; y++) {
        const line = (area.top + Math.min(row * side + y, area.height - 1)) * stride + area.left;
        let [red, blue] = [0, 0];
        for (let x = 0; x < side; x++) {
          const at = (line + Math.min(column * side + x, area.width - 1)) * channels;
          const [r, g, b] = [pixels[at] as number, pixels[at + 1] as number, pixels[at + 2] as number];
          const i = y * side + x;
          const here = (77 * r + 150 * g + 29 * b) / 256;
          block[i] = here;
          light += here;
          if (x > 0) colour += Math.abs(r - g - red) + Math.abs(b - g - blue);
          [red, blue] = [r - g, b - g];
          if (x > 0 && y > 0) {
            const step = Math.abs(here - value(block, i - 1)) + Math.abs(here - value(block, i - side));
            near += step;
            if (step < 1) even++;
            else if (step > 40) steep++;
          }
          if (x > 1) second += Math.abs(2 * value(block, i - 1) - here - value(block, i - 2));
          if (x > 3) far += Math.abs(here - value(block, i - 4));
          if (y > 3) far += Math.abs(here - value(block, i - 4 * side));
        }
      }
      transform(block);
      let energy = 0;
      for (let i = 1; i < block.length; i++) energy += Math.abs(value(block, i));
      activities.push(Math.log(1 + energy / 64));
      for (const [at, step] of steps.entries()) bits[at] = (bits[at] ?? 0) + bitsOf(block, step);
    }
  const count = activities.length;
  const mean = activities.reduce((sum, activity) => sum + activity, 0) / count;
  const variance = activities.reduce((sum, activity) => sum + (activity - mean) ** 2, 0) / count;
  const sorted = activities.sort((a, b) => a - b);
  const log = (sum: number, perBlock: number) => Math.log(sum / perBlock / count + 0.1);
  return [
    ...bits.map((sum) => Math.log(sum / 63 / count + 0.02)),
    mean,
    Math.sqrt(variance),
    sorted[Math.floor(count / 10)] ?? 0,
    sorted[Math.floor((count * 9) / 10)] ?? 0,
    log(near, 49),
    log(far, 64),
    log(second, 48),
    log(colour, 56),
    even / 49 / count,
    steep / 49 / count,
    light / 64 / 255 / count,
  ];
}

/** Transforms a block in place by Walsh and Hadamard: sums and differences of pairs, six times. */
function transform(block: Float64Array): void {
  for (let step = 1; step < block.length; step *= 2)
    for (let i = 0; i < block.length; i += 2 * step)
      for (let j = i; j < i + step; j++) {
        const [a, b] = [value(block, j), value(block, j + step)];
        block[j] = a + b;
        block[j + step] = a - b;
      }
}

/** Returns about the bits of a block's coefficients, except the mean, with this step. One logarithm for eight of them. */
function bitsOf(block: Float64Array, step: number): number {
  let bits = 0;
  for (let i = 0; i < block.length; i += 8) {
    let product = 1;
    for (let j = Math.max(1, i); j < i + 8; j++) product *= 1 + Math.abs(value(block, j)) / (8 * step);
    bits += Math.log2(product);
  }
  return bits;
}

const value = (block: Float64Array, at: number) => block[at] as number;
