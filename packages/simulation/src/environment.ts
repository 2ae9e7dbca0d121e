/**
 * The real parts, started once in a process: the embedded S3 and DynamoDB, the queue's endpoint, and the functions as
 * they are deployed, all on the virtual clock.
 */

import { AsyncResource } from "node:async_hooks";
import { createServer } from "node:http";
import { join } from "node:path";
import { DeleteObjectsCommand } from "@aws-sdk/client-s3";
import { createMediaKey } from "@image-pipeline/core/fixture-media-key";
import { Settings } from "@image-pipeline/core/settings";
import { primary } from "@image-pipeline/core/table/table-schema";
import { startDynamodb } from "@image-pipeline/local/dynamodb";
import { deliveriesOf, enter, importsOf, names, slowDeliveriesOf } from "@image-pipeline/local/environment";
import { createFetchServer, listen } from "@image-pipeline/local/listen";
import type { Queue } from "@image-pipeline/local/queue";
import type { ObjectEvent } from "@image-pipeline/local/s3/event";
import { startS3 } from "@image-pipeline/local/s3/server";
import { sqsEndpoint } from "@image-pipeline/local/sqs";
import { createClient, ensureTable, expire, type Key } from "@image-pipeline/local/table";
import { AwsClient } from "aws4fetch";
import type dynalite from "dynalite";
import { injectFaults, type Wire } from "./faults.ts";
import { bytesMax } from "./image-files.ts";
import { networkOf, type Receiver } from "./receivers.ts";
import { clock, installClock, now } from "./scheduler.ts";
import { connect, keepTables } from "./table.ts";
import { installTransport, serverAt } from "./transport.ts";

/** Receives everything that happens: the world that plays now. */
export type Audience = Wire & {
  /** An object was written or removed. */
  stored(event: ObjectEvent): void;
  queue: Pick<Queue, "send">;
  /** An import was sent. */
  imported?(...sent: Parameters<Queue["send"]>): void;
  /** A message for the sender of webhooks was sent. */
  delivered?(...sent: Parameters<Queue["send"]>): void;
  receivers?: ReadonlyMap<string, Receiver>;
  /** Returns what the server of imports responds with: bytes, or a status without any. */
  source?(name: string): Buffer | number;
};

/** Days in the trash: less than two passes of the reconciler at the end of a world, and more than one. */
export const trashDays = 3;

export const region = "us-east-1";
const credentials = { accessKeyId: "local", secretAccessKey: "local-secret" };
const queuePath = `/000000000000/${names.queue}`;

/** Starts everything over an empty folder. `audience` returns the current audience. Once in a process. */
export async function openEnvironment(
  dataDir: string,
  audience: () => Audience,
  settings: Partial<Settings.Pipeline> = {},
) {
  installClock();
  installTransport();
  const table = await startDynamodb({ port: 0 });
  const store = await startS3({
    dataDir: join(dataDir, "s3"),
    port: 0,
    buckets: [names.uploads, names.processed],
    region,
    ...credentials,
    onEvent: (event) => audience().stored(event),
    now,
  });
  const queue: Pick<Queue, "send"> = { send: (body, options) => audience().queue.send(body, options) };
  const imports = {
    send(...sent: Parameters<Queue["send"]>) {
      audience().imported?.(...sent);
      return { id: "import" };
    },
  };
  const deliveries = {
    send(...sent: Parameters<Queue["send"]>) {
      audience().delivered?.(...sent);
      return { id: "delivery" };
    },
  };
  const answer = sqsEndpoint({
    path: queuePath,
    queue: queue as Queue,
    others: new Map([
      [importsOf(queuePath), imports as unknown as Queue],
      [deliveriesOf(queuePath), deliveries as unknown as Queue],
      [slowDeliveriesOf(queuePath), deliveries as unknown as Queue],
    ]),
    identity: { ...credentials, region, service: "sqs" },
  });
  const front = createFetchServer(answer.fetch);
  const url = await listen(front, 0);
  const source = createServer((request, response) => {
    const content = audience().source?.(request.url?.slice(1) ?? "") ?? 404;
    if (typeof content === "number") response.statusCode = content;
    response.end(typeof content === "number" ? "" : content);
  });
  const sourceURL = await listen(source, 0);
  const dynamodb = createClient({ endpoint: table.url, region, credentials });
  await ensureTable(dynamodb, names.table);
  const { store: items } = serverAt(table.url) as ReturnType<typeof dynalite>;
  if (!items) throw new Error("dynalite lacks its patch. Run `npm install` in the repository.");
  keepTables(items);
  connect(dynamodb, items);
  enter(process.env, {
    region,
    credentials,
    s3Url: store.url,
    dynamodbUrl: table.url,
    url,
    queuePath,
    cursorKey: "a key for tests alone",
    mediaKey: createMediaKey(),
    pipeline: {
      ...Settings.pipelineDefaults,
      ...{ anonymous: true, egressLoopback: true, bytesMax, trashDays: 0 },
      ...settings,
    },
  });

  // After the settings above, which the product's modules read when they are loaded.
  const { Storage } = await import("@image-pipeline/core/aws/storage");
  const { Table } = await import("@image-pipeline/core/table/table");
  const { Queue } = await import("@image-pipeline/core/aws/queue");
  const { Counters } = await import("@image-pipeline/core/records/counters");
  const { handler: processor } = await import("@image-pipeline/functions/processor");
  const { handler: importer } = await import("@image-pipeline/functions/importer");
  const { handlerOf } = await import("@image-pipeline/functions/sender");
  const { Delivery } = await import("@image-pipeline/core/webhooks/delivery");
  const { Webhook } = await import("@image-pipeline/core/webhooks/webhook");
  const { Subscriptions } = await import("@image-pipeline/core/webhooks/subscriptions");
  const { handler: deadLetter } = await import("@image-pipeline/functions/dead-letter");
  const { handler: reconciler } = await import("@image-pipeline/functions/reconciler");
  const { createApp } = await import("@image-pipeline/functions/http/app");
  const { linkedSettings } = await import("@image-pipeline/functions/api");
  connect(Table.client(), items);
  injectFaults([Storage.client(), Table.client(), Queue.client()], audience);

  const s3 = new AwsClient({ ...credentials, region, service: "s3" });
  const pathOf = (bucket: string, key: string) =>
    `${store.url}/${bucket}/${key.split("/").map(encodeURIComponent).join("/")}`;
  return {
    processor,
    importer,
    sender: handlerOf({
      post: networkOf(() => audience().receivers ?? new Map()),
      after: (ms, run) => clock.after(ms, AsyncResource.bind(run)),
    }),
    webhooks: {
      create: Webhook.create,
      find: Webhook.find,
      rotate: Webhook.rotate,
      update: Webhook.update,
      retry: Delivery.retry,
    },
    forgetSubscriptions: () => Subscriptions.forget(),
    deadLetter,
    reconciler,
    app: createApp(linkedSettings()),
    /** The same API on a stage with a trash. */
    trash: createApp({ ...linkedSettings(), trashDays }),
    counters: Counters.now,
    storedOf: Counters.storedOf,
    /** URL of the server of imports. */
    sourceURL,
    /** Puts or deletes an object, as any S3 client with the right to may. */
    put: (key: string, body: Buffer) =>
      s3.fetch(pathOf(names.uploads, key), { method: "PUT", body: new Uint8Array(body) }),
    remove: (key: string) => s3.fetch(pathOf(names.uploads, key), { method: "DELETE" }),
    /** Deletes objects, 1,000 with each request. */
    async removeAll(bucket: string, keys: Iterable<string>) {
      const all = [...keys].map((Key) => ({ Key }));
      for (let i = 0; i < all.length; i += 1000) {
        const Delete = { Quiet: true, Objects: all.slice(i, i + 1000) };
        const { Errors = [] } = await Storage.client().send(
          new DeleteObjectsCommand({ Bucket: bucket, Delete }),
        );
        if (Errors[0]) throw new Error(`The store kept ${Errors[0].Key}: ${Errors[0].Message}`);
      }
    },
    /** Removes every item whose time to live is over. */
    async expire() {
      let start: Key | undefined;
      do start = await expire(dynamodb, names.table, { start, limit: 1000, now: now() });
      while (start);
    },
    /** Deletes items, by primary keys as JSON. */
    async deleteItems(keys: Iterable<string>) {
      const all = [...keys].map((key) => {
        const [pk, sk] = JSON.parse(key) as [string, string];
        return { DeleteRequest: { Key: { [primary.pk]: { S: pk }, [primary.sk]: { S: sk } } } };
      });
      for (let i = 0; i < all.length; i += 25)
        await dynamodb.batchWriteItem({ RequestItems: { [names.table]: all.slice(i, i + 25) } });
    },
    async close() {
      front.close();
      source.close();
      await Promise.all([store.close(), table.close()]);
    },
  };
}

export type Environment = Awaited<ReturnType<typeof openEnvironment>>;
