import { expect, test } from "vitest";
import { randomFrom } from "../fixture-random.ts";
import { Bands } from "./bands.ts";

const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
const random = randomFrom(seed);
const below = (n: number) => Math.floor(random() * n);

const randomHash = () => Array.from({ length: 16 }, () => below(16).toString(16)).join("");

/** Flips this number of distinct bits of a hash. */
function flipped(hash: string, count: number): string {
  const bits = new Set<number>();
  while (bits.size < count) bits.add(below(64));
  const value = [...bits].reduce((all, bit) => all ^ (1n << BigInt(bit)), BigInt(`0x${hash}`));
  return value.toString(16).padStart(16, "0");
}

const isFound = (ranges: readonly Bands.Range[], hash: string) =>
  Bands.of(hash).some((row) => ranges.some(({ low, high }) => low <= row && row <= high));

test("the rows tell the distance between their hash and another", () => {
  for (let n = 0; n < 300; n++) {
    const hash = randomHash();
    const distance = below(65);
    const other = flipped(hash, distance);
    for (const row of Bands.of(other)) expect(Bands.distanceOf(row, hash), `seed ${seed}`).toBe(distance);
  }
});

test.each([0, 1, 4, 5, 8, 9, 10])(
  "the ranges of distance %i have a row of every hash within it",
  (distance) => {
    for (let n = 0; n < 200; n++) {
      const hash = randomHash();
      const ranges = Bands.near(hash, distance);
      const near = flipped(hash, below(distance + 1));
      expect(isFound(ranges, near), `seed ${seed}: ${hash} ${near}`).toBe(true);
      expect(isFound(ranges, flipped(hash, distance)), `seed ${seed}: ${hash}`).toBe(true);
    }
  },
);

test("the ranges leave out nearly every other hash", () => {
  const ranges = Bands.near("c7f0f0f8f8d8f030", 8);
  const found = Array.from({ length: 2000 }, () => isFound(ranges, randomHash()));
  expect(found.filter(Boolean).length, `seed ${seed}`).toBeLessThan(40);
});

test("a search has a bounded number of ranges, which do not overlap", () => {
  for (const [distance, most] of [
    [0, 1],
    [4, 5],
    [8, 52],
    [10, 119],
  ] as const) {
    const counts = Array.from({ length: 50 }, () => {
      const ranges = Bands.near(randomHash(), distance).toSorted((a, b) => (a.low < b.low ? -1 : 1));
      for (const [n, { low }] of ranges.entries()) expect(low > (ranges[n - 1]?.high ?? "")).toBe(true);
      return ranges.length;
    });
    expect(Math.max(...counts)).toBeLessThanOrEqual(most);
    expect(Math.max(...counts)).toBeGreaterThan(most * 0.9);
  }
});

test("a band takes bits from all over the image, so that a change of one part leaves the others as they are", () => {
  // The upper quarter of the image: two of eight rows.
  const [hash, other] = ["c7f0f0f8f8d8f030", "ffaaf0f8f8d8f030"];
  const prefixes = (of: string) => Bands.of(of).map((row) => Number.parseInt(row.slice(1, 4), 16));
  const differing = prefixes(hash).map((prefix, band) => (prefix ^ (prefixes(other)[band] ?? 0)).toString(2));
  const bits = differing.map((text) => text.replaceAll("0", "").length);
  expect(Math.max(...bits)).toBeLessThanOrEqual(4);
});
