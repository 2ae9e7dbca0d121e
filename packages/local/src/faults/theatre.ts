/** Plays schedules on one stage, one after another, each in a world of its own. */
import type { Weather } from "./acts.ts";
import { makeFiles } from "./image-files.ts";
import { clear, comeToRest } from "./rest.ts";
import { type Audience, openStage } from "./stage.ts";
import { type Fate, openWorld, type World } from "./world.ts";

export type Theatre = {
  /** How often each kind of thing has happened. */
  counts: ReadonlyMap<string, number>;
  /** Plays `act` in an empty world and brings that to rest. Throws an error that names every promise broken. */
  play(schedule: Schedule, act: (world: World) => Promise<void>): Promise<void>;
  close(): Promise<void>;
};

type Schedule = {
  weather: Weather;
  fates: readonly Fate[];
  skews: readonly number[];
  /** Whether the stage is left as it is: nothing else will be played on it. */
  leave?: boolean;
};

/** Opens the stage in an empty folder. Once in a process. */
export async function openTheatre(dataDir: string): Promise<Theatre> {
  const counts = new Map<string, number>();
  const count = (what: string) => void counts.set(what, (counts.get(what) ?? 0) + 1);
  const files = await makeFiles();
  const listener = {} as { at: Audience };
  const stage = await openStage(dataDir, listener);
  return {
    counts,
    async play({ weather, fates, skews, leave = false }, act) {
      const world = openWorld(stage, listener, { files, fates, skews, count });
      try {
        await act(world);
        await comeToRest(world, weather);
        const wrong = [...world.witness.wrong];
        if (wrong.length > 0) throw new Error(wrong.join("; "));
        count("schedule");
      } finally {
        if (!leave) await clear(world);
      }
    },
    close: stage.close,
  };
}
