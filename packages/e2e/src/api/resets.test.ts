import { createHash } from "node:crypto";
import { globSync, readFileSync } from "node:fs";
import type { ImageRecord } from "@image-pipeline/core/table/image-entity";
import { AwsClient } from "aws4fetch";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { codeOf } from "./fixture.ts";
import { createWorld, type MemoryWorld } from "./memory.fixture.ts";
import { createProxies, type Moment } from "./resets.fixture.ts";

const proxies = createProxies();
let world: MemoryWorld;
let s3: AwsClient;

beforeAll(async () => {
  world = await createWorld({ anonymous: true, pendingMax: 500, webhooksMax: 1_000 }, proxies.through);
  const { AWS_ACCESS_KEY_ID: accessKeyId = "", AWS_SECRET_ACCESS_KEY: secretAccessKey = "" } = process.env;
  s3 = new AwsClient({ accessKeyId, secretAccessKey, region: "us-east-1", service: "s3" });
});
afterAll(async () => {
  proxies.close();
  await world.stop();
});

const file = { filename: "boat.jpg", contentType: "image/jpeg", bytes: 5 };
const sha256 = createHash("sha256").update("bytes").digest("hex");
let keys = 0;

async function announce(): Promise<string> {
  const response = await world.ask("/images", { json: { ...file, tags: ["sea"] } });
  return ((await response.json()) as { id: string }).id;
}

const receiver = { url: "https://receiver.example.com/", events: ["image.rejected"] };

/** Returns the id of a new webhook. */
async function subscribe(): Promise<string> {
  const response = await world.ask("/webhooks", { json: receiver });
  return ((await response.json()) as { id: string }).id;
}

/** Returns the path of a new delivery. */
async function deliver(): Promise<string> {
  const webhook = await subscribe();
  const response = await world.ask(`/webhooks/${webhook}/test`, { method: "POST" });
  return `/webhooks/${webhook}/deliveries/${((await response.json()) as { id: string }).id}`;
}

/** Returns the id of an image whose original is in the bucket, in the state after processing. */
async function ready(): Promise<string> {
  const { read, write } = await import("@image-pipeline/core/records/record");
  const id = await announce();
  const record = (await read(id)) as ImageRecord;
  const url = `${process.env.AWS_ENDPOINT_URL_S3}/uploads/${record.key}`;
  const stored = await s3.fetch(url, { method: "PUT", body: "bytes" });
  const etag = stored.headers.get("etag")?.replaceAll('"', "");
  const { expiresAt, dueAt, ...kept } = record;
  const size = { format: "jpeg", contentType: "image/jpeg", width: 1, height: 1, alpha: false, frames: 1 };
  const source = { ...size, perceptualHash: "00000000000000ff" };
  const result = { status: "ready" as const, etag, sha256, bytes: 5, source };
  await write(record, { ...kept, ...result }, { type: "ready", by: "processor" });
  return id;
}

/** Returns the id of an image in the trash, whose original is in the bucket. */
async function trashed(): Promise<string> {
  const { Image } = await import("@image-pipeline/core/images/image");
  const id = await ready();
  await Image.remove({ id, by: "test", trashDays: 1 });
  return id;
}

/** An operation on an image that `prepare` made. `calls: 0`: it makes no request to AWS. */
type Operation = {
  prepare?: () => Promise<string>;
  ask(id: string): Parameters<MemoryWorld["ask"]>;
  code: string;
  calls?: 0;
  /** Fields of the response. */
  check?: object;
};

const withKey = () => ({ "idempotency-key": `k${++keys}` });

function form() {
  const boundary = "boundary";
  const file = 'Content-Disposition: form-data; name="file"; filename="a.jpg"\r\nContent-Type: image/jpeg';
  const headers = { "content-type": `multipart/form-data; boundary=${boundary}`, ...withKey() };
  return { headers, body: `--${boundary}\r\n${file}\r\n\r\nform ${keys}\r\n--${boundary}--\r\n` };
}

/** By operation id, with a suffix where one has several cases. */
const operations: Record<string, Operation> = {
  createImage: { ask: () => ["/images", { json: { ...file, tags: ["sea"] } }], code: "201" },
  "createImage under a key": { ask: () => ["/images", { json: file, headers: withKey() }], code: "201" },
  "createImage by a copy": {
    prepare: ready,
    ask: () => ["/images", { json: { ...file, sha256 }, headers: withKey() }],
    code: "200",
  },
  "createImage by a form": { ask: () => ["/images", { method: "POST", ...form() }], code: "202" },
  listImages: { ask: () => ["/images?limit=5"], code: "200" },
  "listImages by status": { ask: () => ["/images?status=ready"], code: "200" },
  "listImages by tag": { ask: () => ["/images?tag=sea"], code: "200" },
  "listImages by several terms": { ask: () => ["/images?tag=sea&status=ready&q=a*&order=asc"], code: "200" },
  "listImages by capture": { ask: () => ["/images?orderBy=takenAt"], code: "200" },
  countImages: { ask: () => ["/images/count?tag=sea"], code: "200" },
  "listImages by id": { prepare: announce, ask: (id) => [`/images?id=${id}`], code: "200" },
  getImage: { prepare: announce, ask: (id) => [`/images/${id}`], code: "200" },
  "getImage with wait": { prepare: ready, ask: (id) => [`/images/${id}?wait=1`], code: "200" },
  updateImage: {
    prepare: announce,
    ask: (id) => [`/images/${id}`, { method: "PATCH", json: { title: "A boat", tags: ["boat"] } }],
    code: "200",
  },
  deleteImage: { prepare: ready, ask: (id) => [`/images/${id}`, { method: "DELETE" }], code: "204" },
  reprocessImage: {
    prepare: ready,
    ask: (id) => [`/images/${id}/reprocess`, { method: "POST" }],
    code: "200",
  },
  "reprocessImage under a key": {
    prepare: ready,
    ask: (id) => [`/images/${id}/reprocess`, { method: "POST", headers: withKey() }],
    code: "200",
  },
  restoreImage: {
    prepare: trashed,
    ask: (id) => [`/images/${id}/restore`, { method: "POST" }],
    code: "200",
  },
  updateImages: {
    prepare: ready,
    ask: (id) => [
      "/images/batch",
      {
        json: {
          operations: [
            { op: "update", id, changes: { title: "A boat" } },
            { op: "reprocess", id },
            { op: "delete", id },
          ],
        },
        headers: withKey(),
      },
    ],
    code: "200",
    check: { failed: 0 },
  },
  getOriginal: { prepare: ready, ask: (id) => [`/images/${id}/original`], code: "302" },
  listChanges: { prepare: ready, ask: () => ["/changes"], code: "200" },
  listImageEvents: { prepare: ready, ask: (id) => [`/images/${id}/events`], code: "200" },
  listSimilarImages: { prepare: ready, ask: (id) => [`/images/${id}/similar`], code: "200" },
  signUpload: {
    ask: () => ["/uploads/sign", { json: { method: "PUT", key: "a.jpg", contentType: "image/jpeg" } }],
    code: "200",
  },
  "signUpload of a step": {
    prepare: announce,
    ask: (id) => ["/uploads/sign", { json: { method: "POST", key: `default/${id}` } }],
    code: "200",
  },
  getUsage: { ask: () => ["/usage"], code: "200" },
  createWebhook: { ask: () => ["/webhooks", { json: receiver }], code: "201" },
  listWebhooks: { ask: () => ["/webhooks"], code: "200" },
  getWebhook: { prepare: subscribe, ask: (id) => [`/webhooks/${id}`], code: "200" },
  updateWebhook: {
    prepare: subscribe,
    ask: (id) => [`/webhooks/${id}`, { method: "PATCH", json: { events: ["image.failed"] } }],
    code: "200",
  },
  deleteWebhook: { prepare: subscribe, ask: (id) => [`/webhooks/${id}`, { method: "DELETE" }], code: "204" },
  rotateWebhookSecret: {
    prepare: subscribe,
    ask: (id) => [`/webhooks/${id}/rotate`, { method: "POST" }],
    code: "200",
  },
  testWebhook: { prepare: subscribe, ask: (id) => [`/webhooks/${id}/test`, { method: "POST" }], code: "202" },
  listWebhookDeliveries: { prepare: subscribe, ask: (id) => [`/webhooks/${id}/deliveries`], code: "200" },
  retryWebhookDelivery: {
    prepare: deliver,
    ask: (path) => [`${path}/retry`, { method: "POST" }],
    code: "202",
  },
  getStats: { ask: () => ["/stats"], code: "200" },
  createMediaSession: { ask: () => ["/media-session", { method: "POST" }], code: "200", calls: 0 },
  getHealth: { ask: () => ["/health"], code: "200", calls: 0 },
  getDocument: { ask: () => ["/openapi.json"], code: "200", calls: 0 },
  getDocs: { ask: () => ["/docs"], code: "200", calls: 0 },
};

/** More pieces of data than any operation sends or receives. */
const piecesMax = 100;

describe.each<Moment>(["before", "after"])(
  "a connection that is reset %s the service has acted",
  (moment) => {
    test.each(Object.entries(operations))("fails no %s", async (_, { prepare, ask, code, calls, check }) => {
      let resets = 0;
      for (let n = 1; n < piecesMax; n++) {
        const id = (await prepare?.()) ?? "";
        proxies.arm(moment, n);
        const answer = await world.ask(...ask(id));
        const wasReset = proxies.disarm();
        expect([n, await codeOf(answer.clone())]).toEqual([n, code]);
        if (check) expect(await answer.json()).toMatchObject(check);
        if (!wasReset) break;
        resets++;
      }
      if (calls === 0) expect(resets).toBe(0);
      else expect(resets).toBeGreaterThan(0);
    });
  },
);

test("every operation of the API is in the table", () => {
  const document = new URL("../../../functions/openapi.json", import.meta.url);
  const { paths } = JSON.parse(readFileSync(document, "utf8")) as {
    paths: Record<string, Record<string, { operationId?: string }>>;
  };
  const ids = Object.values(paths).flatMap((path) =>
    Object.values(path).flatMap((one) => one.operationId ?? []),
  );
  const tested = new Set(Object.keys(operations).map((name) => name.split(" ", 1).join()));
  expect([...new Set(ids)].sort()).toEqual([...tested].sort());
});

test("a deletion whose request to S3 fails for good is completed by its repetition", async () => {
  const id = await ready();
  const realFetch = globalThis.fetch;
  globalThis.fetch = async () => {
    throw new TypeError("fetch failed");
  };
  try {
    expect(await codeOf(await world.ask(`/images/${id}`, { method: "DELETE" }))).toBe("storage_unavailable");
  } finally {
    globalThis.fetch = realFetch;
  }
  expect(await codeOf(await world.ask(`/images/${id}`, { method: "DELETE" }))).toBe("204");
  const url = `${process.env.AWS_ENDPOINT_URL_S3}/uploads/default/${id}`;
  expect((await s3.fetch(url)).status).toBe(404);
});

/**
 * Every call to AWS, by the file that makes it. The SDK's clients retry three times, with the time limits of
 * `aws/limits.ts`; `retried` gives the same to requests that aws4fetch signs, and `retrying` repeats copies of streams. `again`: who repeats the work after that.
 */
const calls: Record<string, { of: string[]; by: string; again: string }> = {
  "core/src/aws/storage.ts": {
    of: ["GetObject", "HeadObject", "PutObject", "DeleteObjects", "ListObjectsV2", "ListObjectVersions"],
    by: "new S3Client({ ...storageLimits",
    again: "the queue; the reconciler's next run",
  },
  "core/src/aws/object-stream.ts": {
    of: ["GetObject", "PutObject"],
    by: "put(Storage.client(), ",
    again: "the copy of the image, four times; the export or import that is run again",
  },
  "core/src/aws/queue.ts": {
    of: ["SendMessageBatch", "GetQueueAttributes", "StartMessageMoveTask", "ListMessageMoveTasks"],
    by: "new SQSClient({ ...limits",
    again: "the caller; the reconciler, for a check that was not sent",
  },
  "core/src/aws/presign.ts": {
    of: ["aws.fetch PUT (CopyObject)", "aws.fetch DELETE (DeleteObject)", "fetch PUT (PutObject)"],
    by: "retried(",
    again: "the client uploads in place of a copy; the caller or the reconciler repeats a deletion",
  },
  "core/src/table/table.ts": {
    of: ["every ElectroDB operation"],
    by: "new DynamoDBClient({ ...limits",
    again: "the caller or the queue",
  },
  "functions/src/event-source.ts": {
    of: [
      "GetMetricStatistics",
      "TagResource",
      "UpdateEventSourceMapping",
      "ListTags",
      "UntagResource",
      "GetEventSourceMapping",
    ],
    by: "Client({ ...limits",
    again: "the breaker's next run, five minutes later",
  },
  "functions/src/invalidator.ts": {
    of: ["CreateInvalidation"],
    by: "new CloudFrontClient({ ...limits",
    again: "the invalidator's queue",
  },
};

describe("every call to AWS has retries and time limits", () => {
  const root = new URL("../../../", import.meta.url);
  const sources = globSync("{core,functions}/src/**/*.ts", { cwd: root }).filter(
    (path) => !/test\.ts$|fixture|prove/.test(path),
  );
  const textOf = (path: string) => readFileSync(new URL(path, root), "utf8");

  test("each is in the table, and each file of the table makes them so", () => {
    const makes = /new \w+Client\(|new \w+Command\(|\baws\.fetch\(/;
    expect(sources.filter((path) => makes.test(textOf(path))).sort()).toEqual(Object.keys(calls).sort());
    for (const [path, { of, by }] of Object.entries(calls)) {
      const text = textOf(path);
      const commands = [...text.matchAll(/new (\w+)Command\(/g)].map(([, name]) => name);
      if (commands.length > 0) expect([...new Set(commands)].sort()).toEqual(of.toSorted());
      expect(text.replace(/\s+/g, " ")).toContain(by);
      // No client and no signed request without them.
      const bare = [
        ...text.matchAll(
          /new (?!Aws)\w+Client\(\{(?!\s*\.\.\.\w*[lL]imits)|(?<!retried\(\(signal\) => )aws\.fetch\(/g,
        ),
      ];
      expect(bare.map(([found]) => [path, found])).toEqual([]);
    }
  });
});
