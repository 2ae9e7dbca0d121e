/** What is left of an original's metadata, as exiftool sees it: the tool that knows most places to hide something in. */
import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Photo, phoneExif, photo } from "../fixture.ts";
import { Settings } from "../settings.ts";
import { heic } from "./fixture-heic.ts";
import type { Spec } from "./recipe.ts";
import { render } from "./render.ts";

const formats = [...Settings.pipelineDefaults.formats, "tiff"];
const limits = { ...Settings.pipelineDefaults, formats };

const recipe = {
  inside: { width: 60, fit: "inside", formats: ["webp", "jpeg", "avif"] },
  cover: { width: 40, height: 40, fit: "cover", formats: ["webp", "jpeg", "avif"] },
  moving: { width: 50, height: 40, fit: "cover", formats: ["webp"], animated: true },
} as const satisfies Record<string, Spec>;

/** Groups of tags that say how the file is built: its size, its compression, its brands. */
const structural =
  /^(SourceFile|(ExifTool|System):.*|(File|JFIF|RIFF|QuickTime|Meta):(?!.*(Comment|Date|Time)).*)$/;

type Made = { bytes: Buffer; extension: string };

/** Runs exiftool on files of these bytes. Needs the tool. */
async function exiftool(files: readonly Made[], ...args: string[]) {
  const folder = await mkdtemp(join(tmpdir(), "exiftool-"));
  const paths = files.map(({ extension }, i) => join(folder, `${i}.${extension}`));
  try {
    await Promise.all(files.map(({ bytes }, i) => writeFile(paths[i] ?? "", bytes)));
    const printed = execFileSync("exiftool", [...args, ...paths], { stdio: "pipe" }).toString();
    return { printed, written: await Promise.all(paths.map((path) => readFile(path))) };
  } catch (cause) {
    const message = "exiftool is needed: apt-get install libimage-exiftool-perl, as .ci/run does.";
    throw (cause as { code?: string }).code === "ENOENT" ? new Error(message, { cause }) : cause;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Every tag of each file, unknown ones and those of embedded files included, by group and name. */
async function tagsOf(files: readonly Made[]): Promise<Record<string, unknown>[]> {
  const { printed } = await exiftool(files, "-j", "-G1", "-a", "-u", "-U", "-ee3", "-e");
  return JSON.parse(printed);
}

const secrets = ["-XMP-dc:Creator=Secret", "-XMP-exif:GPSLatitude=46.948", "-Comment=Secret"];
const more = ["-IPTC:By-line=Secret", "-EXIF:Artist=Secret", "-EXIF:GPSLatitude=46.948"];

test.each<[string, () => Promise<Buffer> | Buffer, string[]]>([
  ["jpg", () => original("jpeg"), [...secrets, ...more]],
  ["png", () => original("png"), [...secrets, "-EXIF:Artist=Secret"]],
  ["webp", () => original("webp"), [...secrets.slice(0, 2), "-EXIF:Artist=Secret"]],
  ["avif", () => original("avif"), [...secrets.slice(0, 2), "-EXIF:Artist=Secret"]],
  ["gif", () => photo({ width: 120, height: 90, format: "gif" }), [secrets[0] ?? "", "-Comment=Secret"]],
  ["tif", () => original("tiff"), [...secrets.slice(0, 2), ...more]],
  ["heic", () => heic(), [...secrets.slice(0, 2), "-EXIF:Artist=Secret"]],
])(
  "of a %s with every kind of metadata, nothing is left in any file made of it",
  async (extension, make, write) => {
    const bare = { bytes: await make(), extension };
    const [bytes = bare.bytes] = (await exiftool([bare], "-overwrite_original", ...write)).written;
    expect(JSON.stringify(await tagsOf([{ bytes, extension }]))).toContain("Secret");

    const { variants } = await render(bytes, limits, recipe);
    const files = variants.flatMap((variant) => variant.files);
    const all = await tagsOf(files);
    expect(all).toHaveLength(7);
    for (const tags of all) {
      expect(Object.keys(tags).filter((name) => !structural.test(name))).toEqual([]);
      expect(JSON.stringify(tags)).not.toContain("Secret");
    }
    expect(files.some((file) => file.bytes.includes("Secret"))).toBe(false);
  },
  60_000,
);

const original = (format: Photo["format"]) =>
  photo({ width: 120, height: 90, format, profile: "p3", exif: phoneExif });
