/** Metadata of an original must not reach its variants: checked with sharp here, with exiftool in packages/e2e. */
import sharp from "sharp";
import { expect, test } from "vitest";
import { extensions, originalWithMetadata, variantsOf } from "./fixture-metadata.ts";

/** Fields of sharp's metadata that a variant must not have. */
const hidden = [
  "exif",
  "icc",
  "iptc",
  "xmp",
  "xmpAsString",
  "tifftagPhotoshop",
  "comments",
  "gainMap",
  "orientation",
];

test.each(extensions)(
  "of a %s with every kind of metadata, nothing is left in any file made of it",
  async (extension) => {
    const original = await originalWithMetadata(extension);
    expect(original.includes("Secret")).toBe(true);
    const files = await variantsOf(original);
    expect(files).toHaveLength(7);
    for (const { bytes } of files) {
      const metadata = await sharp(bytes).metadata();
      expect(Object.keys(metadata).filter((name) => hidden.includes(name))).toEqual([]);
      expect(bytes.includes("Secret")).toBe(false);
    }
  },
  60_000,
);
