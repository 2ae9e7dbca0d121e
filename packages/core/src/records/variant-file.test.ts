import { expect, test } from "vitest";
import type { ImageRecord } from "../table/image-entity.ts";
import { VariantFile } from "./variant-file.ts";

const folder = "img_01KAR5ZJ5V0000000000000000/1-0a1b2c3d";
const file = (name: string, format: string, bytes?: number) => ({
  key: `${folder}/${name}.${format === "jpeg" ? "jpg" : format}`,
  format,
  ...(bytes !== undefined && { bytes }),
});
const variants: ImageRecord["variants"] = {
  thumbnail: { ...file("thumbnail", "webp"), width: 200, height: 200 },
  medium: {
    ...file("medium", "jpeg"),
    width: 1080,
    height: 810,
    also: [file("medium", "avif", 5_000)],
    widths: [{ width: 320, height: 240 }],
  },
};
const record = { status: "ready", variants } as ImageRecord;
const all = ["thumbnail.webp", "medium.jpg", "medium.avif", "medium@320.jpg", "medium@320.avif"];
const keys = all.map((name) => `${folder}/${name}`);

test("a deletion removes the lazy files too, and the doctor misses only what was stored", () => {
  expect(VariantFile.keysOf(record)).toEqual(keys);
  expect(VariantFile.storedKeysOf(record)).toEqual([`${folder}/medium.avif`]);
});

test("a lazy file is made as its record names it", () => {
  expect(VariantFile.lazyOf(record, `${folder}/medium@320.avif`)).toEqual({
    key: `${folder}/medium@320.avif`,
    name: "medium",
    format: "avif",
    width: 320,
    height: 240,
  });
  expect(keys.filter((key) => VariantFile.lazyOf(record, key))).toEqual(
    keys.filter((_, index) => index !== 2),
  );
});

test.each(["deleting", "deleted"] as const)("no file of an image is made that is %s", (status) => {
  expect(keys.filter((key) => VariantFile.lazyOf({ ...record, status }, key))).toEqual([]);
});

test.each([
  `${folder}/medium@321.jpg`,
  `${folder}/medium@0320.jpg`,
  `${folder}/medium@320.webp`,
  `${folder}/large.webp`,
  `${folder}/constructor.webp`,
  `${folder.replace("/1-", "/2-")}/medium@320.jpg`,
])("no file is made for a key that the record does not name: %s", (key) => {
  expect(VariantFile.lazyOf(record, key)).toBeUndefined();
});
