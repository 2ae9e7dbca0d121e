import type { Image } from "@image-pipeline/client";
import { expect, test } from "vitest";
import { snippetsOf } from "./snippets.ts";

const variant = (width: number) => ({
  url: `https://images.example.com/media/img/1-ab/${width}.webp`,
  width,
  height: width / 2,
  format: "webp",
  contentType: "image/webp",
  bytes: 1000,
});

const image: Image = {
  id: "img_01M840E3836646KR31ZDGQHSZX",
  status: "ready",
  version: 3,
  visibility: "public",
  owner: "default",
  alt: 'A "quoted" sign: $5 & <more>',
  source: { key: "default/a" },
  placeholder: { thumbhash: "", color: "#ff8000" },
  variants: { small: variant(480), medium: variant(1080) },
  createdAt: "2026-11-23T10:50:09Z",
  updatedAt: "2026-11-23T10:50:09Z",
};

const textOf = (name: string) => snippetsOf(image).find((snippet) => snippet.name === name)?.text ?? "";

test("each snippet has the URL of the medium variant", () => {
  expect(snippetsOf(image).map(({ name }) => name)).toEqual(["HTML", "React", "Swift", "Kotlin"]);
  for (const name of ["HTML", "Swift", "Kotlin"]) expect(textOf(name)).toContain("/1080.webp");
});

test("alternative text is escaped for each language", () => {
  expect(textOf("HTML")).toContain('alt="A &quot;quoted&quot; sign: $5 &amp; <more>"');
  expect(textOf("Swift")).toContain('.accessibilityLabel("A \\"quoted\\" sign: $5 & <more>")');
  expect(textOf("Kotlin")).toContain('contentDescription = "A \\"quoted\\" sign: \\$5 & <more>"');
});

test("the placeholder colour is written in each platform's notation", () => {
  expect(textOf("Swift")).toContain("Color(red: 1.00, green: 0.50, blue: 0.00)");
  expect(textOf("Kotlin")).toContain("Color(0xFFFF8000)");
});

test("an image without variants has no snippets", () => {
  expect(snippetsOf({ ...image, variants: undefined })).toEqual([]);
});
