/** Plays schedules over the real parts: one world at a time, each checked against the invariants. */
import { createClient } from "@image-pipeline/client";
import { type MirrorStore, memoryMirror, step as syncStep } from "@image-pipeline/client/sync";
import { ID } from "@image-pipeline/core/id";
import type { EventType } from "@image-pipeline/core/table/webhook-entity";
import { contextOf, names } from "@image-pipeline/local/environment";
import { type Queue, startQueue } from "@image-pipeline/local/queue";
import { eventRecord } from "@image-pipeline/local/s3/event";
import type { SQSBatchResponse, SQSEvent } from "aws-lambda";
import fc from "fast-check";
import { type Copied, copyJob, readCopies, writeCopy } from "./copies.ts";
import { type Audience, type Environment, openEnvironment, region } from "./environment.ts";
import type { Broken, Profile } from "./faults.ts";
import { type File, makeFiles } from "./image-files.ts";
import type { Endpoint, Secret } from "./invariants/invariant.ts";
import { invariants } from "./invariants/invariants.ts";
import { createObserver, type Observer } from "./observer.ts";
import { everyEvent, type Receiver, receiversURL } from "./receivers.ts";
import {
  advance,
  clearTimers,
  clock,
  gate,
  harms,
  hasTimers,
  killAll,
  nextTimer,
  now,
  running,
  settle,
  start,
  step,
} from "./scheduler.ts";

/** The delays in milliseconds after which the copies of one notification reach the queue. Empty: it is lost. */
export type Fate = readonly number[];

/** The fates of notifications and the clock skews of workers, in milliseconds; each list repeats. */
export type Chance = { fates: readonly Fate[]; skews: readonly number[] };

export type Command = fc.AsyncCommand<World, World>;

/** The commands to play, in order. */
export type Schedule = Chance & { commands: Iterable<Command> };

type Upload = {
  method: string;
  url: string;
  headers?: Record<string, string>;
  fields?: Record<string, string>;
};
type Answer = {
  status: number;
  body: { id?: string; version?: number; filename?: string; upload?: Upload };
};

/** A request to create an image under an idempotency key, and when it was first sent, in virtual milliseconds. */
type Order = { key: string; body: { filename: string; from?: { url: string } }; at: number; file?: File };

/** One world, and everything that a schedule can do in it. */
export type World = {
  environment: Environment;
  observer: Observer;
  files: readonly File[];
  /** Dealt to notifications in turn. */
  fates: readonly Fate[];
  /** The number of the schedule, from 0: several share a world, each with a separate key prefix. */
  scene: number;
  /** Begins the next schedule. */
  begin(chance: Chance): void;
  /** Returns true if an image (by id) or an upload (by key) belongs to this schedule. */
  isOfScene(name: string): boolean;
  /** The presigned requests of created uploads, by image. */
  created: Map<string, { upload: Upload; file: File }>;
  count(what: string): void;
  /** Returns whether no job was killed and no request met a fault in this world. */
  isUnharmed(): boolean;
  put(key: string, file: File): Promise<void>;
  remove(key: string): Promise<void>;
  /** Creates an upload with the file's SHA-256, under an idempotency key. */
  create(file: File, tags: readonly string[], method?: "PUT" | "POST"): void;
  /** Creates an import of a file by its name, or of a name that the server does not know. */
  importFrom(name: string): void;
  /** The statuses by which the server of imports refuses a name that it knows. */
  refused: Map<string, number>;
  /** The requests of this schedule that created an upload or an import. */
  orders: Order[];
  /** Sends such a request again, as its client does within a day. */
  repeat(order: Order): void;
  /** Sends the bytes of a created upload, at first or again. */
  send(imageID: string): Promise<void>;
  /** Sends a request to the API. `TRASH` is a DELETE on a stage with a trash. */
  api(method: string, path: string, body?: object): void;
  /** Lets the client that keeps a copy read a page of the change feed and save it. */
  sync(): void;
  mirrored(): Promise<Map<string, number>>;
  /** Exports every image, and empties the stage, which is then another one. */
  leave(): Promise<Copied[]>;
  /** Imports an image. */
  copy(image: Copied): void;
  reconcile(job: "stuck" | "compare" | "sweep" | "deliver", seconds: number): void;
  /** The schedules have ended: no message to the sender is lost any more. */
  isOver: boolean;
  /** Receivers of webhooks, by name. */
  receivers: Map<string, Receiver>;
  /** Creates an endpoint for an owner, or for all, with a new receiver, or one that exists, of this name. */
  subscribe(name: string, options?: { owner?: string; events?: readonly EventType[] }): Promise<void>;
  /** Rotates the secret of an endpoint. */
  rotate(endpoint: Endpoint): void;
  /** Enables or disables an endpoint. */
  enable(endpoint: Endpoint, enabled: boolean): void;
  /** Sends a delivery again. */
  retry(endpoint: Endpoint, deliveryID: string): void;
  /** Lets time pass while every worker sleeps. */
  stall(ms: number): Promise<void>;
  /** Lets time pass while every worker runs to its end. */
  wait(ms: number): Promise<void>;
  /** Kills every worker and loses every message. */
  powerCut(): Promise<void>;
  /** Waits, without further faults, until no message is left and nothing runs. */
  untilQuiet(): Promise<void>;
};

/** Lambda's longest run. */
const lifeMs = 900_000;

/** Several times what any schedule has taken: more is a livelock. */
const requestsMax = 20_000;
const timersMax = 200_000;

/** Six times the processor's timeout, as deployed. */
const visibilityTimeoutMs = 360_000;

const dayMs = 86_400_000;

/** URLs that receivers of webhooks may have. */
const egress = { http: true, loopback: true };

/** Time after which every process has read a new endpoint, by clocks that differ by ten seconds. */
const subscribedMs = 30_000;

/** Reconciler passes until one changes nothing. */
const passesMax = 12;

export type Simulation = {
  /** Number of occurrences by kind: commands, faults and outcomes. */
  counts: ReadonlyMap<string, number>;
  /**
   * Plays schedules in an empty world, one after another, lets the world come to rest and checks it. Throws an error
   * that names every violation. `leave` skips the clean-up, for the last world of a process.
   */
  play(
    profile: Profile,
    schedules: readonly Schedule[],
    options?: { broken?: Broken; leave?: boolean },
  ): Promise<void>;
  close(): Promise<void>;
};

/** Starts the real parts over an empty folder. Once in a process. */
export async function openSimulation(dataDir: string): Promise<Simulation> {
  const counts = new Map<string, number>();
  const count = (what: string) => void counts.set(what, (counts.get(what) ?? 0) + 1);
  const files = await makeFiles();
  let audience: Audience | undefined;
  const environment = await openEnvironment(dataDir, () => {
    if (!audience) throw new Error("No world is open.");
    return audience;
  });
  return {
    counts,
    async play(profile, schedules, { broken, leave = false } = {}) {
      const listen = (next: Omit<Audience, "broken">) => {
        audience = { ...next, broken };
      };
      const world = openWorld(environment, files, { count, listen, broken });
      const { observer } = world;
      try {
        for (const { commands, ...chance } of schedules) {
          world.begin(chance);
          await fc.asyncModelRun(() => ({ model: world, real: world }), commands);
          await world.untilQuiet();
        }
        await check(world, profile);
        if (observer.violations.size > 0) throw new Error([...observer.violations].join("; "));
        for (const _ of schedules) count("schedule");
      } finally {
        if (audience) audience.broken = undefined;
        if (!leave) await clear(world);
      }
    },
    close: environment.close,
  };
}

/** Brings a quiet world to rest, with the reconciler's help where it takes part, and checks every invariant. */
async function check(world: World, profile: Profile): Promise<void> {
  const { observer } = world;
  world.isOver = true;
  for (let pass = 0, still = false; profile.reconciler && !still && pass < passesMax; pass++) {
    // Longer than anything is kept or postponed.
    await world.wait(2 * dayMs);
    const before = observer.writes;
    for (const { receiver } of observer.endpoints) receiver.mode = "well";
    const deliver = observer.endpoints.length > 0 ? (["deliver"] as const) : [];
    for (const job of ["compare", "stuck", "sweep", ...deliver] as const) {
      world.reconcile(job, 900);
      await world.untilQuiet();
      // Before the sweep, which removes what nothing else has.
      if (job === "stuck" && pass === 0) await checkAtRest(world, profile, ["I24"]);
    }
    still = pass > 0 && observer.writes === before;
  }
  await checkAtRest(world, profile, Object.keys(invariants));
  // A month later, when tombstones have expired.
  await world.wait(31 * dayMs);
  await world.environment.expire();
  observer.expired();
  await checkAtRest(world, profile, ["I15"]);
}

/** Checks these invariants of a world in which nothing moves. */
async function checkAtRest(world: World, profile: Profile, names: readonly string[]): Promise<void> {
  for (const name of names)
    for await (const violation of invariants[name]?.atRest?.(world, profile) ?? [])
      world.observer.report(name, violation);
}

function formOf(fields: Record<string, string>, bytes: Uint8Array<ArrayBuffer>): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  form.set("file", new Blob([bytes]));
  return form;
}

/** Empties the environment for the next world. */
async function clear(world: World): Promise<void> {
  const { observer, environment } = world;
  await world.powerCut();
  await environment.removeAll(names.uploads, observer.uploads.keys());
  await environment.removeAll(names.processed, observer.variants.keys());
  await world.powerCut();
  await environment.deleteItems(observer.keys);
}

/** Base URL of the client that keeps a copy, whose requests go to the API in this process. */
const deviceURL = "http://api.test";

/**
 * The store of a client that keeps a copy: a write is one request, which outlives the client. A store that is late saves
 * the cursor first.
 */
function deviceStore(broken: Broken | undefined): MirrorStore {
  const store = memoryMirror();
  const save = (label: string, ...[cursor, page]: Parameters<MirrorStore["save"]>) =>
    gate(
      label,
      () => store.save(cursor, page),
      async () => {
        throw new Error("The device's store failed.");
      },
    );
  return {
    ...store,
    async save(cursor, page) {
      if (broken?.({ operation: "SavePage" }) !== "late") return save("SavePage", cursor, page);
      const isSaved = await save("SaveCursor", cursor, { ...page, upserts: [], deletes: [] });
      return isSaved && (await save("SaveItems", page.state.cursor, page));
    },
  };
}

function openWorld(
  environment: Environment,
  files: readonly File[],
  {
    count,
    listen,
    broken,
  }: {
    count(what: string): void;
    listen(audience: Omit<Audience, "broken">): void;
    broken: Broken | undefined;
  },
): World {
  const observer = createObserver(files);
  const harmsBefore = harms();
  let queue: Queue;
  let imports: Queue;
  let deliveries: Queue;
  let deadLetters: Queue;
  let skews: readonly number[] = [0];
  let dealt = 0;
  let started = 0;
  let earlier: ReadonlySet<string> = new Set();
  const created: World["created"] = new Map();
  const receivers: World["receivers"] = new Map();

  const store = deviceStore(broken);
  const client = createClient({
    baseUrl: deviceURL,
    tries: 1,
    fetch: (url, init) => environment.app.request(url.slice(deviceURL.length), init),
  });

  const run = <T>(name: string, work: () => Promise<T>) => {
    const skewMs = skews[started++ % skews.length] ?? 0;
    count(name);
    return start({ name, startedAt: now(), skewMs }, work);
  };
  const context = (seconds: number) =>
    contextOf({ name: "f", region, requestID: "r", deadline: now() + seconds * 1000, memoryMB: 1024 });
  const consume = (name: string, handler: Environment["processor"]) => (event: SQSEvent) =>
    run(name, async () => (await handler(event, context(60), () => {})) as SQSBatchResponse);

  async function ask(method: string, path: string, body?: object, key?: string): Promise<Answer> {
    const headers = { "content-type": "application/json", ...(key && { "idempotency-key": key }) };
    const init = body ? { body: JSON.stringify(body), headers } : {};
    const request = `${method} ${path.replace(/img_\w+/, ":id")}`;
    return run(request, async () => {
      const response =
        method === "TRASH"
          ? await environment.trash.request(path, { method: "DELETE" })
          : await environment.app.request(path, { method, ...init });
      const { status } = response;
      const answer = status === 204 ? {} : ((await response.json()) as Answer["body"]);
      if (response.ok) observer.answered(request, { id: /img_\w+/.exec(path)?.[0], ...answer }, body);
      else count(`${request}: ${status}`);
      if (status === 200 && request === "POST /images") count("created without an upload");
      return { status, body: answer };
    });
  }

  function order({ key, body, file }: Order) {
    ask("POST", "/images", body, key).then(
      ({ body: { id, upload } }) => {
        if (id && upload && file) created.set(id, { upload, file });
      },
      () => {},
    );
  }

  function openQueues() {
    const common = { region, visibilityTimeoutMs, clock, concurrency: 6 };
    const consumeDead = consume("dead letter", environment.deadLetter);
    deadLetters = startQueue({ ...common, name: "dead", consume: consumeDead });
    queue = startQueue({
      ...common,
      name: names.queue,
      consume: consume("delivery", environment.processor),
      maxReceiveCount: 6,
      deadLetters,
    });
    imports = startQueue({
      ...common,
      name: "imports",
      consume: consume("import", environment.importer),
      maxReceiveCount: 6,
      deadLetters,
    });
    deliveries = startQueue({
      ...common,
      name: "deliveries",
      visibilityTimeoutMs: 180_000,
      consume: consume("sender", environment.sender),
    });
    // Processes that start have read no subscriptions.
    environment.forgetSubscriptions();
  }
  openQueues();

  /** Delivers the copies of one message by the next fate. */
  function deliver(to: Pick<Queue, "send">, body: string, group: string | undefined, laterMs = 0) {
    const fate = world.fates[dealt++ % world.fates.length] ?? [0];
    if (fate.length !== 1) count(fate.length === 0 ? "lost" : "doubled");
    for (const delayMs of fate) to.send(body, { delayMs: laterMs + delayMs, group });
  }

  listen({
    applied: observer.applied,
    lagging: (input) => observer.index.query(input),
    stored(event) {
      observer.stored(event);
      if (event.bucket !== names.uploads) return;
      deliver(queue, JSON.stringify({ Records: [eventRecord(event, region)] }), ID.groupOf(event.key));
    },
    queue: { send: (body, options) => queue.send(body, options) },
    imported: (body, { delayMs, group } = {}) => deliver(imports, body, group, delayMs),
    delivered(body, { delayMs, group } = {}) {
      if (world.isOver) deliveries.send(body, { delayMs, group });
      else deliver(deliveries, body, group, delayMs);
    },
    receivers,
    source: (name) => world.refused.get(name) ?? files.find((file) => file.name === name)?.bytes ?? 404,
  });

  async function finish() {
    await settle();
    for (let requests = 0; running().length > 0; requests++) {
      const job = running().find(({ gates }) => gates.length > 0);
      if (!job) break;
      await step(job);
      if (requests > requestsMax)
        throw new Error(`The jobs made over ${requestsMax} requests without an end.`);
    }
  }

  const world: World = {
    environment,
    observer,
    files,
    fates: [[0]],
    scene: -1,
    begin(chance) {
      world.scene++;
      world.fates = chance.fates;
      skews = chance.skews;
      dealt = 0;
      started = 0;
      created.clear();
      world.orders = [];
      world.refused.clear();
      earlier = new Set([...observer.records.keys(), ...observer.uploads.keys()]);
    },
    isOfScene: (name) => !earlier.has(name),
    created,
    count,
    isUnharmed: () => harms() === harmsBefore,
    async put(key, file) {
      observer.touched.add(key);
      const response = await environment.put(key, file.bytes);
      if (!response.ok)
        throw new Error(`The store refused ${key}: ${response.status} ${await response.text()}`);
    },
    async remove(key) {
      observer.touched.add(key);
      await environment.remove(key);
    },
    orders: [],
    refused: new Map(),
    importFrom(name) {
      const key = `import-${world.scene}-${world.orders.length}`;
      const body = { filename: `${key}.jpg`, from: { url: `${environment.sourceURL}/${name}` } };
      const first = { key, body, at: now() };
      world.orders.push(first);
      order(first);
    },
    create(file, tags, method = "PUT") {
      const key = `once-${world.scene}-${world.orders.length}`;
      const { name, bytes, sha256 } = file;
      const sent = { filename: `${key}.jpg`, contentType: "image/jpeg", bytes: bytes.length, sha256 };
      const first = { key, body: { ...sent, method, title: name, tags }, at: now(), file };
      world.orders.push(first);
      order(first);
    },
    repeat: order,
    async send(imageID) {
      const order = created.get(imageID);
      if (!order) return;
      const { upload, file } = order;
      const { method, url, headers, fields } = upload;
      const bytes = new Uint8Array(file.bytes);
      const body = fields ? formOf(fields, bytes) : bytes;
      // Refused where the URL has expired or, for a PUT, an object exists, which is correct.
      await (await fetch(url, { method, headers, body })).arrayBuffer();
    },
    api(method, path, body) {
      const [id = ""] = /img_\w+/.exec(path) ?? [];
      if (method !== "GET") observer.touched.add(ID.keyOf("default", id));
      ask(method, path, body).catch(() => {});
    },
    sync() {
      run("sync", () => syncStep((query) => client.images.changes({ ...query, limit: 3 }), store)).catch(
        () => {},
      );
    },
    async mirrored() {
      while ((await syncStep((query) => client.images.changes(query), store)).more);
      const rows = await store.rows({});
      const live = rows.filter(({ expiresAt }) => expiresAt === undefined || Date.parse(expiresAt) > now());
      return new Map(live.map(({ id, image }) => [id, image.version]));
    },
    async leave() {
      const copies = await readCopies(observer.records.keys());
      // What is removed with its record is no violation.
      observer.records.clear();
      await clear(world);
      observer.empty();
      created.clear();
      return copies;
    },
    copy(image) {
      observer.copies.set(image.record.imageID, image);
      run(copyJob, () => writeCopy(image)).catch(() => {});
    },
    reconcile(job, seconds) {
      run(job, () => environment.reconciler({ job }, context(seconds))).catch(() => {});
    },
    isOver: false,
    receivers,
    async subscribe(name, { owner, events = everyEvent } = {}) {
      const receiver: Receiver = receivers.get(name) ?? { mode: "well", received: [] };
      receivers.set(name, receiver);
      const { id, secret } = await environment.webhooks.create(
        { url: receiversURL + name, events: [...events], owner },
        { webhooksMax: 10, egress },
      );
      const secrets = [{ startedAt: now(), endedAt: now(), secret }];
      const since = now() + subscribedMs;
      observer.endpoints.push({ id, name, owner, events, since, receiver, secrets, retried: new Map() });
    },
    rotate({ id, secrets }) {
      const asked: Secret = { startedAt: now() };
      secrets.push(asked);
      run("rotate", () => environment.webhooks.rotate({ id })).then(
        ({ secret }) => Object.assign(asked, { secret, endedAt: now() }),
        () => {},
      );
    },
    enable(endpoint, enabled) {
      const { id } = endpoint;
      endpoint.since = Number.POSITIVE_INFINITY;
      run("enable", () => environment.webhooks.update({ id }, { enabled }, { egress })).then(
        () => {
          endpoint.since = enabled ? now() + subscribedMs : Number.POSITIVE_INFINITY;
        },
        () => {
          endpoint.since = Number.POSITIVE_INFINITY;
        },
      );
    },
    retry({ id, retried }, delivery) {
      run("retry", () => environment.webhooks.retry({ id, delivery })).then(
        () => retried.set(delivery, now()),
        () => {},
      );
    },
    async stall(ms) {
      await advance(ms, settle);
      for (const job of running()) if (now() - job.startedAt > lifeMs) job.kill();
      await settle();
    },
    async wait(ms) {
      await finish();
      await advance(ms, finish);
    },
    async powerCut() {
      const stopped = [queue.stop(), imports.stop(), deliveries.stop(), deadLetters.stop()];
      killAll();
      await Promise.all(stopped);
      clearTimers();
      openQueues();
    },
    async untilQuiet() {
      await finish();
      for (let timers = 0; hasTimers() || running().length > 0; timers++) {
        nextTimer();
        await finish();
        if (timers > timersMax) return observer.report("I1", "the world does not come to rest");
      }
    },
  };
  return world;
}
