import { expect, test } from "vitest";
import { bar, columns, fit, printable } from "./terminal.ts";

test.each([
  ["photo.jpg", 9],
  ["写真.jpg", 8],
  ["e\u0301", 1],
  ["📷", 2],
  ["\x1b[31mred\x1b[39m", 3],
])("%j takes %i columns", (text, width) => {
  expect(columns(text)).toBe(width);
});

test.each([
  ["photo.jpg", 12, "photo.jpg   "],
  ["photo.jpg", 9, "photo.jpg"],
  ["a long name that ends.jpg", 12, "a long…s.jpg"],
  ["写真とても長い名前です.jpg", 13, "写真と….jpg "],
])("fits %j into %i columns and keeps both ends", (text, width, fitted) => {
  expect(columns(fit(text, width))).toBe(width);
  expect(fit(text, width)).toHaveLength(fitted.length);
});

test("no name can draw on the terminal or turn the text around", () => {
  expect(printable("a\x1b[2Jb\nc\u009b31m\u202ed\x07")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  expect(printable("Ça va, 写真 📷")).toBe("Ça va, 写真 📷");
});

test.each([-1, 0, 0.5, 1, 2])("a bar at %d is as wide as it should be", (share) => {
  expect(columns(bar(share, 20))).toBe(20);
});
