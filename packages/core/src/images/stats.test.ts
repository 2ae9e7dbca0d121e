import { describe, expect, test } from "vitest";
import { percentile } from "./stats.ts";

describe("a percentile", () => {
  const times = [{ upTo: 1, count: 2 }, { upTo: 2, count: 6 }, { upTo: 5, count: 0 }, { count: 2 }];

  test.each([
    [0.1, 0.5],
    [0.2, 1],
    [0.5, 1.5],
    [0.8, 2],
  ])("of %d is %d s, between the bounds of its bucket", (share, seconds) => {
    expect(percentile(times, share)).toBe(seconds);
  });

  test("beyond the last bound, or of no times, is undefined", () => {
    expect(percentile(times, 0.95)).toBeUndefined();
    expect(percentile([{ upTo: 1, count: 0 }, { count: 0 }], 0.5)).toBeUndefined();
  });
});
