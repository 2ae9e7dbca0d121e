import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { StartError } from "./environment.ts";
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

/** An S3 that has these buckets and records its requests. */
async function otherS3(buckets: Record<string, number>) {
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

test("a named endpoint is used, and the embedded one is not started", async () => {
  const [table, buckets] = [await opened(openTable(options)), await opened(openBuckets(options))];
  const endpoints = { s3: `${buckets.url}/`, dynamodb: table.url };
  const elsewhere = { ...options, dataDir: join(dataDir, "unused"), endpoints };
  expect((await opened(openTable(elsewhere))).url).toBe(table.url);
  expect((await opened(openBuckets(elsewhere))).url).toBe(buckets.url);
});

test("missing buckets of a named endpoint are created, others left alone", async () => {
  const { url, asked } = await otherS3({ uploads: 200 });
  await opened(openBuckets({ ...options, endpoints: { s3: url } }));
  expect(asked).toEqual(["HEAD /uploads", "HEAD /processed", "PUT /processed"]);
});

test("the error about a named endpoint that cannot be reached has its URL, the reason and the setting", async () => {
  const server = createServer();
  const url = await listen(server, 0);
  await closeServer(server, 0);
  const endpoints = { s3: url, dynamodb: url };
  const reason = `at ${url} cannot be used: connect ECONNREFUSED ${new URL(url).host}. Check`;
  const s3 = await openBuckets({ ...options, endpoints }).catch((error) => error);
  expect(s3).toBeInstanceOf(StartError);
  expect(s3.message).toBe(`The bucket uploads ${reason} AWS_ENDPOINT_URL_S3 and the access key.`);
  const dynamodb = await openTable({ ...options, endpoints }).catch((error) => error);
  expect(dynamodb).toBeInstanceOf(StartError);
  expect(dynamodb.message).toBe(`The table images ${reason} AWS_ENDPOINT_URL_DYNAMODB and the access key.`);
});

test("the error about a bucket that a named endpoint refuses has its URL and the setting", async () => {
  const { url } = await otherS3({ uploads: 403 });
  await expect(openBuckets({ ...options, endpoints: { s3: url } })).rejects.toThrow(
    `The bucket uploads at ${url} cannot be used: HTTP 403. Check AWS_ENDPOINT_URL_S3 and the access key.`,
  );
});
