/**
 * Fuzzes the engine with mutated images: each must end as rendered or rejected. `npm run fuzz -- [seed] [count] [from]` runs 100,000; the tests run a tenth of that.
 */

import { Settings } from "../settings.ts";
import { type Mutant, mutants } from "./fixture-mutants.ts";
import type { Spec } from "./recipe.ts";
import { Rejection } from "./rejection.ts";
import { render } from "./render.ts";

/** Recipe of one small variant: the gate and the decoders are tested, not the encoders. */
const recipe = {
  tiny: { width: 16, fit: "inside", formats: ["jpeg"] },
} as const satisfies Record<string, Spec>;

/** Results: counts, the slowest mutant in milliseconds, and each mutant that ended in any other way. */
export type Tally = {
  rendered: number;
  rejected: number;
  slowestMs: number;
  slowest: string;
  faults: string[];
};

/** Runs `count` mutants of a seed one after the other. */
export async function fuzz(seed: number, from: number, count: number): Promise<Tally> {
  const tally: Tally = { rendered: 0, rejected: 0, slowestMs: 0, slowest: "", faults: [] };
  const { formats } = Settings.pipelineDefaults;
  const limits = { ...Settings.pipelineDefaults, formats: [...formats, "tiff"], location: true };
  for await (const mutant of mutants(seed, from, count)) {
    const start = performance.now();
    const fault = await attempt(mutant, limits, tally);
    const took = performance.now() - start;
    if (fault) tally.faults.push(`${mutant.name}: ${fault}`);
    if (took > tally.slowestMs) Object.assign(tally, { slowestMs: took, slowest: mutant.name });
  }
  return tally;
}

async function attempt(
  { bytes }: Mutant,
  limits: Settings.Pipeline,
  tally: Tally,
): Promise<string | undefined> {
  try {
    await render(bytes, limits, recipe);
    tally.rendered++;
    return undefined;
  } catch (error) {
    if (!(error instanceof Rejection)) return String(error);
    tally.rejected++;
    return undefined;
  }
}

if (import.meta.main) {
  const [seed = 1, count = 100_000, from = 0] = process.argv.slice(2).map(Number);
  const tally = await fuzz(seed, from, count);
  const memory = Math.round(process.resourceUsage().maxRSS / 1024);
  console.log(JSON.stringify({ seed, count, ...tally, memoryMB: memory }, undefined, 2));
  if (tally.faults.length > 0) process.exitCode = 1;
}
