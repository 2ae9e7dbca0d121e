/**
 * An owner's share of the processor: uploads of far more images than the spend breaker allows in a day, over the real S3,
 * queue, processor and reconciler on the virtual clock.
 */
import { ID } from "@image-pipeline/core/id";
import type { Image } from "@image-pipeline/core/images/image";
import { contextOf, names } from "@image-pipeline/local/environment";
import { startQueue } from "@image-pipeline/local/queue";
import { eventRecord } from "@image-pipeline/local/s3/event";
import type { SQSBatchResponse, SQSEvent } from "aws-lambda";
import { type Environment, openEnvironment, region } from "./environment.ts";
import { makeFiles } from "./image-files.ts";
import {
  advance,
  clock,
  hasTimers,
  killAll,
  nextTimer,
  now,
  running,
  settle,
  start,
  step,
} from "./scheduler.ts";

const dayMs = 86_400_000;

/** One day: the runs that the breaker counts, the processor's invocations, and the statuses of the owner's images after. */
export type Day = { runs: number; invocations: number; ready: number; pending: number };

/**
 * The days until every image of the crowding owner is final; the other owner's image, and one that was deferred with its
 * audit trail, at the end of the first day.
 */
export type Share = {
  days: Day[];
  quiet: Image.Info;
  deferred: Image.Info | undefined;
  trail: { type: string; detail?: Record<string, string> }[];
};

/** A line of the processor's log that the breaker's metric filter counts, `{ $.message = "handled" && $.idle IS TRUE }`. */
const isIdle = (line: string) => {
  const { message, idle } = JSON.parse(line) as { message?: string; idle?: boolean };
  return message === "handled" && idle === true;
};

/**
 * Uploads `backlog` images of one owner, then one of another, with `share` runs a day for each owner. Plays days, with the
 * reconciler after each midnight, until the backlog is final, at most `daysMax`. Once in a process.
 */
export async function playShare(
  dataDir: string,
  { share, backlog, daysMax }: { share: number; backlog: number; daysMax: number },
): Promise<Share> {
  process.env.POWERTOOLS_LOG_LEVEL = "INFO";
  const [file] = await makeFiles();
  if (!file) throw new Error("There is no file to upload.");
  let environment: Environment | undefined;
  let invocations = 0;
  let idle = 0;
  const context = (seconds: number) =>
    contextOf({ name: "f", region, requestID: "r", deadline: now() + seconds * 1000, memoryMB: 1024 });
  const consume = (event: SQSEvent) => {
    invocations++;
    return start({ name: "delivery", startedAt: now(), skewMs: 0 }, async () => {
      return (await environment?.processor(event, context(60), () => {})) as SQSBatchResponse;
    });
  };
  const queue = startQueue({
    name: names.queue,
    region,
    clock,
    concurrency: 6,
    visibilityTimeoutMs: 360_000,
    consume,
  });
  environment = await openEnvironment(
    dataDir,
    () => ({
      applied: async () => {},
      broken: undefined,
      stored: (event) => {
        if (event.bucket !== names.uploads) return;
        const body = JSON.stringify({ Records: [eventRecord(event, region)] });
        // Every event comes twice.
        for (const delayMs of [0, 60_000]) queue.send(body, { delayMs, group: ID.groupOf(event.key) });
      },
      queue,
    }),
    { processedPerOwnerMax: share },
  );
  const world = environment;
  const { Image } = await import("@image-pipeline/core/images/image");
  const { Audit } = await import("@image-pipeline/core/images/audit");

  const finish = async () => {
    await settle();
    for (let [job] = running(); job; [job] = running()) await step(job);
  };
  const rest = async () => {
    await finish();
    while (hasTimers() || running().length > 0) {
      nextTimer();
      await finish();
    }
  };
  const upload = async (owner: string) => {
    const id = ID.createImageID();
    const response = await world.put(ID.keyOf(owner, id), file.bytes);
    if (!response.ok) throw new Error(`The store refused an upload of ${owner}: ${response.status}`);
    return id;
  };
  const imagesOf = (ids: readonly string[]) => Promise.all(ids.map((id) => Image.fromID({ id })));
  /** Counts what a part of the play costs, and lets it come to rest. */
  const day = async (ids: readonly string[], play: () => Promise<unknown>): Promise<Day> => {
    [invocations, idle] = [0, 0];
    const write = process.stdout.write.bind(process.stdout);
    process.stdout.write = (chunk: string | Uint8Array) => {
      if (isIdle(String(chunk))) idle++;
      return true;
    };
    try {
      await play();
      await rest();
    } finally {
      process.stdout.write = write;
    }
    const images = await imagesOf(ids);
    const having = (status: string) => images.filter((image) => image.status === status).length;
    return {
      runs: invocations - idle,
      invocations,
      ready: having("ready"),
      pending: having("pending"),
    };
  };
  const midnight = () => advance(dayMs - (now() % dayMs) + 60_000, finish);

  await midnight();
  const crowd: string[] = [];
  const one: string[] = [];
  const first = await day(crowd, async () => {
    for (let n = 0; n < backlog; n++) crowd.push(await upload("noisy"));
    one.push(await upload("quiet"));
  });
  const days = [first];
  const [quiet] = await imagesOf(one);
  if (!quiet) throw new Error("The other owner has no image.");
  const deferred = (await imagesOf(crowd)).find(({ deferredUntil }) => deferredUntil !== undefined);
  const trail = deferred ? (await Audit.list({ id: deferred.id })).items : [];
  while ((days.at(-1)?.pending ?? 0) > 0 && days.length < daysMax) {
    await midnight();
    const reconcile = () =>
      start({ name: "stuck", startedAt: now(), skewMs: 0 }, () =>
        world.reconciler({ job: "stuck" }, context(900)),
      );
    days.push(await day(crowd, async () => void reconcile().catch(() => {})));
  }
  const stopped = queue.stop();
  killAll();
  await stopped;
  await world.close();
  return { days, quiet, deferred, trail };
}
