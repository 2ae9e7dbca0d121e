/** Command generators: random schedules that fast-check shrinks, and the crowds of the storm and the races. */
import { randomFrom } from "@image-pipeline/core/fixture-random";
import fc from "fast-check";
import { drawFault, type Profile, profiles } from "./faults.ts";
import type { Endpoint } from "./invariants/invariant.ts";
import { type Mode, modes } from "./receivers.ts";
import { type Fault, faults, type Job, now, running, settle, step } from "./scheduler.ts";
import type { Command, Fate, Schedule, World } from "./simulation.ts";

/** Keys of direct uploads; the second one has every character that an encoding can get wrong. */
const keys = ["photo.jpg", "a b+c/é%20.jpg"];
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

/** Generates schedules under a profile. */
export const schedule = (profile: Profile): fc.Arbitrary<Schedule> =>
  fc.record({
    fates: fc.array(fate(profile.lost), { minLength: 1, maxLength: 10 }),
    skews: fc.array(fc.integer({ min: -5_000, max: 5_000 }), { minLength: 1, maxLength: 4 }),
    commands: fc.oneof(
      ...lengths.map(({ weight, maxCommands }) => ({
        weight,
        arbitrary: fc.commands(commands(profile), { maxCommands, size: "max" }),
      })),
    ),
  });

/** Mostly one copy, soon; now and then up to five, the last of them a quarter of an hour late; or none. */
function fate(lost: number): fc.Arbitrary<Fate> {
  const late = weighted([5, 0], [2, 1_000], [1, 80_000], [1, 400_000], [1, 900_000]);
  const copies = fc.array(late, { minLength: 1, maxLength: 5, size: "-1" });
  const arriving = { weight: 1000 - lost * 1000, arbitrary: copies };
  return lost > 0 ? fc.oneof(arriving, { weight: lost * 1000, arbitrary: fc.constant<Fate>([]) }) : copies;
}

function commands({ api, reconciler }: Profile): fc.Arbitrary<Command>[] {
  const all: [weight: number, fc.Arbitrary<Command>][] = [
    [4, fc.tuple(index, index).map(put)],
    [2, index.map(remove)],
    [24, fc.tuple(index, index, fc.integer({ min: 1, max: 12 }), fault).map(run)],
    [4, weighted([4, 1_000], [2, 20_000], [4, 80_000], [3, 370_000]).map(stall)],
    [2, weighted([3, 90_000], [2, 3_700_000], [2, 22_000_000], [1, 90_000_000]).map(wait)],
  ];
  if (api) {
    const method = fc.constantFrom("PUT", "POST");
    all.push([3, fc.tuple(index, fc.subarray(tags), method).map(create)], [4, index.map(send)]);
    all.push([2, index.map(repeat)], [2, index.map(importFrom)]);
    all.push([2, fc.tuple(index, fc.subarray(tags), index).map(patch)], [2, index.map(reprocess)]);
    all.push([3, fc.constant(command("sync", (world) => world.sync()))]);
    all.push([1, index.map(subscribe)], [3, fc.tuple(index, fc.constantFrom(...modes)).map(receive)]);
    all.push([1, index.map(rotate)], [1, fc.tuple(index, fc.boolean()).map(enable)]);
    all.push([2, fc.tuple(index, index).map(retry)]);
    all.push([2, index.map(erase)], [2, index.map(trash)], [2, index.map(restore)]);
  }
  if (reconciler) {
    const job = fc.constantFrom("stuck", "compare", "sweep", "deliver");
    all.push([3, fc.tuple(job, weighted([3, 900], [1, 60])).map(reconcile)]);
    all.push([1, fc.constant(command("power cut", (world) => world.powerCut()))]);
  }
  return [fc.oneof(...all.map(([weight, arbitrary]) => ({ weight, arbitrary })))];
}

/** Makes a command that runs if `can` allows it, and fails as soon as an invariant is violated. */
export function command(
  name: string,
  run: (world: World) => unknown,
  can: (world: World) => boolean = () => true,
): Command {
  return {
    check: (world) => can(world),
    run: async (_, world) => {
      await run(world);
      await settle();
      const { violations } = world.observer;
      if (violations.size > 0) throw new Error([...violations].join("; "));
    },
    toString: () => name,
  };
}

const recordsIn = ({ observer, isOfScene }: World) =>
  [...observer.records.values()].filter(({ imageID }) => isOfScene(imageID));

const keysIn = (world: World) => [
  ...new Set([...keys.map((key) => `${world.scene}/${key}`), ...recordsIn(world).map(({ key }) => key)]),
];

const imagesIn = (world: World) =>
  recordsIn(world).filter(({ status }) => status !== "deleting" && status !== "deleted");

function put([where, which]: [number, number]): Command {
  return command(`put file ${which} under key ${where}`, async (world) => {
    const key = pick(keysIn(world), where);
    const file = pick(world.files, which);
    if (key && file) await world.put(key, file);
  });
}

function remove(where: number): Command {
  const keyIn = ({ observer, isOfScene }: World) =>
    pick([...observer.uploads.keys()].filter(isOfScene), where);
  return command(
    `remove upload ${where}`,
    async (world) => world.remove(keyIn(world) ?? ""),
    (world) => keyIn(world) !== undefined,
  );
}

const fault: fc.Arbitrary<Fault> = weighted(
  [8, "none"],
  ...faults.slice(1).map((fault): [number, Fault] => [1, fault]),
);

/** Lets a worker make some requests; the last of them meets the fault. */
function run([who, choice, requests, fault]: [number, number, number, Fault]): Command {
  return command(
    `worker ${who} makes ${requests} requests by choice ${choice}; the last: ${fault}`,
    async ({ observer, count }) => {
      const job = pick(running(), who);
      for (let n = 1; n <= requests && job && job.gates.length > 0; n++) {
        const last = n === requests;
        if (last && fault !== "none") count(fault);
        await step(job, choice, last ? fault : "none");
        if (observer.violations.size > 0) return;
      }
    },
    () => running().length > 0,
  );
}

function stall(ms: number): Command {
  return command(`${ms / 1000} s pass while workers sleep`, async (world) => {
    if (running().length > 0 && ms > 75_000)
      world.count(`stall past ${ms > 360_000 ? "visibility" : "lease"}`);
    await world.stall(ms);
  });
}

const wait = (ms: number) => command(`${ms / 1000} s pass`, (world) => world.wait(ms));

function create([which, tags, method]: [number, string[], "PUT" | "POST"]): Command {
  return command(`create a ${method} of file ${which} with tags ${tags}`, (world) => {
    const file = pick(world.files, which);
    if (file) world.create(file, tags, method);
  });
}

/** Imports a file, or one that the server does not have, or not now. */
function importFrom(which: number): Command {
  return command(`import file ${which}`, (world) => {
    world.refused.set("busy", 503);
    world.importFrom(pick([...world.files.map(({ name }) => name), "gone", "busy"], which) ?? "");
  });
}

/** Clients repeat a request within the life of its idempotency key, a day. */
const repeatMs = 82_800_000;

function repeat(who: number): Command {
  const orderIn = ({ orders }: World) =>
    pick(
      orders.filter(({ at }) => now() - at < repeatMs),
      who,
    );
  return command(
    `repeat the creation of upload ${who}`,
    (world) => {
      const order = orderIn(world);
      if (order) world.repeat(order);
    },
    (world) => orderIn(world) !== undefined,
  );
}

function send(who: number): Command {
  const idIn = ({ created }: World) => pick([...created.keys()], who);
  return command(
    `send the bytes of created upload ${who}`,
    (world) => world.send(idIn(world) ?? ""),
    (world) => idIn(world) !== undefined,
  );
}

const onImage = (
  name: string,
  who: number,
  run: (world: World, path: string) => void,
  among: typeof recordsIn = imagesIn,
) =>
  command(
    name,
    (world) => {
      const image = pick(among(world), who);
      if (image) run(world, `/images/${image.imageID}`);
    },
    (world) => among(world).length > 0,
  );

const patch = ([who, tags, title]: [number, string[], number]) =>
  onImage(`patch image ${who} with title ${title} and tags ${tags}`, who, (world, path) =>
    world.api("PATCH", path, {
      title: `title ${title}`,
      tags,
      ...(title % 3 === 0 && { focus: focusOf(title) }),
      ...(title % 5 === 2 && { expiresAt: new Date(now() + 7_200_000).toISOString() }),
      ...(title % 5 === 3 && { expiresAt: null }),
      ...(title % 4 === 1 && { visibility: title % 8 === 1 ? "private" : "public" }),
    }),
  );

/** One of a few focal points: the same is set again now and then. */
const focusOf = (n: number) => ({ x: (n % 4) / 4, y: 0.5 });

/** Most endpoints of a world, all of whose images they receive. */
const endpointsMax = 2;

/** Creates an endpoint of an owner or of all. */
function subscribe(which: number): Command {
  return command(
    `subscribe receiver ${which}`,
    (world) => world.subscribe(`receiver-${which}`, { owner: which % 2 === 0 ? "default" : undefined }),
    ({ observer }) => observer.endpoints.length < endpointsMax,
  );
}

/** Lets a receiver behave otherwise from now on. */
function receive([which, mode]: [number, Mode]): Command {
  return command(
    `receiver ${which} is ${mode}`,
    ({ observer }) => {
      const endpoint = pick(observer.endpoints, which);
      if (endpoint) endpoint.receiver.mode = mode;
    },
    ({ observer }) => observer.endpoints.length > 0,
  );
}

/** Makes a command on an endpoint. */
const onEndpoint = (name: string, which: number, run: (world: World, endpoint: Endpoint) => void) =>
  command(
    name,
    (world) => {
      const endpoint = pick(world.observer.endpoints, which);
      if (endpoint) run(world, endpoint);
    },
    ({ observer }) => observer.endpoints.length > 0,
  );

const rotate = (which: number) =>
  onEndpoint(`rotate the secret of endpoint ${which}`, which, (world, endpoint) => world.rotate(endpoint));

const enable = ([which, enabled]: [number, boolean]) =>
  onEndpoint(`${enabled ? "enable" : "disable"} endpoint ${which}`, which, (world, endpoint) =>
    world.enable(endpoint, enabled),
  );

/** Sends a delivery again whose write is known to have succeeded. */
const retry = ([which, delivery]: [number, number]) =>
  onEndpoint(`send delivery ${delivery} of endpoint ${which} again`, which, (world, endpoint) => {
    const own = [...world.observer.deliveries.values()].filter(
      ({ webhookID, writeID }) => webhookID === endpoint.id && writeID === undefined,
    );
    const found = pick(own, delivery);
    if (found) world.retry(endpoint, found.deliveryID);
  });

const reprocess = (who: number) =>
  onImage(`reprocess image ${who}`, who, (world, path) => world.api("POST", `${path}/reprocess`));

/** Deletes an image, at first or again. */
const erase = (who: number) =>
  onImage(`delete image ${who}`, who, (world, path) => world.api("DELETE", path), recordsIn);

/** Puts an image into the trash, at first or again. */
const trash = (who: number) =>
  onImage(`trash image ${who}`, who, (world, path) => world.api("TRASH", path), recordsIn);

/** Restores an image that was in the trash, perhaps before. */
const restore = (who: number) =>
  onImage(
    `restore image ${who}`,
    who,
    (world, path) => world.api("POST", `${path}/restore`),
    (world) =>
      recordsIn(world).filter(({ imageID }) =>
        world.observer.history.get(imageID)?.some(({ type }) => type === "trashed"),
      ),
  );

function reconcile([job, seconds]: ["stuck" | "compare" | "sweep" | "deliver", number]): Command {
  return command(`reconciler: ${job} for ${seconds} s`, (world) => world.reconcile(job, seconds));
}

/** `acts` uploads or removals under `keys` keys; `removals` is the share of removals. */
export type Crowd = { seed: number; keys: number; acts: number; removals: number };

/** Workers left half-way after each act, and the time between two acts. */
const workersMax = 5;
const pauseMs = 100;

/** Generates one crowded schedule from a seed. `onProgress` receives the number of acts played. */
export function crowd({ seed, keys, acts, removals }: Crowd, onProgress?: (acts: number) => void): Schedule {
  const random = randomFrom(seed);
  const below = (n: number) => Math.floor(random() * n);
  const fates = Array.from({ length: 997 }, () => crowdFate(random));
  function* commands(): Generator<Command> {
    for (let n = 0; n < acts; n++) {
      const key = `crowd/${keys === acts ? n : below(keys)}.jpg`;
      yield command(`act ${n}`, async (world) => {
        const file = world.files[below(world.files.length)];
        if (random() < removals) await world.remove(key);
        else if (file) await world.put(key, file);
        await world.stall(pauseMs);
        await work(world, random);
        onProgress?.(n + 1);
      });
    }
  }
  return { fates, skews: [0, -3000, 4000], commands: commands() };
}

/** Lets workers make requests by chance until only `workersMax` are left half-way. */
async function work({ count }: World, random: () => number) {
  while (running().length > workersMax) {
    const job: Job | undefined = running()[Math.floor(random() * running().length)];
    if (!job) return;
    const fault = drawFault(job, random);
    if (fault !== "none") count(fault);
    await step(job, Math.floor(random() * 8), fault);
  }
}

/** One in twenty is lost; three in ten of the others are doubled, up to five copies and a quarter of an hour late. */
function crowdFate(random: () => number): Fate {
  if (random() < profiles.crowd.lost) return [];
  const copies = random() < 0.7 ? 1 : 1 + Math.ceil(random() * 4);
  return Array.from({ length: copies }, () => (random() < 0.6 ? 0 : Math.floor(random() ** 3 * 900_000)));
}
