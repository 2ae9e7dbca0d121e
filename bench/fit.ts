/**
 * Fits the table of the quality predictor to the scores that `bench/scores.ts` wrote: `node bench/fit.ts FOLDER` prints
 * the error on images that the fit has not seen; `--write` writes `quality-table.json` of the engine.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import sharp from "sharp";
import {
  type Losses,
  measure,
  nearnessOf,
  predict,
  type Table,
} from "../packages/core/src/engine/quality.ts";
import { type Format, formats } from "../packages/core/src/engine/recipe.ts";
import { mean, sum, table } from "./measure.ts";

type Row = {
  name: string;
  file: string;
  format: string;
  kind: string;
  isHeld: boolean;
  stats: number[];
  /** Setting, bytes and score. */
  grid: [number, number, number][];
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { write: { type: "boolean", default: false } },
});
const [folder = "."] = positionals;
const path = new URL("../packages/core/src/engine/quality-table.json", import.meta.url);

/** Number of radial basis functions. More of them gain nothing on unseen images. */
const centresMax = 128;
/** Keeps the weights small, so that an unusual image gets about the mean. */
const ridge = 0.03;
const kinds = ["photo", "art", "drawing"] as const;

const rows = await read();
const fitted = fitOf(rows.filter(({ isHeld }) => !isHeld));
const held = rows.filter(({ isHeld }) => isHeld);
const count = (some: Row[]) => new Set(some.map(({ name }) => name)).size;
const counts = kinds.map((kind) => {
  const all = rows.filter((row) => row.kind === kind);
  const unseen = all.filter(({ isHeld }) => isHeld);
  return `${kind}s: ${count(all) - count(unseen)} fitted, ${count(unseen)} held back`;
});
console.log(
  [
    `${counts.join("; ")}.`,
    "Settings that are predicted for images that the fit has not seen:",
    table(
      [
        "kind",
        "format",
        "score wanted",
        "reached",
        "σ",
        "error, mean",
        "worst of 20",
        "worst",
        "bytes",
        "settings",
      ],
      kinds.flatMap((kind) =>
        formats.flatMap((format) => [60, 70, 75, 80].map((score) => outcome(kind, format, score))),
      ),
    ),
    "Today, WebP q80:",
    table(
      ["kind", "score", "σ", "worst of 20", "worst"],
      kinds.map((kind) => {
        const scores = sorted(
          held
            .filter((row) => row.kind === kind && row.format === "webp")
            .map((row) => at(row.grid, 80).score),
        );
        return [
          kind,
          mean(scores).toFixed(1),
          deviation(scores).toFixed(1),
          (scores[Math.floor(scores.length / 20)] ?? 0).toFixed(1),
          (scores[0] ?? 0).toFixed(1),
        ];
      }),
    ),
  ].join("\n\n"),
);
if (values.write) writeFileSync(path, `${JSON.stringify(fitted)}\n`);

/** Scores of the predicted settings, and bytes relative to WebP q80. */
function outcome(kind: string, format: Format, score: number): (string | number)[] {
  const pairs = held
    .filter((row) => row.kind === kind && row.format === format)
    .flatMap((row) => {
      const today = rows.find((other) => other.format === "webp" && other.file === row.file);
      const setting = predict(fitted, format, row.stats, score);
      return today ? { today: at(today.grid, 80), next: at(row.grid, setting), setting } : [];
    });
  const scores = sorted(pairs.map(({ next }) => next.score));
  const used = sorted(pairs.map(({ setting }) => setting));
  return [
    kind,
    format,
    score,
    mean(scores).toFixed(1),
    deviation(scores).toFixed(1),
    mean(scores.map((reached) => Math.abs(reached - score))).toFixed(1),
    (scores[Math.floor(scores.length / 20)] ?? 0).toFixed(1),
    (scores[0] ?? 0).toFixed(1),
    (sum(pairs.map(({ next }) => next.bytes)) / sum(pairs.map(({ today }) => today.bytes))).toFixed(2),
    `${used[0]}–${used.at(-1)}`,
  ];
}

/** Fits radial basis functions, whose centres are spread over the images. */
function fitOf(seen: Row[]): Table {
  const stats = [...new Map(seen.map((row) => [row.file, row.stats])).values()];
  const columns = (stats[0] ?? []).map((_, i) => stats.map((row) => row[i] ?? 0));
  const means = columns.map((column) => rounded(mean(column)));
  const deviations = columns.map((column) => rounded(deviation(column) || 1));
  const normal = stats.map((row) =>
    row.map((value, i) => rounded((value - (means[i] ?? 0)) / (deviations[i] ?? 1))),
  );
  const centres = spread(normal);
  const lossesOf = (format: Format): Losses => {
    const some = seen.filter((row) => row.format === format);
    const near = some.map((row) => nearnessOf({ means, deviations, centres }, row.stats));
    const settings = some[0]?.grid.map(([setting]) => setting) ?? [];
    const losses = settings.map((_, i) => some.map(({ grid }) => lossOf(grid[i]?.[2] ?? 0)));
    const middles = losses.map((column) => rounded(mean(column)));
    const solved = losses.map((column, i) =>
      solve(
        near,
        column.map((loss) => loss - (middles[i] ?? 0)),
      ),
    );
    const weights = centres.map((_, at) => solved.map((column) => rounded(column[at] ?? 0)));
    return { settings, means: middles, weights };
  };
  const [avif, webp, jpeg] = [lossesOf("avif"), lossesOf("webp"), lossesOf("jpeg")];
  return { means, deviations, centres, formats: { avif, webp, jpeg } };
}

/** Chooses centres far from each other: each next is the image with the greatest distance to those before. */
function spread(places: number[][]): number[][] {
  const centres: number[][] = [];
  const distances = places.map(() => Number.POSITIVE_INFINITY);
  let next = places[0];
  while (next && centres.length < Math.min(centresMax, places.length)) {
    const centre = next;
    centres.push(centre);
    for (const [i, place] of places.entries()) {
      const squares = sum(place.map((value, at) => (value - (centre[at] ?? 0)) ** 2));
      distances[i] = Math.min(distances[i] ?? 0, squares);
    }
    next = places[distances.indexOf(Math.max(...distances))];
  }
  return centres;
}

/** Interpolates bytes and score of a setting: their logarithms are straight lines between those that were scored. */
function at(grid: Row["grid"], setting: number): { bytes: number; score: number } {
  const found = grid.findIndex(([knot]) => knot >= setting);
  const upper = found < 0 ? grid.length - 1 : Math.max(1, found);
  const [[x0, b0, s0], [x1, b1, s1]] = [grid[upper - 1] as Row["grid"][0], grid[upper] as Row["grid"][0]];
  const share = (setting - x0) / (x1 - x0);
  return {
    bytes: Math.exp(Math.log(b0) + share * Math.log(b1 / b0)),
    score: 100 - Math.exp(lossOf(s0) + share * (lossOf(s1) - lossOf(s0))),
  };
}

/** Logarithm of the loss, about a straight line over an encoder's settings. */
function lossOf(score: number): number {
  return Math.log(Math.max(1, 100 - score));
}

function sorted(all: number[]): number[] {
  return all.sort((a, b) => a - b);
}

function deviation(all: number[]): number {
  const middle = mean(all);
  return Math.sqrt(mean(all.map((value) => (value - middle) ** 2)));
}

/** Four significant digits. */
function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

async function read(): Promise<Row[]> {
  const out: Row[] = [];
  const known = new Map<string, number[]>();
  for (const line of readFileSync(join(folder, "scores.tsv"), "utf8").trim().split("\n")) {
    const [name = "", , format = "", kind = "", isHeld, file = "", ...scores] = line.split("\t");
    const stats = known.get(file) ?? (await statsOf(file));
    known.set(file, stats);
    const grid = scores.map((score) => score.split(":").map(Number) as [number, number, number]);
    out.push({ name, file, format, kind, isHeld: isHeld === "1", stats, grid });
  }
  return out;
}

async function statsOf(file: string): Promise<number[]> {
  const { data, info } = await sharp(file).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  return measure({ pixels: data, width, height, channels: 3 }, { left: 0, top: 0, width, height });
}

/** Solves least squares with a ridge, by Gauss and Jordan. */
function solve(terms: number[][], wanted: number[]): number[] {
  const size = terms[0]?.length ?? 0;
  const matrix: Float64Array[] = Array.from({ length: size }, (_, a) =>
    Float64Array.from({ length: size + 1 }, (_, b) =>
      terms.reduce((sum, row, i) => sum + (row[a] ?? 0) * (b < size ? (row[b] ?? 0) : (wanted[i] ?? 0)), 0),
    ),
  );
  for (const [a, row] of matrix.entries()) row[a] = (row[a] ?? 0) + ridge;
  for (let a = 0; a < size; a++) {
    const rest: Float64Array[] = matrix.slice(a);
    const pivot =
      a +
      rest.reduce((best, row, i) => (Math.abs(row[a] ?? 0) > Math.abs(rest[best]?.[a] ?? 0) ? i : best), 0);
    const [upper, lower] = [matrix[a] as Float64Array, matrix[pivot] as Float64Array];
    [matrix[a], matrix[pivot]] = [lower, upper];
    for (const [b, row] of matrix.entries()) {
      if (b === a) continue;
      const factor = (row[a] ?? 0) / (lower[a] ?? 1);
      for (let c = a; c <= size; c++) row[c] = (row[c] ?? 0) - factor * (lower[c] ?? 0);
    }
  }
  return matrix.map((row, a) => (row[size] ?? 0) / (row[a] ?? 1));
}
