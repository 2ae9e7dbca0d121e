/**
 * The HTTP API's own cost, on a table of 100,000 records: requests to DynamoDB are counted, and then answered from
 * memory below the SDK, so that the CPU measured is that of the API, ElectroDB and the SDK, log line included. Then the
 * size and the import time of its bundle, by dependency.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { type DynamoDBDocumentClient, GetCommand } from "@aws-sdk/lib-dynamodb";
import { Hono } from "hono";
import { createMediaKey } from "../packages/core/src/fixture-media-key.ts";
import { Settings } from "../packages/core/src/settings.ts";
import { enter } from "../packages/local/src/environment.ts";
import { bundleReport } from "./bundle.ts";
import { type Case, cpuOf, interleave, median, ratioOf, table } from "./measure.ts";
import type { Place } from "./seed.ts";

const records = Number(process.env.API_RECORDS ?? 100_000);
const rounds = 40;

/** Requests per sample. */
const batch = 300;

/** Prints the API's figures. */
export async function run(): Promise<string> {
  const dataDir = mkdtempSync(join(tmpdir(), "bench-"));
  const { write } = process.stdout;
  const stores = fork(new URL("stores.ts", import.meta.url), [dataDir]);
  try {
    const [{ s3Url, dynamodbUrl }] = await once(stores, "message");
    // The level of a deployed stage; `npm start` logs less.
    process.env.POWERTOOLS_LOG_LEVEL = "INFO";
    enter(process.env, {
      region: "us-east-1",
      credentials: { accessKeyId: "local", secretAccessKey: "local-secret" },
      s3Url,
      dynamodbUrl,
      url: "http://127.0.0.1:9",
      queuePath: "/",
      cursorKey: "k",
      mediaKey: createMediaKey(),
      pipeline: { ...Settings.pipelineDefaults, anonymous: true },
    });
    // Imported here because these modules read the environment once, when they are loaded.
    const { createApp } = await import("../packages/functions/src/http/app.ts");
    const { linkedSettings } = await import("../packages/functions/src/api.ts");
    const app = createApp(linkedSettings());
    const { Table } = await import("../packages/core/src/table/table.ts");
    const { ImageEntity } = await import("../packages/core/src/table/image-entity.ts");
    const { Cursor } = await import("../packages/core/src/images/cursor.ts");
    // The page size at which the table has 1,000 pages.
    const size = Math.max(1, Math.floor(records / 1_000));
    const [middle, deep] = await seed(records, records >> 1, records - 1 - 999 * size);
    if (!middle || !deep) throw new Error("Too few records for a thousand pages.");

    // Log lines are formatted and then discarded.
    process.stdout.write = () => true;
    const get = async (path: string) => {
      const response = await app.request(path);
      if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
      return response.text();
    };
    const wire = tap(Table.client());
    const lookUp = `/images/${middle.imageID}`;
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

    const far = page(size, Cursor.issue({ owner: "default", order: "desc" }, [deep.createdAt, deep.imageID]));
    const near = page(size);
    const depth = await timed({ near: () => get(near), far: () => get(far) });

    wire.replay();
    const bare = bareOf(Table.client(), (imageID) =>
      ImageEntity.get({ imageID }).params({ consistent: true }),
    );
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
          ["a bare Hono route with the same GetItem", micros("bare"), 1, ""],
          ["look-up", micros("look-up"), ratioOf(samples, "look-up", "bare").toFixed(2), "≤ 1.5"],
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
      "The API's bundle as deployed, by dependency:",
      await bundleReport(),
    ].join("\n\n");
  } finally {
    process.stdout.write = write;
    stores.disconnect();
    await once(stores, "exit");
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** Fills the table in a child process, so that no garbage collection of the seeding falls into a measurement. */
async function seed(count: number, ...wanted: number[]): Promise<Place[]> {
  const child = fork(new URL("seed.ts", import.meta.url), [count, ...wanted].map(String));
  const ended = once(child, "exit").then(() => {
    throw new Error("The table could not be filled.");
  });
  const [places] = await Promise.race([once(child, "message"), ended]);
  return places;
}

type Answer = { statusCode: number; headers: Record<string, string>; text: string };

/** Counts a client's HTTP requests; after `replay`, repeats the first answer to each of them. */
function tap({ config }: DynamoDBDocumentClient) {
  const real = config.requestHandler;
  const known = new Map<string, Answer>();
  let seen: string[] = [];
  let replaying = false;
  const handle: typeof real.handle = async (request, options) => {
    const operation = String(request.headers["x-amz-target"]).replace(/.*\./, "");
    seen.push(operation);
    const key = operation + Buffer.copyBytesFrom(request.body);
    let answer = replaying ? known.get(key) : undefined;
    if (!answer) {
      const { response } = await real.handle(request, options);
      answer = {
        statusCode: response.statusCode,
        headers: response.headers,
        text: await text(response.body),
      };
      known.set(key, answer);
    }
    const { text: body, ...rest } = answer;
    return { response: { ...rest, body: Readable.from([Buffer.from(body)]) } };
  };
  config.requestHandler = Object.assign(Object.create(real), { handle });
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

/** An application that answers with the item of one GetItem through the same client, and does nothing else. */
function bareOf(client: DynamoDBDocumentClient, paramsOf: (imageID: string) => object): Hono {
  return new Hono().get("/images/:id", async (c) => {
    const input = paramsOf(c.req.param("id")) as GetCommand["input"];
    const { Item } = await client.send(new GetCommand(input));
    return c.json(Item, 200);
  });
}

/** Runs the functions in turn, many times, and returns the milliseconds of each run. */
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
