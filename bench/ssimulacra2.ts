/**
 * SSIMULACRA2 of encoded images: 90 is visually lossless, 70 high quality, 50 medium. A development tool: the command
 * line program of the crate `ssimulacra2` computes the score. It is not a dependency of the product.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import sharp from "sharp";
import { has } from "./measure.ts";
import type { Pixels } from "./similarity.ts";

const program = "ssimulacra2_rs";
const run = promisify(execFile);

/** Command that installs the program. AVX2 scores six times faster than code for every processor. */
const install =
  'RUSTFLAGS="-C target-cpu=native" cargo install ssimulacra2_rs --version 0.5.2 --no-default-features --locked';

/** True if the program is on the PATH. */
export const hasSsimulacra2 = has(program, "--version");

/** Sentence for the output of a benchmark that lacks the program; empty with it. */
export const ssimulacra2Missing = hasSsimulacra2
  ? ""
  : `**Missing: SSIMULACRA2** (\`${program}\` is not on the PATH; \`${install}\` installs it).`;

/** Returns the SSIMULACRA2 of an image against its original, both of the same size; undefined without the program. */
export async function ssimulacra2(before: Pixels, after: Pixels): Promise<number | undefined> {
  if (!hasSsimulacra2) return undefined;
  const dir = mkdtempSync(join(tmpdir(), "ssimulacra2-"));
  try {
    const paths = [join(dir, "before.png"), join(dir, "after.png")];
    for (const [i, { data, width, height }] of [before, after].entries())
      await sharp(data, { raw: { width, height, channels: 3 } })
        .png({ compressionLevel: 0 })
        .toFile(paths[i] as string);
    const { stdout } = await run(program, ["image", ...paths]);
    const [, score] = /^Score: (-?[\d.]+)/m.exec(stdout) ?? [];
    if (score === undefined) throw new Error(`${program} printed no score: ${stdout}`);
    return Number(score);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
