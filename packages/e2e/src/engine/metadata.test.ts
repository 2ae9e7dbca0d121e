/** Variants as exiftool sees them, the program that knows most places where metadata can hide. */
import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { extensions, originalWithMetadata, variantsOf } from "@image-pipeline/core/engine/fixture-metadata";
import { expect, test } from "vitest";
import { describeWith } from "../needs.ts";

/** Groups of tags that describe how a file is built: its size, its compression, its brands. */
const structural =
  /^(SourceFile|(ExifTool|System):.*|(File|JFIF|RIFF|QuickTime|Meta):(?!.*(Comment|Date|Time)).*)$/;

/** Reads every tag of each file, including unknown ones and those of embedded files, by group and name. */
async function tagsOf(files: { bytes: Buffer; extension: string }[]): Promise<Record<string, unknown>[]> {
  const folder = await mkdtemp(join(tmpdir(), "exiftool-"));
  const paths = files.map(({ extension }, i) => join(folder, `${i}.${extension}`));
  try {
    await Promise.all(files.map(({ bytes }, i) => writeFile(paths[i] ?? "", bytes)));
    const args = ["-j", "-G1", "-a", "-u", "-U", "-ee3", "-e"];
    return JSON.parse(execFileSync("exiftool", [...args, ...paths], { stdio: "pipe" }).toString());
  } finally {
    await rm(folder, { recursive: true });
  }
}

describeWith("exiftool", "exiftool", () => {
  test.each(extensions)("finds nothing of a %s's metadata in any file made of it", async (extension) => {
    const bytes = await originalWithMetadata(extension);
    expect(JSON.stringify(await tagsOf([{ bytes, extension }]))).toContain("Secret");
    const all = await tagsOf(await variantsOf(bytes));
    expect(all).toHaveLength(7);
    for (const tags of all) {
      expect(Object.keys(tags).filter((name) => !structural.test(name))).toEqual([]);
      expect(JSON.stringify(tags)).not.toContain("Secret");
    }
  });
});
