/**
 * What the HTTP API costs by itself, on a table of 100,000 records: requests to DynamoDB are counted, and then
 * answered from memory, so that the CPU that is measured is the API's own.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Hono } from "hono";
import type { Plain } from "../packages/core/src/dynamodb.ts";
import { Settings } from "../packages/core/src/settings.ts";
import { enter } from "../packages/local/src/environment.ts";
import { type Case, cpuOf, interleave, median, ratioOf, table } from "./measure.ts";

const records = Number(process.env.API_RECORDS ?? 100_000);
const rounds = 15;

/** So many requests make one sample. */
const batch = 300;

/** Prints the API's figures. */
export async function run(): Promise<string> {
  const dataDir = mkdtempSync(join(tmpdir(), "bench-"));
  const stores = fork(new URL("stores.ts", import.meta.url), [dataDir]);
  try {
    const [{ s3Url, dynamodbUrl }] = await once(stores, "message");
    enter(process.env, {
      region: "us-east-1",
      credentials: { accessKeyId: "local", secretAccessKey: "local-secret" },
      s3Url,
      dynamodbUrl,
      url: "http://127.0.0.1:9",
      queuePath: "/",
      cursorKey: "k",
      pipeline: { ...Settings.pipelineDefaults, anonymous: true },
    });
    // Only now: what these import reads the environment once.
    const { app } = await import("../packages/functions/src/http/app.ts");
    const { Table } = await import("../packages/core/src/table.ts");
    const { Cursor } = await import("../packages/core/src/cursor.ts");
    const seeded = await seed();

    const get = async (path: string) => {
      const response = await app.request(path);
      if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
      return response.text();
    };
    const wire = tap(Table.client);
    const middle = seeded[seeded.length >> 1];
    const lookUp = `/images/${middle?.imageID}`;
    const page = (limit: number, cursor?: string) =>
      `/images?limit=${limit}${cursor ? `&cursor=${cursor}` : ""}`;
    const counts = [];
    for (const [name, path] of [
      ["look-up", lookUp],
      ["page of 20", page(20)],
      ["page of 100", page(100)],
    ] as const) {
      counts.push([name, (await wire.during(() => get(path))).join(", ")]);
    }

    // Where page 1,000 begins, of as many pages as there are.
    const size = Math.max(1, Math.floor(records / 1_000));
    const deep = seeded[seeded.length - 1 - 999 * size];
    if (!deep) throw new Error("Too few records for a thousand pages.");
    const far = page(size, Cursor.issue({ owner: "default", order: "desc" }, deep));
    const near = page(size);
    const depth = await timed({ near: () => get(near), far: () => get(far) });

    wire.replay();
    const bare = bareOf(await get(lookUp));
    const bodies = { ten: (await get(page(10))).length, hundred: (await get(page(100))).length };
    const times = (run: () => Promise<unknown>) => async () => {
      for (let i = 0; i < batch; i++) await run();
    };
    const cases: Case<undefined>[] = [
      { name: "bare", run: times(async () => (await bare.request(lookUp)).text()) },
      { name: "look-up", run: times(() => get(lookUp)) },
      { name: "list of 10", run: times(() => get(page(10))) },
      { name: "list of 100", run: times(() => get(page(100))) },
    ];
    const samples = await interleave(cases, [undefined], rounds);
    const micros = (name: string) => Math.round((cpuOf(samples, name) * 1000) / batch);
    return [
      `${records} records of one owner. Requests to DynamoDB, counted:`,
      table(["request", "operations"], counts),
      "CPU per request, DynamoDB answered from memory:",
      table(
        ["request", "µs of CPU", "ratio", "target"],
        [
          ["a bare Hono route with the same JSON", micros("bare"), 1, ""],
          ["look-up", micros("look-up"), ratioOf(samples, "look-up", "bare").toFixed(2), "≤ 3"],
          ["list of 10", micros("list of 10"), "", ""],
          [
            "list of 100",
            micros("list of 100"),
            `${ratioOf(samples, "list of 100", "list of 10").toFixed(2)} of a list of 10`,
            `≤ ${(bodies.hundred / bodies.ten).toFixed(2)}, its bytes`,
          ],
        ],
      ),
      "Depth, DynamoDB included, by the clock:",
      table(
        ["page", "ms", "ratio", "target"],
        [
          ["1", median(depth.near).toFixed(2), 1, ""],
          [
            "1,000",
            median(depth.far).toFixed(2),
            median(depth.far.map((ms, i) => ms / (depth.near[i] ?? Number.NaN))).toFixed(2),
            "≤ 1.2",
          ],
        ],
      ),
    ].join("\n\n");
  } finally {
    stores.disconnect();
    await once(stores, "exit");
    rmSync(dataDir, { recursive: true, force: true });
  }
}

type Table = typeof import("../packages/core/src/table.ts").Table.client;
type Place = { imageID: string; createdAt: string };

/** Fills the table with ready images of one owner; returns their places, oldest first. */
async function seed(): Promise<Place[]> {
  const { marshal } = await import("../packages/core/src/attribute-value.ts");
  const { ImageEntity } = await import("../packages/core/src/image-entity.ts");
  const { ID } = await import("../packages/core/src/id.ts");
  const { Table } = await import("../packages/core/src/table.ts");
  const variant = (name: string, width: number) => ({
    key: `img/1-abcdef01/${name}.webp`,
    contentType: "image/webp",
    format: "webp",
    width,
    height: width,
    bytes: width * 40,
  });
  const start = Date.parse("2026-01-01T00:00:00Z");
  const places: Place[] = [];
  const requests: object[] = [];
  for (let i = 0; i < records; i++) {
    const imageID = ID.createImageID();
    const at = new Date(start + i * 1000).toISOString();
    places.push({ imageID, createdAt: at });
    const sha256 = i.toString(16).padStart(64, "0");
    const { Item } = ImageEntity.put({
      imageID,
      owner: "default",
      status: "ready",
      shard: ID.shardOf(imageID),
      createdAt: at,
      updatedAt: at,
      processedAt: at,
      version: 3,
      attempt: 1,
      key: `default/${imageID}`,
      writeID: imageID,
      last: { type: "ready", by: "processor", version: 3, at },
      dueOrder: "-",
      content: sha256,
      etag: "05793f9740cdfc7b02866e3acbee140f",
      sequencer: "0".repeat(32),
      filename: `IMG_${i}.jpg`,
      bytes: 3_000_000 + i,
      sha256,
      source: {
        format: "jpeg",
        contentType: "image/jpeg",
        width: 4032,
        height: 3024,
        alpha: false,
        frames: 1,
      },
      placeholder: { thumbhash: "IosCBYBZSH+Jh3h4eIh4eE+H91SI", color: "#7a8b9c" },
      variants: {
        thumbnail: variant("thumbnail", 200),
        small: variant("small", 480),
        medium: variant("medium", 1080),
        large: variant("large", 1920),
      },
      recipe: "abcdef01",
    }).params<{ Item: object }>();
    requests.push({ PutRequest: { Item: marshal(Item) } });
  }
  for (let i = 0; i < requests.length; i += 25) {
    const batch = { [Table.name]: requests.slice(i, i + 25) };
    await Table.client.attempt("BatchWriteItem", { RequestItems: batch as never });
  }
  return places;
}

/** Listens to what a client is asked; after `replay`, each request is answered with what it was answered first. */
function tap(client: Table) {
  const { call } = client;
  const known = new Map<string, Plain>();
  let seen: string[] = [];
  let replaying = false;
  client.call = async (operation, input) => {
    seen.push(operation);
    if (!replaying) return call(operation, input);
    const key = operation + JSON.stringify(input);
    const answer = known.get(key) ?? (await call(operation, input));
    known.set(key, answer);
    // The entity takes answers apart; each gets a copy of its own, as from the wire.
    return { ...answer };
  };
  return {
    async during(run: () => Promise<unknown>) {
      seen = [];
      await run();
      return seen;
    },
    replay() {
      replaying = true;
    },
  };
}

/** An application that answers with this JSON and does nothing else. */
function bareOf(json: string): Hono {
  const body: object = JSON.parse(json);
  return new Hono().get("/images/:id", (c) => c.json(body, 200));
}

/** Milliseconds of each, one after the other, many times. */
async function timed<K extends string>(
  runs: Record<K, () => Promise<unknown>>,
): Promise<Record<K, number[]>> {
  const names = Object.keys(runs) as K[];
  const times = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<K, number[]>;
  for (let i = -5; i < 60; i++) {
    for (const name of names) {
      const started = performance.now();
      await runs[name]();
      if (i >= 0) times[name].push(performance.now() - started);
    }
  }
  return times;
}
