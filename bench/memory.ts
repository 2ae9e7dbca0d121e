/** What one image takes of memory at most: the peak of a fresh process, above what it held before. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { table, verdict } from "./measure.ts";
import { photos, provenance, screenshot } from "./photos.ts";

const child = new URL("memory/child.ts", import.meta.url).pathname;

/** Prints the peaks. */
export async function run(): Promise<string> {
  const jpeg = async (megapixels: number, progressive = false) =>
    (await photos(megapixels, { most: 1, progressive }))[0] ?? Buffer.alloc(0);
  const cases: [name: string, make: () => Promise<Buffer>, target?: number][] = [
    ["12 MP JPEG", () => jpeg(12)],
    ["24 MP JPEG", () => jpeg(24)],
    ["48 MP JPEG", () => jpeg(48), 200],
    ["48 MP JPEG, progressive", () => jpeg(48, true), 400],
    ["50 MP PNG, screenshot with alpha", async () => large(await screenshot()), 400],
    [
      "50 MP PNG, photo",
      async () =>
        sharp(await jpeg(49.9))
          .png({ compressionLevel: 1 })
          .toBuffer(),
      400,
    ],
  ];
  const dir = mkdtempSync(join(tmpdir(), "bench-"));
  try {
    const file = join(dir, "original");
    const rows: string[][] = [];
    for (const [name, make, target] of cases) {
      const bytes = await make();
      writeFileSync(file, bytes);
      const two = peak(file, { MALLOC_ARENA_MAX: "2" });
      rows.push([
        name,
        (bytes.length / 1e6).toFixed(1),
        target ? verdict(two, "≤", target, 0) : two.toFixed(0),
        peak(file, {}).toFixed(0),
      ]);
    }
    return [
      `The default recipe, one image in a fresh process (${provenance(1)}; MB above the process with the engine loaded;`,
      "the target in brackets):",
      "",
      table(["original", "its bytes, MB", "peak, MALLOC_ARENA_MAX=2", "peak, as glibc would"], rows),
      "",
      "The peak is the kernel's (VmHWM), and holds the original's own bytes. The photo as PNG is larger than the 25 MiB",
      "that an upload may be by default: the limit is raised for it here.",
    ].join("\n");
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** 50 MP of a screenshot, each pixel larger than it was. */
const large = (bytes: Buffer) => sharp(bytes).resize(8940, 5588, { kernel: "nearest" }).png().toBuffer();

function peak(file: string, malloc: Record<string, string>): number {
  const { MALLOC_ARENA_MAX: _, ...rest } = process.env;
  return Number(execFileSync(process.execPath, [child, file], { env: { ...rest, ...malloc } }).toString());
}
