/** Random schedules: fast-check generates them, plays them in worlds of fifty and shrinks the first that fails. */
import fc from "fast-check";
import { schedule } from "./commands.ts";
import type { Profile } from "./faults.ts";
import type { Schedule, Simulation } from "./simulation.ts";

/**
 * Schedules that share a world, one after another, each with a separate key prefix. The reconciler's passes at its end
 * cost 32 queries each, even for few images: more than half the cost of a schedule that is played alone.
 */
const togetherMax = 50;

/** Time limit for shrinking a failing schedule; after it the shortest one found is reported. */
const shrinkMsMax = 120_000;

export type Options = {
  profile: Profile;
  runs: number;
  seed: number;
  /** The path of one failing world of a seed, to replay it alone. */
  path?: string;
  /** Receives the number of schedules played. */
  onProgress?: (played: number) => void;
};

/** A violation, with the seed, path and schedule that show it. */
export type Failure = { violation: string; seed: number; path: string; schedule: string };

/** Plays schedules until one fails. Returns the failure, if any. */
export async function playSchedules(
  simulation: Simulation,
  { profile, runs, seed, path, onProgress }: Options,
): Promise<Failure | undefined> {
  let failedAt: number | undefined;
  let played = 0;
  const length = Math.min(togetherMax, runs);
  const worlds = fc.array(schedule(profile), { minLength: length, maxLength: length });
  const property = fc.asyncProperty(worlds, async (schedules: Schedule[]) => {
    if (failedAt !== undefined && performance.now() - failedAt > shrinkMsMax) return;
    const rest = failedAt === undefined && !path ? runs - played : length;
    try {
      await simulation.play(profile, schedules.slice(0, rest));
    } catch (error) {
      failedAt ??= performance.now();
      throw error;
    }
    played += Math.min(rest, length);
    onProgress?.(played);
  });
  const numRuns = path ? 1 : Math.ceil(runs / length);
  const details = await fc.check(property, { numRuns, seed, path, endOnFailure: path !== undefined });
  if (!details.failed) return undefined;
  const { errorInstance: error, counterexample, counterexamplePath } = details;
  return {
    violation: error instanceof Error ? error.message : String(error),
    seed,
    // Of the world as generated: a path through the shrunk ones leads to the same ones only by chance.
    path: counterexamplePath?.split(":")[0] ?? "",
    schedule: fc.stringify(counterexample),
  };
}
