import { type ChildProcess, spawn } from "node:child_process";
import diagnostics_channel from "node:diagnostics_channel";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DynamoDB } from "@aws-sdk/client-dynamodb";
import { indexes } from "@image-pipeline/core/table/table-schema";
import dynalite, { type Database, type Iterator } from "dynalite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startDynamodb } from "./dynamodb.ts";
import { listen } from "./listen.ts";
import { createClient, ensureTable } from "./table.ts";

const TableName = "images";
const credentials = { accessKeyId: "local", secretAccessKey: "local-secret" };

/** A client of an endpoint that has the table. */
async function clientOf(endpoint: string): Promise<DynamoDB> {
  const client = createClient({ endpoint, region: "us-east-1", credentials });
  await ensureTable(client, TableName);
  return client;
}

let folder: string;
let stops: (() => unknown)[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "dynamodb-"));
  stops = [];
});

afterEach(async () => {
  for (const stop of stops.reverse()) await stop();
  await rm(folder, { recursive: true });
});

async function open(): Promise<{ url: string; client: DynamoDB; close(): Promise<void> }> {
  const { url, close } = await startDynamodb({ folder, port: 0 });
  const client = await clientOf(url);
  return { url, client, close };
}

/** The same in another process, which the test kills. */
async function openElsewhere(): Promise<{ client: DynamoDB; child: ChildProcess }> {
  const module = JSON.stringify(new URL("./dynamodb.ts", import.meta.url).href);
  const script = `import { startDynamodb } from ${module};
    console.log((await startDynamodb(${JSON.stringify({ folder, port: 0 })})).url);`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  stops.push(() => child.kill("SIGKILL"));
  const [line] = await once(child.stdout, "data");
  const client = await clientOf(String(line).trim());
  return { client, child };
}

/** dynalite alone, with its database, which a test can watch or break. */
async function openDynalite(): Promise<{ client: DynamoDB; db: Database }> {
  const server = dynalite({ path: folder, createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 });
  const { db } = server.store ?? {};
  if (!db) throw new Error("dynalite is not patched.");
  const url = await listen(server, 0);
  stops.push(() => new Promise((done) => server.close(done)));
  const client = await clientOf(url);
  return { client, db };
}

/** An item whose keys in every index differ from one version to the next. */
const item = (id: number, version: number) => ({
  pk: { S: `item${id}` },
  sk: { S: "-" },
  version: { N: String(version) },
  imageID: { S: `item${id}` },
  createdAt: { S: "-" },
  ...Object.fromEntries(
    Object.values(indexes).flatMap(({ pk, sk }) => [
      [pk, { S: `partition${version % 2}` }],
      [sk, { S: `version${version} of ${id}` }],
    ]),
  ),
});

type Item = ReturnType<typeof item> & Record<string, { S: string }>;

const scan = async (client: DynamoDB, IndexName?: string) =>
  (await client.scan({ TableName, IndexName })).Items as Item[];

test("finds everything again after a restart, and closes while clients keep their connections", async () => {
  const first = await open();
  await first.client.putItem({ TableName, Item: item(1, 1) });
  await first.close();
  const second = await open();
  expect(await scan(second.client)).toEqual([item(1, 1)]);
  await second.close();
});

test("keeps every acknowledged write, and every index in agreement with the items, when it is killed while it writes", async () => {
  const acknowledged = new Map<number, number>();
  const attempted = new Map<number, number>();
  const ids = Array.from({ length: 16 }, (_, id) => id);
  for (let round = 0; round < 4; round++) {
    const { client, child } = await openElsewhere();
    const before = new Map(acknowledged);
    const written = (id: number) => (acknowledged.get(id) ?? 0) - (before.get(id) ?? 0);
    const enough = Promise.withResolvers<void>();
    // Killed after some more writes than two of each item, another number in each round.
    let more = round * 17;
    const write = async (id: number) => {
      for (let version = (attempted.get(id) ?? 0) + 1; ; version++) {
        attempted.set(id, version);
        await client.putItem({ TableName, Item: item(id, version) });
        acknowledged.set(id, version);
        if (ids.every((each) => written(each) >= 2) && more-- === 0) enough.resolve();
      }
    };
    const writers = ids.map((id) => expect(write(id)).rejects.toThrow());
    await enough.promise;
    child.kill("SIGKILL");
    await Promise.all([once(child, "exit"), ...writers]);

    const { client: again, close } = await open();
    const items = await scan(again);
    for (const [id, version] of acknowledged) {
      const stored = Number(items.find(({ pk }) => pk.S === `item${id}`)?.version.N);
      expect([version, attempted.get(id)]).toContain(stored);
    }
    for (const [IndexName, { pk, sk }] of Object.entries(indexes)) {
      const keysOf = (entries: Item[]) => entries.map((each) => `${each[pk]?.S} ${each[sk]?.S}`).sort();
      expect(keysOf(await scan(again, IndexName))).toEqual(keysOf(items));
    }
    await close();
  }
  expect(Math.min(...acknowledged.values())).toBeGreaterThan(5);
}, 60_000);

test("says that the folder is in use by another process, and which setting to change", async () => {
  await openElsewhere();
  await expect(startDynamodb({ folder, port: 0 })).rejects.toThrow(/Another process uses it.*DATA_DIR/);
});

test("closes every iterator that a query or a scan has read with", async () => {
  const { client, db } = await openDynalite();
  const opened: Iterator[] = [];
  const closed = new Set<Iterator>();
  const values = db.values.bind(db);
  db.values = (options) => {
    const iterator = values(options);
    const close = iterator.close.bind(iterator);
    iterator.close = () => {
      closed.add(iterator);
      return close();
    };
    opened.push(iterator);
    return iterator;
  };
  for (let id = 0; id < 5; id++) await client.putItem({ TableName, Item: item(id, 1) });
  const [[IndexName, { pk }] = ["", { pk: "" }]] = Object.entries(indexes);
  const query = {
    KeyConditionExpression: `${pk} = :pk`,
    ExpressionAttributeValues: { ":pk": { S: "partition1" } },
  };
  expect((await client.query({ TableName, IndexName, Limit: 2, ...query })).Count).toBe(2);
  expect((await client.query({ TableName, IndexName, ...query })).Count).toBe(5);
  expect((await client.scan({ TableName, Limit: 2 })).Count).toBe(2);
  expect(opened.length).toBeGreaterThanOrEqual(3);
  await expect.poll(() => closed.size).toBe(opened.length);
});

test("refuses requests of web pages", async () => {
  const { url, close } = await open();
  stops.push(close);
  const headers = { origin: "http://evil.example", "content-type": "application/json" };
  for (const method of ["OPTIONS", "POST", "GET"]) {
    const response = await fetch(url, { method, headers });
    expect(response.status).toBe(403);
    expect(response.headers.has("access-control-allow-origin")).toBe(false);
  }
});

test("survives clients that break off", async () => {
  const { url, client, close } = await open();
  stops.push(close);
  const received = new Promise<IncomingMessage>((done) => {
    const begun = (message: unknown) => done((message as { request: IncomingMessage }).request);
    diagnostics_channel.subscribe("http.server.request.start", begun);
    stops.push(() => diagnostics_channel.unsubscribe("http.server.request.start", begun));
  });
  const broken = request(url, { method: "POST", headers: { "content-length": 1000 } });
  const failed = once(broken, "error");
  broken.write("{");
  const ended = once(await received, "close");
  broken.destroy(new Error("gone"));
  await Promise.allSettled([failed, ended]);
  expect(await scan(client)).toEqual([]);
});

test("answers 500 to a write that the disk refuses, with the reason, and serves on", async () => {
  const { client, db } = await openDynalite();
  const { batch } = db;
  db.batch = (_, done) => done(new Error("Database failed", { cause: new Error("No space left on device") }));
  await expect(client.putItem({ TableName, Item: item(1, 1) })).rejects.toThrow(
    /No space left on device\. Free some space/,
  );
  db.batch = batch;
  await client.putItem({ TableName, Item: item(1, 1) });
  expect(await scan(client)).toEqual([item(1, 1)]);
});
