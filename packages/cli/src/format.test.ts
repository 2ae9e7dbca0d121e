import { stripVTControlCharacters } from "node:util";
import type { Image } from "@image-pipeline/client";
import stringWidth from "string-width";
import { expect, test } from "vitest";
import { duration, fit, header, printable, row, size } from "./format.ts";

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

const image: Image = {
  id: "img_01M8ADENRTJ30DMWQQJJZDFXAB",
  status: "processing",
  source: { key: "k", width: 12_000, height: 10_000, bytes: 99_900_000 },
  title: "A holiday on the northern beach with everybody, 写真",
  createdAt: "2026-11-25T22:33:44.000Z",
} as Image;

test.each([80, 103, 104, 200])(
  "a list fits a terminal of %i columns, with each value under its header",
  (width) => {
    const [head, line] = [header(width), stripVTControlCharacters(row(image, width))];
    expect(stringWidth(line)).toBeLessThanOrEqual(width);
    for (const [name, value] of [
      ["ID", "img_"],
      ["CREATED", "2026-11-25"],
      ["STATUS", "processing"],
      ["NAME", "A h"],
    ] as const)
      expect([name, line.indexOf(value)]).toEqual([name, head.indexOf(name)]);
    expect(line.includes("12000 × 10000")).toBe(width >= 104);
  },
);
