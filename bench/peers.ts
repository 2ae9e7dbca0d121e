/** The engine against other programs and packages: the default recipe, and one thumbnail, from 12 MP JPEGs. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodings, recipe, type Spec } from "../packages/core/src/engine/recipe.ts";
import { mean, median, roundsOf, sum, table, verdict } from "./measure.ts";
import { findPeers, type Output, ours, type Peer, sharpAlone } from "./peers/programs.ts";
import { photos, provenance } from "./photos.ts";

const most = 4;

/** Measures the default recipe and single thumbnails, and returns the tables. */
export async function run(): Promise<string> {
  const outputs = Object.entries<Spec>(recipe).map(
    ([name, { width, height, fit, formats, encode }]): Output => {
      const [format] = formats;
      if (format === "avif") throw new Error(`No peer writes AVIF: give ${name} another format.`);
      return { name, width, height, fit, format, effort: 0, ...encodings[format], ...encode?.[format] };
    },
  );
  const thumbnail = { name: "thumbnail", width: 200, height: 200, fit: "cover" } as const;
  return [
    `The default recipe (12 MP JPEG; ${provenance(most)}; target in brackets):`,
    await contest(outputs),
    "One 200 × 200 thumbnail as JPEG, quality 80:",
    await contest([{ ...thumbnail, format: "jpeg", quality: 80, effort: 0 }]),
    "One 200 × 200 thumbnail as WebP, quality 80:",
    await contest([{ ...thumbnail, format: "webp", quality: 80, effort: 4 }]),
    `Each peer runs in its own process on one thread, with all files in one process where possible (ImageMagick: one per
file). Loading code is not counted, except for command-line programs, where it cannot be separated. The engine also
reads the metadata and computes placeholder and perceptual hash. @napi-rs/image has no option for the effort and uses
libwebp's default, 4.`,
  ].join("\n\n");
}

/** Returns a row per peer: its CPU per image, and the engine's, measured before it in each round. */
async function contest(outputs: readonly Output[]): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), "bench-"));
  try {
    const files = (await photos(12, { most })).map((bytes, index) => {
      const file = join(dir, `${index}.jpg`);
      writeFileSync(file, bytes);
      return file;
    });
    const { peers, missing } = findPeers();
    const all = [sharpAlone, ...peers];
    const spent = new Map<Peer, { engine: number[]; peer: number[] }[]>(all.map((peer) => [peer, []]));
    for (let round = 0; round < roundsOf(3); round++) {
      for (let i = 0; i < all.length; i++) {
        // Each round starts with another peer, so that load of the machine affects all alike.
        const peer = all[(i + round) % all.length] as Peer;
        if (peer.slow && round > 0) continue;
        const some = peer.slow ? files.slice(0, 2) : files;
        spent.get(peer)?.push({ engine: await ours.run(some, outputs), peer: await peer.run(some, outputs) });
      }
    }
    const rows = all.map((peer) => {
      const pairs = spent.get(peer) ?? [];
      const ratio = median(pairs.map(({ engine, peer }) => sum(engine) / sum(peer)));
      const [theirs, engines] = [pairs.flatMap(({ peer }) => peer), pairs.flatMap(({ engine }) => engine)];
      return [peer.name, mean(theirs).toFixed(1), mean(engines).toFixed(1), verdict(ratio, "≤", 1)];
    });
    return [
      table(["", "CPU ms per image", "engine, paired", "engine / peer"], rows),
      ...missing.map(({ name, why }) => `\n**Missing: ${name}** (${why}).`),
    ].join("\n");
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
