/** The API in this process, on a DynamoDB in memory, an S3 endpoint and a queue that discards its messages. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createMediaKey } from "@image-pipeline/core/fixture-media-key";
import { Settings } from "@image-pipeline/core/settings";
import type { ImageRecord } from "@image-pipeline/core/table/image-entity";
import { type Ask, requestOf } from "@image-pipeline/functions/http/fixture";
import { startDynamodb } from "@image-pipeline/local/dynamodb";
import { deliveriesOf, enter, slowDeliveriesOf } from "@image-pipeline/local/environment";
import { closeServer, createFetchServer, listen } from "@image-pipeline/local/listen";
import { startQueue } from "@image-pipeline/local/queue";
import { sqsEndpoint } from "@image-pipeline/local/sqs";
import { openBuckets, openTable } from "@image-pipeline/local/stores";

const queuePath = "/000000000000/processing";
const region = "us-east-1";
const credentials = { accessKeyId: "local", secretAccessKey: "local-secret" };

/** The API in this process. `ask` and `fetch` send a request to it, without a socket. */
export type MemoryWorld = {
  url: string;
  ask(path: string, init?: Ask): Promise<Response>;
  fetch: typeof fetch;
  stop(): Promise<void>;
};

/**
 * Creates the API, without a trash, with these settings on a new table. Requests go to `app.request`, not through a socket; nothing is
 * processed, so an uploaded image stays `pending`. Once per test file, because core's modules read where the table is
 * when they are loaded. `through` returns the URL of a proxy in front of the service at a URL, for its requests.
 */
export async function createWorld(
  settings: Partial<Settings.Pipeline> = {},
  through = async (url: string): Promise<string> => url,
): Promise<MemoryWorld> {
  const dataDir = await mkdtemp(join(tmpdir(), "image-api-"));
  const dynamodb = await startDynamodb({ port: 0 });
  const pipeline = { ...Settings.pipelineDefaults, trashDays: 0, ...settings };
  const stores = { dataDir, region, credentials, s3Port: 0, dynamodbPort: 0, onEvent: () => {} };
  const endpoints = { dynamodb: dynamodb.url };
  const table = await openTable({ ...stores, endpoints });
  const buckets = await openBuckets({ ...stores, endpoints });
  const discarding = { region, concurrency: 1, visibilityTimeoutMs: 30_000, consume: async () => undefined };
  const queue = startQueue({ ...discarding, name: "processing" });
  const deadLetters = startQueue({ ...discarding, name: "dead-letters" });
  const deliveries = startQueue({ ...discarding, name: "deliveries" });
  const others = new Map([
    [deliveriesOf(queuePath), deliveries],
    [slowDeliveriesOf(queuePath), deliveries],
  ]);
  const identity = { ...credentials, region, service: "sqs" };
  const sqs = createFetchServer(sqsEndpoint({ path: queuePath, queue, deadLetters, others, identity }).fetch);
  const url = await through(await listen(sqs, 0));
  enter(process.env, {
    ...{ region, credentials, pipeline, cursorKey: "a key for tests", mediaKey: createMediaKey() },
    ...{ s3Url: await through(buckets.url), dynamodbUrl: await through(dynamodb.url), url, queuePath },
  });
  const { createApp } = await import("@image-pipeline/functions/http/app");
  const { linkedSettings } = await import("@image-pipeline/functions/api");
  const { documentsOf } = await import("@image-pipeline/functions/http/documents");
  const repository = fileURLToPath(new URL("../../../../", import.meta.url));
  const app = createApp({ ...linkedSettings(), documents: () => documentsOf(repository) });
  return {
    url,
    ask: async (path, init) => app.request(path, requestOf(init)),
    fetch: async (input, init) => app.request(input, init),
    async stop() {
      await Promise.all([queue.stop(), deadLetters.stop(), deliveries.stop(), closeServer(sqs, 0)]);
      await Promise.all([table.close(), buckets.close()]);
      await dynamodb.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** Changes the record of an image as another process does; without `to` as a worker does that begins with its bytes. */
export async function change(
  imageID: string,
  to: Partial<ImageRecord> = { status: "processing", etag: "e", attempt: 1, expiresAt: undefined },
): Promise<void> {
  const { read, write } = await import("@image-pipeline/core/records/record");
  const record = await read(imageID);
  if (!record) throw new Error(`There is no record of ${imageID}.`);
  const { version, ...draft } = record;
  await write(record, { ...draft, ...to }, { type: "updated", by: "test" });
}
