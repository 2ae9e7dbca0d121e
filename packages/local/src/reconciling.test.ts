import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMediaKey } from "@image-pipeline/core/fixture-media-key";
import { pipelineDefaults } from "@image-pipeline/core/settings";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { variables } from "./environment.ts";
import { virtualClock } from "./fixture.ts";
import { closeServer, listen } from "./listen.ts";
import { type Reconciling, startReconciling } from "./reconciling.ts";
import { openBuckets, openTable } from "./stores.ts";

const region = "us-east-1";
const credentials = { accessKeyId: "local", secretAccessKey: "local-secret" };

let dataDir: string;
let stops: (() => Promise<unknown>)[];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "reconciling-"));
  stops = [];
});

afterEach(async () => {
  for (const stop of stops.reverse()) await stop();
  await rm(dataDir, { recursive: true });
});

async function freePort(): Promise<number> {
  const server = createServer();
  const { port } = new URL(await listen(server, 0));
  await closeServer(server, 0);
  return Number(port);
}

test("the comparison at the start is retried until it succeeds", async () => {
  const [s3Port, dynamodbPort] = [await freePort(), await freePort()];
  const env = {
    ...process.env,
    ...variables({
      region,
      credentials,
      s3Url: `http://127.0.0.1:${s3Port}`,
      dynamodbUrl: `http://127.0.0.1:${dynamodbPort}`,
      url: "http://127.0.0.1:9",
      queuePath: "/1/processing",
      cursorKey: "k",
      mediaKey: createMediaKey(),
      pipeline: pipelineDefaults,
    }),
  };
  const clock = virtualClock();
  const warned = Promise.withResolvers<void>();
  const warn = vi.spyOn(console, "warn").mockImplementation(() => warned.resolve());
  const reconciling: Reconciling = startReconciling({ region, env, memoryMB: 512, events: true, clock });
  stops.push(() => reconciling.close(0));
  let isDone = false;
  const compared = reconciling.compared.then(() => {
    isDone = true;
  });
  await warned.promise;
  expect(warn.mock.calls[0]?.[0]).toContain("could not run compare");

  const stores = {
    dataDir,
    s3Port,
    dynamodbPort,
    region,
    credentials,
    endpoints: {},
    onEvent() {},
  };
  const table = await openTable(stores);
  stops.push(table.close);
  const buckets = await openBuckets(stores);
  stops.push(buckets.close);
  expect(isDone).toBe(false);
  await clock.pass(10_000);
  await compared;
  warn.mockRestore();
  expect(isDone).toBe(true);
}, 60_000);
