/** Plays schedules on one stage, one after another, each in a world of its own. */
import type { Weather } from "./acts.ts";
import { makeFiles } from "./image-files.ts";
import { clear, comeToRest, untilQuiet } from "./rest.ts";
import { type Audience, openStage } from "./stage.ts";
import { type Chance, openWorld, type World } from "./world.ts";

export type Theatre = {
  /** How often each kind of thing has happened. */
  counts: ReadonlyMap<string, number>;
  /**
   * Plays schedules in an empty world, one after another, each until nothing moves, and brings the world to rest.
   * Throws an error that names every promise broken. `leave`: nothing else will be played on this stage.
   */
  play(weather: Weather, schedules: readonly Schedule[], options?: { leave?: boolean }): Promise<void>;
  close(): Promise<void>;
};

type Schedule = Chance & { act(world: World): Promise<void> };

/** Opens the stage in an empty folder. Once in a process. */
export async function openTheatre(dataDir: string): Promise<Theatre> {
  const counts = new Map<string, number>();
  const count = (what: string) => void counts.set(what, (counts.get(what) ?? 0) + 1);
  const files = await makeFiles();
  const listener = {} as { at: Audience };
  const stage = await openStage(dataDir, listener);
  return {
    counts,
    async play(weather, schedules, { leave = false } = {}) {
      const world = openWorld(stage, listener, { files, count });
      try {
        for (const { act, ...chance } of schedules) {
          world.begin(chance);
          await act(world);
          await untilQuiet(world);
        }
        await comeToRest(world, weather);
        const wrong = [...world.witness.wrong];
        if (wrong.length > 0) throw new Error(wrong.join("; "));
        for (const _ of schedules) count("schedule");
      } finally {
        if (!leave) await clear(world);
      }
    },
    close: stage.close,
  };
}
