import stringWidth from "string-width";
import { expect, test } from "vitest";
import { duration, fit, printable, size } from "./format.ts";

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

test.each([
  ["photo.jpg", 12, "photo.jpg   "],
  ["photo.jpg", 9, "photo.jpg"],
  ["a long name that ends.jpg", 12, "a long…s.jpg"],
  ["写真とても長い名前です.jpg", 12, "写真と….jpg "],
])("fits %j into %i columns and keeps both ends", (text, width, fitted) => {
  expect(stringWidth(fit(text, width))).toBe(width);
  expect(fit(text, width)).toBe(fitted);
});

test("no name can redraw the terminal or turn the text around", () => {
  expect(printable("a\x1b[2Jb\nc\u009b31m\u202ed\x07")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  expect(printable("Ça va, 写真 📷")).toBe("Ça va, 写真 📷");
});
