import { execFile } from "node:child_process";
import { createServer, type Server } from "node:http";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { closeServer, listen } from "../../packages/local/src/listen.ts";
import { argsOf, short } from "./graph.ts";
import { graphOf } from "./graphs.ts";
import { bundleFunction } from "./lambda-bundle.ts";
import { allowing, rightsOf } from "./rights.ts";

const graph = await graphOf("production");
const build = graph.builds.find(({ functionID }) => functionID === "Breaker");
if (!build) throw new Error("Production has no breaker.");
const allowance = build.links.Allowance as {
  perDayMax: number;
  mapping: string;
  idleNamespace: string;
  idleMetric: string;
};
const { perDayMax, mapping } = allowance;

/** The responses of CloudWatch and Lambda: the processor's invocations today, and the state of its event source mapping. */
let world: { runs: number; idle?: number; state: string };
const asked: { action: string; resource: string }[] = [];
let server: Server;
let url: string;
let file: string;

beforeAll(async () => {
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const { method = "", url: path = "", headers } = request;
    response.setHeader("content-type", "application/json");
    const of = (actions: Record<string, string>) =>
      asked.push({ action: `lambda:${actions[method]}`, resource: short(mapping) });
    if (path === "/") {
      const action = String(headers["x-amz-target"]).replace("GraniteServiceVersion20100801.", "cloudwatch:");
      asked.push({ action, resource: "*" });
      const { idle = 0, runs } = world;
      const isIdle = JSON.parse(body).MetricName === allowance.idleMetric;
      response.end(JSON.stringify({ Datapoints: [{ Sum: isIdle ? idle : runs + idle }] }));
    } else if (path.startsWith("/2017-03-31/tags/")) {
      of({ GET: "ListTags", POST: "TagResource", DELETE: "UntagResource" });
      response.end(JSON.stringify({ Tags: { "paused-by": "image-pipeline-breaker" } }));
    } else {
      of({ GET: "GetEventSourceMapping", PUT: "UpdateEventSourceMapping" });
      if (method === "PUT") world.state = JSON.parse(body).Enabled ? "Enabled" : "Disabled";
      response.end(JSON.stringify({ State: world.state }));
    }
  });
  url = await listen(server, 0);
  ({ file } = await bundleFunction(build));
});

afterAll(() => closeServer(server, 0));

/** Runs the deployed bundle with the links of its stage; returns its result and its log lines. */
async function run(): Promise<{ answer: unknown; lines: Record<string, unknown>[] }> {
  const script = `const { handler } = await import(${JSON.stringify(file)}); console.log(JSON.stringify({ answer: await handler() }));`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], {
    env: {
      AWS_REGION: "us-east-1",
      AWS_ACCESS_KEY_ID: "local",
      AWS_SECRET_ACCESS_KEY: "local-secret",
      AWS_ENDPOINT_URL_LAMBDA: url,
      AWS_ENDPOINT_URL_CLOUDWATCH: url,
      SST_RESOURCE_App: JSON.stringify({ name: "image-pipeline", stage: "production" }),
      SST_RESOURCE_Allowance: JSON.stringify(allowance),
    },
  });
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  return { answer: lines.find(({ answer }) => answer)?.answer, lines };
}

test("what is deployed stops the processor at the day's allowance, and has it go on the next day", async () => {
  world = { runs: perDayMax - 1, state: "Enabled" };
  await run();
  expect(world.state).toBe("Enabled");

  world.runs = perDayMax;
  expect((await run()).answer).toEqual({ runs: perDayMax, did: "paused" });
  expect(world.state).toBe("Disabled");

  world.runs = 0;
  expect((await run()).answer).toEqual({ runs: 0, did: "resumed" });
  expect(world.state).toBe("Enabled");
});

test("runs that decode nothing do not count", async () => {
  world = { runs: perDayMax - 1, idle: 10 * perDayMax, state: "Enabled" };
  expect((await run()).answer).toMatchObject({ runs: perDayMax - 1 });
  expect(world.state).toBe("Enabled");
});

test("the idle runs are those of the processor's log, and its share is a part of the limit", () => {
  const { idleNamespace, idleMetric } = allowance;
  const { logGroupName, pattern, metricTransformation } = argsOf(graph, /logMetricFilter:/i, "IdleRuns");
  expect(metricTransformation).toMatchObject({ namespace: idleNamespace, name: idleMetric, value: "1" });
  expect(logGroupName).toContain("Processor");
  expect(pattern).toBe('{ $.message = "handled" && $.idle IS TRUE }');
  const processor = graph.builds.find(({ functionID }) => functionID === "Processor");
  expect(processor?.links.Settings).toMatchObject({ processedPerOwnerMax: perDayMax / 4 });
});

test("it needs the rights that its role has, and no others", () => {
  const rights = rightsOf(graph, "Breaker");
  const used = new Set(asked.map((deed) => allowing(rights, deed) ?? `refused: ${deed.action}`));
  expect([...used].sort()).toEqual(rights);
});

test("the alarm looks at the very metric that it writes", async () => {
  const { namespace, metricName, dimensions, statistic, threshold } = argsOf(
    graph,
    /metricAlarm:/,
    "ProcessingPausedAlarm",
  );
  for (const [runs, value] of [
    [perDayMax - 1, 0],
    [perDayMax, 1],
  ] as const) {
    world = { runs, state: "Enabled" };
    const { lines } = await run();
    const written = lines.find((line) => "_aws" in line) ?? {};
    const { CloudWatchMetrics } = written._aws as { CloudWatchMetrics: object[] };
    expect(CloudWatchMetrics).toEqual([
      {
        Namespace: namespace,
        Dimensions: [Object.keys(dimensions)],
        Metrics: [expect.objectContaining({ Name: metricName })],
      },
    ]);
    expect(written).toMatchObject(dimensions);
    expect([written[metricName]].flat()).toEqual([value]);
    expect([statistic, value > threshold]).toEqual(["Maximum", runs === perDayMax]);
  }
});
