/** One world: an empty stage on which a schedule plays, and everything that the schedule can do. */

import { contextOf } from "@image-pipeline/local/context";
import { names } from "@image-pipeline/local/environment";
import { type Queue, startQueue } from "@image-pipeline/local/queue";
import { eventRecord, type ObjectEvent } from "@image-pipeline/local/s3/event";
import type { SQSBatchResponse, SQSEvent } from "aws-lambda";
import { advance, clock, forgetTimers, nextTimer, now } from "./clock.ts";
import type { File } from "./image-files.ts";
import { killAll, running, settle, start, step } from "./jobs.ts";
import { type Audience, region, type Stage } from "./stage.ts";
import { createWitness, type Witness } from "./witness.ts";

/** What becomes of one notification: so many copies reach the queue, each so late. None: it is lost. */
export type Fate = readonly number[];

/** The API's answer to a request that was not killed. */
type Answer = { status: number; body: { id?: string; version?: number; upload?: Upload } };
type Upload = { method: string; url: string; headers: Record<string, string> };

/** What chance holds for one schedule: dealt in turn are `fates` to notifications, `skews` (ms) to workers' clocks. */
export type Chance = { fates: readonly Fate[]; skews: readonly number[] };

export type World = {
  witness: Witness;
  /** Dealt to notifications in turn. */
  fates: readonly Fate[];
  /** Which schedule plays, from 0: several may share a world, each with keys of its own. */
  scene: number;
  /** Begins the next schedule. Whatever the earlier ones left is none of its business. */
  begin(chance: Chance): void;
  /** Whether an image (by id) or an upload (by key) has come in this schedule. */
  isOfScene(name: string): boolean;
  files: readonly File[];
  /** Announced uploads whose bytes nobody has sent yet, by image. */
  announced: Map<string, { upload: Upload; file: File }>;
  /** How often each kind of thing happened. */
  count(what: string): void;
  put(key: string, file: File): Promise<void>;
  remove(key: string): Promise<void>;
  announce(file: File, tags: readonly string[]): void;
  send(imageID: string): Promise<void>;
  api(method: string, path: string, body?: object): void;
  reconcile(job: "stuck" | "compare" | "sweep", seconds: number): void;
  /** Time passes, and every worker sleeps through it. */
  stall(ms: number): Promise<void>;
  /** Time passes, and every worker does what it has to, at once. */
  wait(ms: number): Promise<void>;
  powerCut(): Promise<void>;
  /** Whether any message waits or anything runs. */
  isBusy(): boolean;
  stage: Stage;
};

/** The longest that Lambda lets anything run. */
const lifeMs = 900_000;

/** More than any schedule has taken at a stretch; a world that still moves then never stops. */
const requestsMax = 20_000;

/** As in the cloud: six times the processor's timeout. */
const visibilityTimeoutMs = 360_000;

/** Opens a world. Tells `listener` of itself. */
export function openWorld(
  stage: Stage,
  listener: { at: Audience },
  { files, count }: { files: readonly File[]; count(what: string): void },
): World {
  const witness = createWitness(files);
  let queue: Queue;
  let deadLetters: Queue;
  let skews: readonly number[] = [0];
  let dealt = 0;
  let started = 0;
  let earlier: ReadonlySet<string> = new Set();
  const announced: World["announced"] = new Map();

  const run = <T>(name: string, work: () => Promise<T>) => {
    const skewMs = skews[started++ % skews.length] ?? 0;
    count(name);
    return start({ name, startedAt: now(), skewMs }, work);
  };
  const context = (seconds: number) =>
    contextOf({ name: "f", region, requestID: "r", deadline: now() + seconds * 1000, memoryMB: 1024 });
  const consume = (name: string, handler: Stage["processor"]) => (event: SQSEvent) =>
    run(name, async () => (await handler(event, context(60), () => {})) as SQSBatchResponse);

  async function ask(method: string, path: string, body?: object): Promise<Answer> {
    const init = body ? { body: JSON.stringify(body), headers: { "content-type": "application/json" } } : {};
    const request = `${method} ${path.replace(/img_\w+/, ":id")}`;
    return run(request, async () => {
      const response = await stage.app.request(path, { method, ...init });
      const { status } = response;
      const body = status === 204 ? {} : ((await response.json()) as Answer["body"]);
      if (response.ok) witness.answered(request, { id: /img_\w+/.exec(path)?.[0], ...body });
      else count(`${request}: ${status}`);
      return { status, body };
    });
  }

  function openQueues() {
    const common = { region, visibilityTimeoutMs, clock, concurrency: 6 };
    deadLetters = startQueue({ ...common, name: "dead", consume: consume("dead letter", stage.undertaker) });
    queue = startQueue({
      ...common,
      name: names.queue,
      consume: consume("delivery", stage.processor),
      maxReceiveCount: 6,
      deadLetters,
    });
  }
  openQueues();

  listener.at = {
    applied: witness.applied,
    stored(event: ObjectEvent) {
      witness.stored(event);
      if (event.bucket !== names.uploads) return;
      const fate = world.fates[dealt++ % world.fates.length] ?? [0];
      if (fate.length !== 1) count(fate.length === 0 ? "lost" : "doubled");
      for (const delayMs of fate)
        queue.send(JSON.stringify({ Records: [eventRecord(event, region)] }), delayMs);
    },
    queue: () => queue,
  };

  async function finish() {
    await settle();
    for (let requests = 0; running().length > 0; requests++) {
      const [job] = running();
      if (job) await step(job, 0, "none");
      if (requests > requestsMax) throw new Error("It does not come to rest.");
    }
  }

  const world: World = {
    witness,
    fates: [[0]],
    scene: -1,
    begin(chance) {
      world.scene++;
      world.fates = chance.fates;
      skews = chance.skews;
      dealt = 0;
      started = 0;
      announced.clear();
      earlier = new Set([...witness.records.keys(), ...witness.uploads.keys()]);
    },
    isOfScene: (name) => !earlier.has(name),
    files,
    stage,
    announced,
    count,
    async put(key, file) {
      const response = await stage.put(key, file.bytes);
      if (!response.ok)
        throw new Error(`The store refused a file: ${response.status} ${await response.text()}`);
    },
    async remove(key) {
      await stage.remove(names.uploads, key);
    },
    announce(file, tags) {
      const { name: filename, bytes } = file;
      const body = { filename, contentType: "image/jpeg", bytes: bytes.length, title: filename, tags };
      ask("POST", "/images", body).then(
        ({ body: { id, upload } }) => {
          if (id && upload) announced.set(id, { upload, file });
        },
        () => {},
      );
    },
    async send(imageID) {
      const order = announced.get(imageID);
      if (!order) return;
      announced.delete(imageID);
      const { upload, file } = order;
      const { method, url, headers } = upload;
      // Refused where its time is over or something lies there already; either is as it should be.
      await (await fetch(url, { method, headers, body: new Uint8Array(file.bytes) })).arrayBuffer();
    },
    api(method, path, body) {
      ask(method, path, body).catch(() => {});
    },
    reconcile(job, seconds) {
      run(job, () => stage.reconciler({ job }, context(seconds))).catch(() => {});
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
      const stopped = [queue.stop(), deadLetters.stop()];
      killAll();
      await Promise.all(stopped);
      forgetTimers();
      openQueues();
    },
    isBusy: () => running().length > 0 || nextTimer() !== undefined,
  };
  return world;
}
