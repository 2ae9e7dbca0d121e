import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { indexes } from "@image-pipeline/core/table/table-schema";
import { AwsClient } from "aws4fetch";
import dynalite, { type Iterator } from "dynalite/db/index.js";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startDynamodb } from "./dynamodb.ts";
import { type Call, caller, ensureTable } from "./table.ts";

const TableName = "images";
const aws = new AwsClient({
  accessKeyId: "local",
  secretAccessKey: "local-secret",
  region: "us-east-1",
  service: "dynamodb",
  retries: 0,
});

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

async function open(): Promise<{ url: string; call: Call; close(): Promise<void> }> {
  const { url, close } = await startDynamodb({ folder, port: 0 });
  const call = caller(aws, url);
  await ensureTable(call, TableName);
  return { url, call, close };
}

/** The same in a process of its own, to be killed. */
async function openElsewhere(): Promise<{ call: Call; child: ChildProcess }> {
  const module = JSON.stringify(new URL("./dynamodb.ts", import.meta.url).href);
  const script = `import { startDynamodb } from ${module};
    console.log((await startDynamodb(${JSON.stringify({ folder, port: 0 })})).url);`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  stops.push(() => child.kill("SIGKILL"));
  const [line] = await once(child.stdout, "data");
  const call = caller(aws, String(line).trim());
  await ensureTable(call, TableName);
  return { call, child };
}

/** An item that stands elsewhere in every index from one version to the next. */
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

const scan = async (call: Call, IndexName?: string) =>
  ((await call("Scan", { TableName, IndexName })) as { Items: Item[] }).Items;

test("finds everything again after a restart, and closes while clients keep their connections", async () => {
  const first = await open();
  await first.call("PutItem", { TableName, Item: item(1, 1) });
  await first.close();
  const second = await open();
  expect(await scan(second.call)).toEqual([item(1, 1)]);
  await second.close();
});

test("keeps what it acknowledged, and every index in line with the items, when it is killed while it writes", async () => {
  const acknowledged = new Map<number, number>();
  const attempted = new Map<number, number>();
  for (let round = 0; round < 4; round++) {
    const { call, child } = await openElsewhere();
    const write = async (id: number) => {
      for (let version = (attempted.get(id) ?? 0) + 1; ; version++) {
        attempted.set(id, version);
        await call("PutItem", { TableName, Item: item(id, version) });
        acknowledged.set(id, version);
      }
    };
    const writers = Array.from({ length: 16 }, (_, id) => expect(write(id)).rejects.toThrow());
    const before = new Map(acknowledged);
    const written = (id: number) => (acknowledged.get(id) ?? 0) - (before.get(id) ?? 0);
    while (writers.some((_, id) => written(id) < 2)) await sleep(10);
    await sleep(Math.random() * 100);
    child.kill("SIGKILL");
    await Promise.all([once(child, "exit"), ...writers]);

    const { call: again, close } = await open();
    const items = await scan(again);
    for (const [id, version] of acknowledged) {
      const stored = Number(items.find(({ pk }) => pk.S === `item${id}`)?.version.N);
      expect([version, attempted.get(id)]).toContain(stored);
    }
    for (const [IndexName, { pk, sk }] of Object.entries(indexes)) {
      const standing = (entries: Item[]) => entries.map((each) => `${each[pk]?.S} ${each[sk]?.S}`).sort();
      expect(standing(await scan(again, IndexName))).toEqual(standing(items));
    }
    await close();
  }
  expect(Math.min(...acknowledged.values())).toBeGreaterThan(5);
}, 60_000);

test("says that the folder is in use by another process, and which setting to change", async () => {
  await openElsewhere();
  await expect(startDynamodb({ folder, port: 0 })).rejects.toThrow(/Another process uses it.*DATA_DIR/);
});

test("leaves nothing open of what it has read a query or a scan with", async () => {
  const opened: Iterator[] = [];
  const closed = new Set<Iterator>();
  const { create } = dynalite;
  dynalite.create = (options) => {
    const store = create(options);
    const values = store.db.values.bind(store.db);
    store.db.values = (options) => {
      const iterator = values(options);
      const close = iterator.close.bind(iterator);
      iterator.close = () => {
        closed.add(iterator);
        return close();
      };
      opened.push(iterator);
      return iterator;
    };
    return store;
  };
  const { call, close } = await open();
  dynalite.create = create;
  stops.push(close);
  for (let id = 0; id < 5; id++) await call("PutItem", { TableName, Item: item(id, 1) });
  const [[IndexName, { pk }] = ["", { pk: "" }]] = Object.entries(indexes);
  const query = {
    KeyConditionExpression: `${pk} = :pk`,
    ExpressionAttributeValues: { ":pk": { S: "partition1" } },
  };
  expect((await call("Query", { TableName, IndexName, Limit: 2, ...query })).Count).toBe(2);
  expect((await call("Query", { TableName, IndexName, ...query })).Count).toBe(5);
  expect((await call("Scan", { TableName, Limit: 2 })).Count).toBe(2);
  expect(opened.length).toBeGreaterThanOrEqual(3);
  await expect.poll(() => closed.size).toBe(opened.length);
});

test("turns away web pages", async () => {
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
  const { url, call, close } = await open();
  stops.push(close);
  const broken = request(url, { method: "POST", headers: { "content-length": 1000 } });
  const failed = once(broken, "error");
  broken.write("{");
  await sleep(50);
  broken.destroy(new Error("gone"));
  await failed;
  await sleep(50);
  expect(await scan(call)).toEqual([]);
});
