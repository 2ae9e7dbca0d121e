/** What can happen in a world, as fast-check commands: it finds the schedule that breaks something, and shortens it. */
import fc from "fast-check";
import { type Fault, faults, running, settle, step } from "./jobs.ts";
import type { World } from "./world.ts";

/** How rough it is: the share of notifications lost, and what takes part beside events and workers. */
export type Weather = { lost: number; api: boolean; reconciler: boolean };

type Command = fc.AsyncCommand<World, World>;

/** What somebody simply puts files under; one that every encoding on the way has to get right. */
const names = ["photo.jpg", "a b+c/é%20.jpg"];
const tags = ["cat", "dog"];

const index = fc.nat(30);
const pick = <T>(list: readonly T[], n: number): T | undefined => list[n % list.length];
const weighted = <T>(...pairs: [weight: number, T][]) =>
  fc.oneof(...pairs.map(([weight, value]) => ({ weight, arbitrary: fc.constant(value) })));

/** Nine in ten are short, which most faults need no more than; a long one costs as much as six of them. */
const lengths = [
  { weight: 9, maxCommands: 16 },
  { weight: 1, maxCommands: 80 },
];

/** A schedule: what happens, and what becomes of notifications and clocks meanwhile. */
export const schedule = (weather: Weather) =>
  fc.record({
    fates: fc.array(fate(weather.lost), { minLength: 1, maxLength: 10 }),
    skews: fc.array(fc.integer({ min: -5_000, max: 5_000 }), { minLength: 1, maxLength: 4 }),
    commands: fc.oneof(
      ...lengths.map(({ weight, maxCommands }) => ({
        weight,
        arbitrary: fc.commands(commands(weather), { maxCommands, size: "max" }),
      })),
    ),
  });

/** Mostly one copy, soon; now and then up to five, the last of them a quarter of an hour late; or none. */
function fate(lost: number): fc.Arbitrary<readonly number[]> {
  const late = weighted([5, 0], [2, 1_000], [1, 80_000], [1, 400_000], [1, 900_000]);
  const copies = fc.array(late, { minLength: 1, maxLength: 5, size: "-1" });
  const arriving = { weight: 1000 - lost * 1000, arbitrary: copies };
  return lost > 0
    ? fc.oneof(arriving, { weight: lost * 1000, arbitrary: fc.constant<readonly number[]>([]) })
    : copies;
}

function commands({ api, reconciler }: Weather): fc.Arbitrary<Command>[] {
  const acts: [weight: number, fc.Arbitrary<Command>][] = [
    [4, fc.tuple(index, index).map(put)],
    [2, index.map(remove)],
    [24, fc.tuple(index, index, fc.integer({ min: 1, max: 12 }), fault).map(run)],
    [4, weighted([4, 1_000], [2, 20_000], [4, 80_000], [3, 370_000]).map(stall)],
    [2, weighted([3, 90_000], [2, 3_700_000], [2, 22_000_000], [1, 90_000_000]).map(wait)],
  ];
  if (api) {
    acts.push([3, fc.tuple(index, fc.subarray(tags)).map(announce)], [3, index.map(send)]);
    acts.push([2, fc.tuple(index, fc.subarray(tags), index).map(patch)], [2, index.map(reprocess)]);
    acts.push([2, index.map(erase)]);
  }
  if (reconciler) {
    const job = fc.constantFrom("stuck", "compare", "sweep");
    acts.push([3, fc.tuple(job, weighted([3, 900], [1, 60])).map(reconcile)]);
    acts.push([1, fc.constant(act("the power fails", (world) => world.powerCut()))]);
  }
  return [fc.oneof(...acts.map(([weight, arbitrary]) => ({ weight, arbitrary })))];
}

/** Something that can always happen, or only if `can` says so. Fails as soon as any promise is broken. */
function act(
  name: string,
  run: (world: World) => unknown,
  can: (world: World) => boolean = () => true,
): Command {
  return {
    check: (world) => can(world),
    run: async (_, world) => {
      await run(world);
      await settle();
      if (world.witness.wrong.size > 0) throw new Error([...world.witness.wrong].join("; "));
    },
    toString: () => name,
  };
}

const recordsIn = ({ witness, isOfScene }: World) =>
  [...witness.records.values()].filter(({ imageID }) => isOfScene(imageID));

/** Every key that something lies or may lie under. */
const keysIn = (world: World) => [
  ...new Set([...names.map((name) => `${world.scene}/${name}`), ...recordsIn(world).map(({ key }) => key)]),
];

const imagesIn = (world: World) =>
  recordsIn(world).filter(({ status }) => status !== "deleting" && status !== "deleted");

function put([where, which]: [number, number]): Command {
  return act(`file ${which} is put under key ${where}`, async (world) => {
    const key = pick(keysIn(world), where);
    const file = pick(world.files, which);
    if (key && file) await world.put(key, file);
  });
}

function remove(where: number): Command {
  const keyIn = ({ witness, isOfScene }: World) => pick([...witness.uploads.keys()].filter(isOfScene), where);
  return act(
    `upload ${where} is removed`,
    async (world) => world.remove(keyIn(world) ?? ""),
    (world) => keyIn(world) !== undefined,
  );
}

const fault: fc.Arbitrary<Fault> = weighted(
  [8, "none"],
  ...faults.slice(1).map((fault): [number, Fault] => [1, fault]),
);

/** Lets a worker go on for some requests; what is to go wrong happens to the last of them. */
function run([who, choice, requests, fault]: [number, number, number, Fault]): Command {
  return act(
    `worker ${who} makes ${requests} requests by ${choice}; the last: ${fault}`,
    async ({ witness, count }) => {
      const job = pick(running(), who);
      for (let n = 1; n <= requests && job && job.gates.length > 0; n++) {
        const last = n === requests;
        if (last && fault !== "none") count(fault);
        await step(job, choice, last ? fault : "none");
        if (witness.wrong.size > 0) return;
      }
    },
    () => running().length > 0,
  );
}

function stall(ms: number): Command {
  return act(`${ms / 1000} s pass while workers sleep`, async (world) => {
    if (running().length > 0 && ms > 75_000)
      world.count(`stall past ${ms > 360_000 ? "visibility" : "lease"}`);
    await world.stall(ms);
  });
}

const wait = (ms: number) => act(`${ms / 1000} s pass`, (world) => world.wait(ms));

function announce([which, tags]: [number, string[]]): Command {
  return act(`file ${which} is announced with ${tags}`, (world) => {
    const file = pick(world.files, which);
    if (file) world.announce(file, tags);
  });
}

function send(who: number): Command {
  const idIn = ({ announced }: World) => pick([...announced.keys()], who);
  return act(
    `announced upload ${who} is sent`,
    (world) => world.send(idIn(world) ?? ""),
    (world) => idIn(world) !== undefined,
  );
}

const toImage = (name: string, who: number, run: (world: World, path: string) => void) =>
  act(
    name,
    (world) => {
      const image = pick(imagesIn(world), who);
      if (image) run(world, `/images/${image.imageID}`);
    },
    (world) => imagesIn(world).length > 0,
  );

const patch = ([who, tags, title]: [number, string[], number]) =>
  toImage(`image ${who} gets the title ${title} and the tags ${tags}`, who, (world, path) =>
    world.api("PATCH", path, { title: `title ${title}`, tags }),
  );

const reprocess = (who: number) =>
  toImage(`image ${who} is to be reprocessed`, who, (world, path) => world.api("POST", `${path}/reprocess`));

const erase = (who: number) =>
  toImage(`image ${who} is to be deleted`, who, (world, path) => world.api("DELETE", path));

function reconcile([job, seconds]: ["stuck" | "compare" | "sweep", number]): Command {
  return act(`the reconciler runs ${job} for ${seconds} s`, (world) => world.reconcile(job, seconds));
}
