/** The engine against everything else that makes the same files of the same photos. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { median, table, verdict } from "../measure.ts";
import { photos } from "../photos.ts";
import { findPeers, type Output, ours, type Peer, sharpAlone } from "./peers.ts";

/** One line for each contestant: CPU per image, and what the engine takes of it. */
export async function contest(
  outputs: readonly Output[],
  { rounds, target, most }: { rounds: number; target: number; most?: number },
): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), "bench-"));
  try {
    const files = (await photos(12, { most })).map((bytes, index) => {
      const file = join(dir, `${index}.jpg`);
      writeFileSync(file, bytes);
      return file;
    });
    const { peers, missing } = findPeers();
    const all = [sharpAlone, ...peers];
    /** Of each peer, round by round: what the engine took of the same files just before, and what it took itself. */
    const spent = new Map<Peer, { engine: number[]; peer: number[] }[]>(all.map((peer) => [peer, []]));
    for (let round = 0; round < rounds; round++) {
      // Turn about, so that a slow moment of the machine meets all alike; the engine is asked before each peer.
      for (let i = 0; i < all.length; i++) {
        const peer = all[(i + round) % all.length] as Peer;
        if (peer.slow && round > 0) continue;
        const some = peer.slow ? files.slice(0, 2) : files;
        spent.get(peer)?.push({ engine: await ours.run(some, outputs), peer: await peer.run(some, outputs) });
      }
    }
    const rows = all.map((peer) => {
      const pairs = spent.get(peer) ?? [];
      const ratio = median(pairs.map(({ engine, peer }) => sum(engine) / sum(peer)));
      const [theirs, engines] = [pairs.map(({ peer }) => peer), pairs.map(({ engine }) => engine)];
      return [peer.name, mean(theirs), mean(engines), verdict(ratio, "≤", target)];
    });
    return [
      table(["", "CPU ms per image", "engine beside it", `engine / it`], rows),
      ...missing.map(({ name, why }) => `\n**Missing: ${name}** (${why}).`),
    ].join("\n");
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);

const mean = (rounds: readonly (readonly number[])[]) => {
  const all = rounds.flat();
  return (sum(all) / all.length).toFixed(1);
};
