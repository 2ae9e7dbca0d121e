/**
 * Fairness: how long one upload of an owner takes next to a backlog of another owner, over the real S3, queue and
 * processor. Time is counted in rounds, in each of which every busy worker makes one request.
 */
import { ID } from "@image-pipeline/core/id";
import { contextOf, names } from "@image-pipeline/local/environment";
import { startQueue } from "@image-pipeline/local/queue";
import { eventRecord } from "@image-pipeline/local/s3/event";
import type { SQSBatchResponse, SQSEvent } from "aws-lambda";
import { type Environment, openEnvironment, region } from "./environment.ts";
import { makeFiles } from "./image-files.ts";
import { clock, killAll, now, running, settle, start, step } from "./scheduler.ts";

/** Workers of the queue. */
const concurrency = 6;

/** More rounds than any upload takes without a backlog: a livelock or no fairness at all. */
const roundsMax = 100_000;

/** Rounds from the upload of one image until it is acknowledged: `alone`, and the longest next to a backlog. */
export type Fairness = { alone: number; crowded: number };

/**
 * Uploads one image alone, then one next to `backlog` uploads of another owner at each of several moments in the work of
 * the busy workers. Once in a process.
 */
export async function playFairness(dataDir: string, { backlog }: { backlog: number }): Promise<Fairness> {
  const [file] = await makeFiles();
  if (!file) throw new Error("There is no file to upload.");
  let environment: Environment | undefined;
  const acknowledged = new Set<string>();
  const context = contextOf({ name: "f", region, requestID: "r", deadline: now() + 60_000, memoryMB: 1024 });
  const consume = (event: SQSEvent) =>
    start({ name: "delivery", startedAt: now(), skewMs: 0 }, async () => {
      const answer = (await environment?.processor(event, context, () => {})) as SQSBatchResponse;
      const [record] = event.Records;
      if (record && answer.batchItemFailures.length === 0) acknowledged.add(record.body);
      return answer;
    });
  const queue = startQueue({
    name: names.queue,
    region,
    clock,
    concurrency,
    visibilityTimeoutMs: 360_000,
    consume,
  });
  const bodies = new Map<string, string>();
  environment = await openEnvironment(dataDir, () => ({
    applied: async () => {},
    broken: undefined,
    stored: (event) => {
      if (event.bucket !== names.uploads) return;
      const body = JSON.stringify({ Records: [eventRecord(event, region)] });
      bodies.set(event.key, body);
      queue.send(body, { group: ID.groupOf(event.key) });
    },
    queue,
  }));
  const upload = async (owner: string) => {
    const key = ID.keyOf(owner, ID.createImageID());
    const response = await environment.put(key, file.bytes);
    if (!response.ok) throw new Error(`The store refused ${key}: ${response.status}`);
    return key;
  };
  const round = async () => {
    for (const job of running()) if (job.gates.length > 0) await step(job);
    await settle();
  };
  const rounds = async (key: string) => {
    await settle();
    for (let count = 1; count <= roundsMax; count++) {
      await round();
      if (acknowledged.has(bodies.get(key) ?? "")) return count;
    }
    throw new Error(`${key} was not processed within ${roundsMax} rounds.`);
  };

  const alone = await rounds(await upload("quiet"));
  for (let n = 0; n < backlog; n++) await upload("noisy");
  await settle();
  let crowded = 0;
  // At different phases of the workers, which all began at once.
  for (const phase of [1, 2, 3, 5, 8, 13]) {
    for (let n = 0; n < phase; n++) await round();
    crowded = Math.max(crowded, await rounds(await upload("quiet")));
  }
  const stopped = queue.stop();
  killAll();
  await stopped;
  await environment.close();
  return { alone, crowded };
}
