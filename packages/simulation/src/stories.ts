/**
 * Schedules that matter one by one: each shows what one rule is there for. The real code gets through all of them;
 * without its rule it does not.
 */
import type { Weather } from "./acts.ts";
import type { File } from "./image-files.ts";
import { type Job, running, settle, step } from "./jobs.ts";
import type { Fate, World } from "./world.ts";

export type Story = {
  title: string;
  weather: Weather;
  /** What becomes of the notifications, in turn; one copy at once unless given. */
  fates?: Fate[];
  play(world: World): Promise<void>;
};

const calm: Weather = { lost: 0, api: false, reconciler: false };
const full: Weather = { lost: 0, api: true, reconciler: true };
const dayMs = 86_400_000;
const key = "photo.jpg";

/** By the mutant that each tells apart. */
export const stories: Record<string, Story> = {
  "ack-lost": {
    title: "A worker that oversleeps its lease leaves its message in the queue",
    weather: calm,
    async play(world) {
      await world.put(key, red(world));
      const worker = only();
      await before(worker, /^PutObject/);
      await world.stall(80_000);
      await finish(worker);
    },
  },
  "ack-lease": {
    title: "A message that comes again while its first worker is at work outlives that worker",
    weather: calm,
    async play(world) {
      await world.put(key, red(world));
      const first = only();
      await world.stall(361_000);
      const second = other(first);
      await before(first, /^GetObject/);
      await finish(second);
      first.kill();
    },
  },
  "ack-dead": {
    title: "A dead letter waits for the worker that still holds the lease",
    weather: calm,
    async play(world) {
      await world.put(key, red(world));
      for (let receive = 1; receive < 6; receive++) {
        only().kill();
        await world.stall(361_000);
      }
      const last = only();
      await world.stall(361_000);
      const burial = other(last);
      await before(last, /^GetObject/);
      await finish(burial);
      last.kill();
    },
  },
  "no-fence": {
    title: "A worker whose upload was replaced does not commit for the one that has taken over",
    weather: calm,
    async play(world) {
      await world.put(key, red(world));
      const first = only();
      await before(first, /^PutItem .*event/);
      await world.put(key, green(world));
      const second = other(first);
      await before(second, /^GetObject/);
      await finish(first);
    },
  },
  "no-lease": {
    title: "A worker that wakes after its lease commits nothing",
    weather: calm,
    async play(world) {
      await world.put(key, red(world));
      const worker = only();
      await before(worker, /^PutObject/);
      await world.stall(80_000);
      await finish(worker);
    },
  },
  "path-without-attempt": {
    title: "A late cleaner does not touch the variants of a picture that has come back",
    weather: calm,
    async play(world) {
      await world.put(key, red(world));
      await world.wait(1000);
      await world.remove(key);
      const cleaner = only();
      await before(cleaner, /^DeleteObjects/);
      await world.put(key, red(world));
      await finish(other(cleaner));
      await finish(cleaner);
    },
  },
  "one-path": {
    title: "A new upload leaves the old one's variants as they are",
    weather: calm,
    async play(world) {
      await world.put(key, red(world));
      await world.wait(1000);
      await world.put(key, green(world));
      await world.wait(1000);
    },
  },
  "no-sequencer": {
    title: "An event that comes after a newer one changes nothing",
    weather: calm,
    fates: [[0, 20_000], [0]],
    async play(world) {
      await world.put(key, red(world));
      await world.wait(1000);
      await world.put(key, green(world));
      await world.wait(60_000);
    },
  },
  "no-tombstone": {
    title: "An event from before the removal revives nothing",
    weather: calm,
    fates: [[0, 20_000], [0]],
    async play(world) {
      await world.put(key, red(world));
      await world.wait(1000);
      await world.remove(key);
      await world.wait(60_000);
    },
  },
  "no-if-match": {
    title: "A worker whose upload was replaced before it read it makes nothing of the other",
    weather: calm,
    async play(world) {
      await world.put(key, red(world));
      const worker = only();
      await before(worker, /^GetObject/);
      await world.put(key, green(world));
      await finish(worker);
    },
  },
  "publish-first": {
    title: "A record names no variant that is not there yet",
    weather: calm,
    async play(world) {
      await world.put(key, red(world));
      const worker = only();
      await before(worker, /^PutObject/);
      while (worker.gates.length > 0) await step(worker, 0, "none");
    },
  },
  "no-compare-and-set": {
    title: "Of two workers that have read the same record one writes",
    weather: calm,
    fates: [[0, 0]],
    async play(world) {
      await world.put(key, red(world));
      await world.wait(1000);
      world.fates = [[0, 0]];
      await world.put(key, green(world));
      const workers = [...running()];
      for (const worker of workers) await step(worker, 0, "none");
      for (const worker of workers) await finish(worker);
    },
  },
  "no-history": {
    title: "Each transition is on file before the next takes its place",
    weather: calm,
    async play(world) {
      await world.put(key, red(world));
      await world.wait(1000);
    },
  },
  "no-grace": {
    title: "Variants that were replaced an hour ago are left to those who still show them",
    weather: full,
    async play(world) {
      await world.put(key, red(world));
      await world.wait(2 * dayMs);
      await world.put(key, green(world));
      await world.wait(3_600_000);
      world.reconcile("sweep", 900);
      await world.wait(0);
    },
  },
  "no-compare": {
    title: "An upload whose event was lost is found",
    weather: full,
    fates: [[]],
    async play(world) {
      await world.put(key, red(world));
    },
  },
  "no-nudge": {
    title: "A reprocessing whose message was never sent is made good",
    weather: full,
    async play(world) {
      await world.put(key, red(world));
      await world.wait(1000);
      const [record] = world.witness.records.values();
      world.api("POST", `/images/${record?.imageID}/reprocess`);
      await before(only(), /^POST/);
      only().kill();
    },
  },
  "unfiled-end": {
    title:
      "That an image was deleted stays in its history, though the power failed and the tombstone is gone",
    weather: full,
    async play(world) {
      await world.put(key, red(world));
      await world.wait(1000);
      const [record] = world.witness.records.values();
      await world.remove(key);
      const cleaner = only();
      while (world.witness.records.get(record?.imageID ?? "")?.status !== "deleted")
        await step(cleaner, 0, "none");
      await world.powerCut();
    },
  },
  "told-twice": {
    title: "A removal that the reconciler found before its event came stands once in the history",
    weather: full,
    fates: [[0], [120_000]],
    async play(world) {
      await world.put(key, red(world));
      await world.wait(1000);
      const [record] = world.witness.records.values();
      world.api("DELETE", `/images/${record?.imageID}`);
      await world.wait(61_000);
      world.reconcile("stuck", 900);
      await world.wait(60_000);
    },
  },
  "late-untagging": {
    title: "Taking a tag away late does not undo that it was given anew",
    weather: full,
    async play(world) {
      await world.put(key, red(world));
      await world.wait(1000);
      const [record] = world.witness.records.values();
      const tag = (...tags: string[]) => world.api("PATCH", `/images/${record?.imageID}`, { tags });
      tag("cat");
      await world.wait(0);
      tag();
      const slow = only();
      await before(slow, /^DeleteItem/);
      tag("cat");
      await finish(other(slow));
      await finish(slow);
    },
  },
};

const red = ({ files }: World): File => fileOf(files, "red");
const green = ({ files }: World): File => fileOf(files, "green");

function fileOf(files: readonly File[], name: string): File {
  const file = files.find((file) => file.name === name);
  if (!file) throw new Error(`There is no file ${name}.`);
  return file;
}

/** The one job that runs. */
function only(): Job {
  const [job, ...more] = running();
  if (!job || more.length > 0) throw new Error(`${running().length} jobs run, not one.`);
  return job;
}

/** The job that runs beside another. */
function other(job: Job): Job {
  const found = running().find((candidate) => candidate !== job);
  if (!found) throw new Error("No other job runs.");
  return found;
}

/** Lets a job run until its next request is of this kind. */
async function before(job: Job, request: RegExp) {
  await settle();
  while (!job.gates.some(({ label }) => request.test(label))) {
    if (job.gates.length === 0) throw new Error(`${job.name} ended before it made the request ${request}.`);
    await step(job, 0, "none");
  }
}

async function finish(job: Job) {
  await settle();
  while (job.gates.length > 0) await step(job, 0, "none");
}
