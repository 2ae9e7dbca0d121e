import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { closeServer, listen } from "./listen.ts";
import { type Options, openBuckets, openTable } from "./stores.ts";

let dataDir: string;
let options: Options;
let stops: (() => Promise<unknown>)[];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "stores-"));
  stops = [];
  options = {
    dataDir,
    s3Port: 0,
    dynamodbPort: 0,
    region: "us-east-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local-secret" },
    endpoints: {},
    corsOrigins: [],
    onEvent() {},
  };
});

afterEach(async () => {
  for (const stop of stops.reverse()) await stop();
  await rm(dataDir, { recursive: true });
});

async function opened<T extends { close(): Promise<void> }>(opening: Promise<T>): Promise<T> {
  const store = await opening;
  stops.push(() => store.close());
  return store;
}

/** An S3 that knows only what is asked of it, and the buckets that it has. */
async function strangeS3(buckets: Record<string, number>) {
  const asked: string[] = [];
  const server = createServer(({ method, url = "" }, response) => {
    asked.push(`${method} ${url}`);
    if (method === "PUT") buckets[url.slice(1)] = 200;
    response.writeHead(buckets[url.slice(1)] ?? 404).end();
  });
  const url = await listen(server, 0);
  stops.push(() => closeServer(server, 0));
  return { url, asked };
}

test("endpoints that are named take the place of ours, and none of ours is started", async () => {
  const [table, buckets] = [await opened(openTable(options)), await opened(openBuckets(options))];
  const endpoints = { s3: `${buckets.url}/`, dynamodb: table.url };
  const elsewhere = { ...options, dataDir: join(dataDir, "unused"), endpoints };
  expect((await opened(openTable(elsewhere))).url).toBe(table.url);
  expect((await opened(openBuckets(elsewhere))).url).toBe(buckets.url);
});

test("buckets that a named endpoint has not are made, others left alone", async () => {
  const { url, asked } = await strangeS3({ uploads: 200 });
  await opened(openBuckets({ ...options, endpoints: { s3: url } }));
  expect(asked).toEqual(["HEAD /uploads", "HEAD /processed", "PUT /processed"]);
});

test("a named endpoint that refuses a bucket is named in the error, with the setting", async () => {
  const { url } = await strangeS3({ uploads: 403 });
  await expect(openBuckets({ ...options, endpoints: { s3: url } })).rejects.toThrow(
    `${url} gives no bucket uploads (403). Check AWS_ENDPOINT_URL_S3.`,
  );
});
