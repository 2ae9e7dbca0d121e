/** Random schedules over the real code. */
import fc from "fast-check";
import { schedule, type Weather } from "./acts.ts";
import { openTheatre } from "./theatre.ts";

/** By events alone, none of them lost; with everything, and one event in twenty lost; with three in ten lost. */
export const weathers = {
  calm: { lost: 0, api: false, reconciler: false },
  rough: { lost: 0.05, api: true, reconciler: true },
  storm: { lost: 0.3, api: true, reconciler: true },
} as const satisfies Record<string, Weather>;

/** A failing schedule is made shorter for so long; then the shortest found is shown. */
const shrinkMsMax = 120_000;

export type Options = {
  dataDir: string;
  weather: Weather;
  runs: number;
  seed: number;
  /** Replays one schedule of a seed. */
  path?: string;
  /** Whether a failing schedule is made shorter. */
  shrink: boolean;
};

/** What came of it: how often each kind of thing happened, and what went wrong, with the schedule that shows it. */
export type Result = { counts: ReadonlyMap<string, number>; wrong?: string; schedule?: string };

/** Plays schedules until one goes wrong. Once in a process. */
export async function playModel({ dataDir, weather, runs, seed, path, shrink }: Options): Promise<Result> {
  const theatre = await openTheatre(dataDir);
  const { counts } = theatre;
  let failedAt: number | undefined;
  const property = fc.asyncProperty(schedule(weather), async ({ fates, skews, commands }) => {
    if (failedAt !== undefined && performance.now() - failedAt > shrinkMsMax) return;
    try {
      await theatre.play({ weather, fates, skews }, (world) =>
        fc.asyncModelRun(() => ({ model: world, real: world }), commands),
      );
    } catch (error) {
      failedAt ??= performance.now();
      throw error;
    }
  });
  const details = await fc.check(property, { numRuns: runs, seed, path, endOnFailure: !shrink });
  await theatre.close();
  if (!details.failed) return { counts };
  const { errorInstance: error, counterexample, counterexamplePath } = details;
  return {
    counts,
    wrong: error instanceof Error ? error.message : String(error),
    schedule: `--seed ${seed} --path ${counterexamplePath}\n${fc.stringify(counterexample)}`,
  };
}
