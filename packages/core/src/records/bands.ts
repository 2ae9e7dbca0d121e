/**
 * Bands: parts of a perceptual hash by which similar images are found without reading the others (multi-index hashing:
 * M. Norouzi, A. Punjani, D. J. Fleet, "Fast Search in Hamming Space with Multi-Index Hashing", 2012,
 * https://arxiv.org/abs/1307.2982). Of two hashes that differ in few bits, at least one band differs in very few.
 */
export * as Bands from "./bands.ts";

/** Bits of a hash. */
const bits = 64;

/** Bits of each band, together those of a hash. Each band is a row of the image; docs/decisions.md has the figures. */
const sizes = [13, 13, 13, 13, 12] as const;

/** Step between two bits of a band: neighbouring bits of a hash are mostly equal, so a band takes distant ones. */
const stride = 19;

/** Longest distance that can be searched: dHash's author calls hashes similar up to 10 bits. */
export const distanceMax = 10;

/** A range of rows, both ends inclusive. */
export type Range = { low: string; high: string };

/**
 * Returns the values of a hash's rows, one for each band: the band's number and 16 hex digits, the whole hash with the
 * bits of the band first. A row thus tells the distance of its image.
 */
export function of(hash: string): string[] {
  const spread = spreadOf(hash);
  return sizes.map((_, band) => rowOf(band, rotated(spread, offsetOf(band))));
}

/** Returns the number of bits in which the hash of a row differs from another hash. */
export function distanceOf(value: string, hash: string): number {
  const band = Number(value[0]);
  const other = rotated(spreadOf(hash), offsetOf(band));
  return countOf(BigInt(`0x${value.slice(1)}`) ^ other);
}

/** Returns the range of every row of one band, in which each image of an owner with a hash is once. */
export const all = (): Range => ({ low: rowOf(0, 0n), high: rowOf(0, mask(bits)) });

/** Returns the range of the rows with exactly this hash. */
export function equal(hash: string): Range {
  const [value = ""] = of(hash);
  return { low: value, high: value };
}

/**
 * Returns ranges that together have a row of every hash within a distance: 5 for a distance up to 4, at most 52 for 8
 * and 119 for 10. If `b + 1` bands, where `distance = 5a + b`, differ in more than `a` bits each and the others in `a` or
 * more, the hashes differ in more than `distance`.
 */
export function near(hash: string, distance: number): Range[] {
  const spread = spreadOf(hash);
  const radius = Math.floor(distance / sizes.length);
  const wide = (distance % sizes.length) + 1;
  return sizes.flatMap((size, band) => {
    // The last band is the shortest and has the fewest neighbours.
    const reach = band >= sizes.length - wide ? radius : radius - 1;
    if (reach < 0) return [];
    const rest = BigInt(bits - size);
    const key = Number(rotated(spread, offsetOf(band)) >> rest);
    return runsOf(neighbours(key, size, reach)).map(([first, last]) => ({
      low: rowOf(band, BigInt(first) << rest),
      high: rowOf(band, (BigInt(last + 1) << rest) - 1n),
    }));
  });
}

/** Returns every key that differs from a key of `size` bits in at most `reach` bits. */
function neighbours(key: number, size: number, reach: number): number[] {
  const found = new Set([key]);
  for (let step = 0; step < reach; step++)
    for (const each of [...found]) for (let bit = 0; bit < size; bit++) found.add(each ^ (1 << bit));
  return [...found];
}

/** Joins successive keys to ranges, each of which is one query. */
function runsOf(keys: readonly number[]): [first: number, last: number][] {
  const runs: [number, number][] = [];
  for (const key of keys.toSorted((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last && last[1] === key - 1) last[1] = key;
    else runs.push([key, key]);
  }
  return runs;
}

const offsetOf = (band: number) => sizes.slice(0, band).reduce((sum, size) => sum + size, 0);

const rowOf = (band: number, value: bigint) => `${band}${value.toString(16).padStart(bits / 4, "0")}`;

/** Reorders the bits of a hash, so that each band takes bits from all over the image. */
function spreadOf(hash: string): bigint {
  const value = BigInt(`0x${hash}`);
  let spread = 0n;
  for (let bit = 0; bit < bits; bit++)
    spread = (spread << 1n) | ((value >> BigInt((bit * stride) % bits)) & 1n);
  return spread;
}

const rotated = (value: bigint, by: number): bigint =>
  ((value << BigInt(by)) | (value >> BigInt(bits - by))) & mask(bits);

const mask = (size: number) => (1n << BigInt(size)) - 1n;

function countOf(value: bigint): number {
  let count = 0;
  for (let rest = value; rest > 0n; rest &= rest - 1n) count++;
  return count;
}
