import { expect, test } from "vitest";
import { duration, size } from "./show.ts";

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1.0 kB"],
  [3_140_000, "3.1 MB"],
  [276_480, "276 kB"],
  [999_999, "1.0 MB"],
  [5_000_000_000, "5.0 GB"],
])("%i bytes are %s", (bytes, words) => {
  expect(size(bytes)).toBe(words);
});

test.each([
  [0, "0.0 s"],
  [59_949, "59.9 s"],
  [59_960, "1 min 0 s"],
  [125_000, "2 min 5 s"],
  [3_600_000, "1 h 0 min"],
])("%i ms are %s", (ms, words) => {
  expect(duration(ms)).toBe(words);
});
