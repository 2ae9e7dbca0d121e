/** Random schedules over the real code. */
import fc from "fast-check";
import { schedule, type Weather } from "./acts.ts";
import { openTheatre } from "./theatre.ts";
import type { World } from "./world.ts";

/** By events alone, none of them lost; with everything, and one event in twenty lost; with three in ten lost. */
export const weathers = {
  calm: { lost: 0, api: false, reconciler: false },
  rough: { lost: 0.05, api: true, reconciler: true },
  storm: { lost: 0.3, api: true, reconciler: true },
} as const satisfies Record<string, Weather>;

/**
 * So many schedules share a world, each in a stretch of time and under keys of its own: the reconciler's two rounds at
 * the end, of 32 queries each however little there is, would else be more than half of a schedule's cost.
 */
const together = 20;

/** A failing schedule is made shorter for so long; then the shortest found is shown. */
const shrinkMsMax = 120_000;

export type Options = {
  dataDir: string;
  weather: Weather;
  /** Rounded up to whole worlds, of twenty. */
  runs: number;
  seed: number;
  /** Replays one world of a seed. */
  path?: string;
  /** Whether a failing schedule is made shorter. */
  shrink: boolean;
  /** Is told how many schedules have been played. */
  onProgress?: (played: number) => void;
};

/** What came of it: how often each kind of thing happened, and what went wrong, with the schedule that shows it. */
export type Result = { counts: ReadonlyMap<string, number>; wrong?: string; schedule?: string };

/** Plays schedules until one goes wrong. Once in a process. */
export async function playModel(options: Options): Promise<Result> {
  const { dataDir, weather, runs, seed, path, shrink, onProgress } = options;
  const theatre = await openTheatre(dataDir);
  const { counts } = theatre;
  let failedAt: number | undefined;
  let played = 0;
  const several = fc.array(schedule(weather), { minLength: together, maxLength: together });
  const property = fc.asyncProperty(several, async (schedules) => {
    if (failedAt !== undefined && performance.now() - failedAt > shrinkMsMax) return;
    const acts = schedules.map(({ commands, ...chance }) => ({
      ...chance,
      act: (world: World) => fc.asyncModelRun(() => ({ model: world, real: world }), commands),
    }));
    try {
      await theatre.play(weather, acts);
      played += together;
      onProgress?.(played);
    } catch (error) {
      failedAt ??= performance.now();
      throw error;
    }
  });
  const details = await fc.check(property, {
    numRuns: path ? 1 : Math.ceil(runs / together),
    seed,
    path,
    endOnFailure: !shrink,
  });
  await theatre.close();
  if (!details.failed) return { counts };
  const { errorInstance: error, counterexample, counterexamplePath } = details;
  return {
    counts,
    wrong: error instanceof Error ? error.message : String(error),
    // The world as it was played first: a path through the shorter ones leads to the same ones only by chance.
    schedule: `--seed ${seed} --path ${counterexamplePath?.split(":")[0]}\n${fc.stringify(counterexample)}`,
  };
}
