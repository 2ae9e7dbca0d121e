/**
 * Writes `fixtures/`: HEIC files from heif-enc, and originals that exiftool has put metadata into. Needs both programs
 * (apt-get install libheif-examples libimage-exiftool-perl): `npm run fixtures`.
 */
import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Photo, phoneExif, photo } from "../fixture.ts";
import { heic } from "./fixture-heic.ts";
import { sharp } from "./sharp.ts";

const folder = join(import.meta.dirname, "fixtures");
const size = { width: 200, height: 150 };

/** HEIC files by name: the photo and heif-enc's arguments. */
const encoded: Record<string, [Photo, string[]]> = {
  "heif-enc-420": [size, []],
  "heif-enc-444": [size, ["-p", "chroma=444"]],
  "heif-enc-odd": [{ width: 167, height: 101 }, []],
  "heif-enc-thumbnail": [size, ["-t", "64"]],
  "heif-enc-alpha": [{ width: 200, height: 100, alpha: true }, []],
};

const xmp = ["-XMP-dc:Creator=Secret", "-XMP-exif:GPSLatitude=46.948"];
const exif = ["-EXIF:Artist=Secret", "-EXIF:GPSLatitude=46.948"];

/** Originals with metadata by extension: the file, and exiftool's arguments. */
const tagged: Record<string, [() => Promise<Buffer> | Buffer, string[]]> = {
  jpg: [() => original("jpeg"), [...xmp, "-Comment=Secret", "-IPTC:By-line=Secret", ...exif]],
  png: [() => original("png"), [...xmp, "-Comment=Secret", "-EXIF:Artist=Secret"]],
  webp: [() => original("webp"), [...xmp, "-EXIF:Artist=Secret"]],
  avif: [() => original("avif"), [...xmp, "-EXIF:Artist=Secret"]],
  gif: [() => photo({ ...small, format: "gif" }), ["-XMP-dc:Creator=Secret", "-Comment=Secret"]],
  tif: [() => original("tiff"), [...xmp, "-IPTC:By-line=Secret", ...exif]],
  heic: [() => heic(), [...xmp, "-EXIF:Artist=Secret"]],
};

const small = { width: 120, height: 90 };
const original = (format: Photo["format"]) => photo({ ...small, format, profile: "p3", exif: phoneExif });

const work = await mkdtemp(join(tmpdir(), "fixtures-"));
for (const [name, [options, args]] of Object.entries(encoded)) {
  const from = join(work, `${name}.png`);
  await writeFile(from, await photo({ ...options, format: "png" }));
  execFileSync("heif-enc", ["-q", "80", ...args, from, "-o", join(folder, `${name}.heic`)]);
}
// As many pixels as an iPhone's main camera, of one colour, so that the file is small.
const flat = join(work, "flat.png");
await sharp({ create: { width: 8064, height: 6048, channels: 3, background: "teal" } })
  .png()
  .toFile(flat);
execFileSync("heif-enc", [
  "-q",
  "1",
  "-p",
  "preset=ultrafast",
  flat,
  "-o",
  join(folder, "heif-enc-48mp.heic"),
]);
for (const [extension, [make, args]] of Object.entries(tagged)) {
  const file = join(work, `metadata.${extension}`);
  await writeFile(file, await make());
  execFileSync("exiftool", ["-overwrite_original", ...args, file]);
  await writeFile(join(folder, `metadata.${extension}`), await readFile(file));
}
await rm(work, { recursive: true });
