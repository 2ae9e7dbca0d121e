/** What one image takes of memory at most: the peak of a fresh process, above what it held before. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { median, table, verdict } from "./measure.ts";
import { photos, provenance, screenshot } from "./photos.ts";

const child = new URL("memory/child.ts", import.meta.url).pathname;

/** Prints the peaks. */
export async function run(): Promise<string> {
  const one = { most: 1 };
  const [jpeg12 = none, jpeg24 = none, jpeg48 = none, progressive = none, photo50 = none] = (
    await Promise.all([
      photos(12, one),
      photos(24, one),
      photos(48, one),
      photos(48, { ...one, progressive: true }),
      photos(50, one),
    ])
  ).flat();
  const cases: [string, Buffer, number | undefined][] = [
    ["12 MP JPEG", jpeg12, undefined],
    ["24 MP JPEG", jpeg24, undefined],
    ["48 MP JPEG", jpeg48, 200],
    ["48 MP JPEG, progressive", progressive, 400],
    ["50 MP PNG, screenshot with alpha", await screenshot(8940, 5588), 400],
    ["50 MP PNG, photo", await sharp(photo50).png({ compressionLevel: 3 }).toBuffer(), 400],
    [
      "50 MP PNG, photo of 16 bits",
      await sharp(photo50).toColourspace("rgb16").png({ compressionLevel: 3 }).toBuffer(),
      undefined,
    ],
  ];
  const dir = mkdtempSync(join(tmpdir(), "bench-"));
  try {
    const rows = cases.map(([name, bytes, target]) => {
      const file = join(dir, "original");
      writeFileSync(file, bytes);
      const [two, many] = [peaks(file, "2"), peaks(file, undefined)];
      return [
        name,
        (bytes.length / 1e6).toFixed(1),
        target ? verdict(two, "≤", target, 0) : two.toFixed(0),
        many.toFixed(0),
      ];
    });
    return [
      `The default recipe, one image in a fresh process (${provenance()}; MB above the process with the engine loaded;`,
      "the median of three; the target in brackets):",
      "",
      table(["original", "its bytes, MB", "peak, MALLOC_ARENA_MAX=2", "peak, as glibc would"], rows),
      "",
      "The peak is the kernel's (VmHWM), and holds the original's own bytes. Photos as PNG are larger than the 25 MiB that",
      "an upload may be by default: the limit is raised for them here.",
    ].join("\n");
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

const none = Buffer.alloc(0);

function peaks(file: string, arenas: string | undefined): number {
  const { MALLOC_ARENA_MAX: _, ...rest } = process.env;
  const env = arenas ? { ...rest, MALLOC_ARENA_MAX: arenas } : rest;
  return median(
    [1, 2, 3].map(() => Number(execFileSync(process.execPath, [child, file], { env }).toString())),
  );
}
