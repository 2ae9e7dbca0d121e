/**
 * Many images at once, in all the faults there are: every upload must come to its end, and on every key the last
 * that the bucket saw must win.
 */
import { randomFrom } from "@image-pipeline/core/fixture-random";
import type { Weather } from "./acts.ts";
import { type Fault, type Job, running, step } from "./jobs.ts";
import { openTheatre } from "./theatre.ts";
import type { Fate, World } from "./world.ts";

export type Options = {
  dataDir: string;
  seed: number;
  /** How many keys there are, and how often something is put under one of them or taken away. */
  keys: number;
  acts: number;
  /** The share of acts that take away. */
  removals: number;
  /** Is told how many acts have been played. */
  onProgress?: (played: number) => void;
};

/** Of a hundred requests, so many go wrong in each of these ways. */
const faultShares: Record<"s3" | "dynamodb", [Fault, number][]> = {
  s3: [
    ["fail", 0.02],
    ["time out after", 0.01],
    ["die before", 0.002],
    ["die after", 0.002],
  ],
  dynamodb: [
    ["throttle", 0.02],
    ["time out after", 0.01],
    ["die before", 0.002],
    ["die after", 0.002],
  ],
};

/** One notification in twenty is lost; the others come once to five times, up to a quarter of an hour late. */
const weather: Weather = { lost: 0.05, api: false, reconciler: true };

/** So many workers at once, and so much time between two acts. */
const workers = 5;
const pauseMs = 100;

/** Plays it and says how often each kind of thing happened. Throws what was wrong. Once in a process. */
export async function playCrowd(options: Options): Promise<ReadonlyMap<string, number>> {
  const { dataDir, seed, keys, acts, removals, onProgress } = options;
  const random = randomFrom(seed);
  const below = (n: number) => Math.floor(random() * n);
  const theatre = await openTheatre(dataDir);
  const fates: Fate[] = Array.from({ length: 997 }, () => fateOf(random));
  const skews = [0, -3000, 4000];
  const act = async (world: World) => {
    for (let n = 0; n < acts; n++) {
      const key = `crowd/${keys === acts ? n : below(keys)}.jpg`;
      const file = world.files[below(world.files.length)];
      if (random() < removals) await world.remove(key);
      else if (file) await world.put(key, file);
      await world.stall(pauseMs);
      await work(world, random);
      onProgress?.(n + 1);
    }
  };
  await theatre.play(weather, [{ fates, skews, act }], { leave: true });
  await theatre.close();
  return theatre.counts;
}

/** Lets workers go on, each in turn and by chance, until only so many are left half-way. */
async function work({ count }: World, random: () => number) {
  while (running().length > workers) {
    const job = running()[Math.floor(random() * running().length)];
    if (!job) return;
    const fault = faultFor(job, random);
    if (fault !== "none") count(fault);
    await step(job, Math.floor(random() * 8), fault);
  }
}

function faultFor(job: Job, random: () => number): Fault {
  const isStore = job.gates.some(({ label }) => /Object/.test(label));
  let dice = random();
  for (const [fault, share] of faultShares[isStore ? "s3" : "dynamodb"]) {
    if (dice < share) return fault;
    dice -= share;
  }
  return "none";
}

function fateOf(random: () => number): Fate {
  if (random() < weather.lost) return [];
  const copies = random() < 0.7 ? 1 : 1 + Math.ceil(random() * 4);
  return Array.from({ length: copies }, () => (random() < 0.6 ? 0 : Math.floor(random() ** 3 * 900_000)));
}
