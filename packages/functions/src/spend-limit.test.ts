import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

const mapping = "arn:aws:lambda:us-east-1:123456789012:event-source-mapping:0a1b";
const midnight = Date.parse(`${new Date().toISOString().slice(0, 10)}T00:00:00.000Z`) / 1000;

/** The state of Lambda and CloudWatch that the handler reads; `refused` is an operation that fails. */
let cloud: { sums: number[]; idle: number[]; state: string; tags: Record<string, string>; refused: string };
const operations: string[] = [];
let resets = 0;
let server: Server;
let spendLimit: typeof import("./spend-limit.ts");

beforeAll(async () => {
  server = createServer(async (request, response) => {
    if (resets-- > 0) return void request.socket.destroy();
    const [status, body] = await respond(request);
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  process.env.AWS_ENDPOINT_URL_LAMBDA = url;
  process.env.AWS_ENDPOINT_URL_CLOUDWATCH = url;
  process.env.POWERTOOLS_METRICS_DISABLED = "true";
  process.env.SST_RESOURCE_Allowance = JSON.stringify({
    perDayMax: 100,
    processor: "the-processor",
    mapping,
    idleNamespace: "ImagePipeline",
    idleMetric: "idle",
  });
  spendLimit = await import("./spend-limit.ts");
});

afterAll(() => void server.close());

beforeEach(() => {
  cloud = { sums: [], idle: [], state: "Enabled", tags: {}, refused: "" };
  operations.length = 0;
  resets = 0;
});

async function respond(request: IncomingMessage): Promise<[number, object]> {
  const { method = "", url = "", headers } = request;
  const { pathname, searchParams } = new URL(url, "http://cloud");
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = chunks.length > 0 ? JSON.parse(Buffer.concat(chunks).toString()) : {};
  const operation = operationOf(method, decodeURIComponent(pathname), headers["x-amz-target"]);
  operations.push(operation);
  const invalid = (message: string): [number, object] => [400, { __type: "InvalidParameterValue", message }];
  if (!headers.authorization?.includes("/us-east-1/")) return [403, { message: "not signed" }];
  if (operation === cloud.refused) return invalid(`${operation} refused`);
  switch (operation) {
    case "GetMetricStatistics":
      if (body.StartTime === midnight && body.Namespace === "ImagePipeline" && body.MetricName === "idle")
        return [200, { Datapoints: cloud.idle.map((Sum) => ({ Sum, Unit: "Count" })) }];
      expect(body).toMatchObject({ Dimensions: [{ Name: "FunctionName", Value: "the-processor" }] });
      if (body.StartTime !== midnight) return invalid("another day");
      return [200, { Datapoints: cloud.sums.map((Sum) => ({ Sum, Unit: "Count" })) }];
    case "UpdateEventSourceMapping":
      cloud.state = body.Enabled ? "Enabled" : "Disabled";
      return [200, { State: cloud.state }];
    case "GetEventSourceMapping":
      return [200, { State: cloud.state }];
    case "TagResource":
      Object.assign(cloud.tags, body.Tags);
      return [204, {}];
    case "UntagResource":
      delete cloud.tags[searchParams.get("tagKeys") ?? ""];
      return [204, {}];
    case "ListTags":
      return [200, { Tags: cloud.tags }];
    default:
      return [404, { message: `no operation at ${method} ${pathname}` }];
  }
}

/** https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html */
function operationOf(method: string, path: string, target: unknown): string {
  if (path === "/") return String(target).replace("GraniteServiceVersion20100801.", "");
  const operations: Record<string, string> = {
    "GET /2015-03-31/event-source-mappings/0a1b": "GetEventSourceMapping",
    "PUT /2015-03-31/event-source-mappings/0a1b": "UpdateEventSourceMapping",
    [`GET /2017-03-31/tags/${mapping}`]: "ListTags",
    [`POST /2017-03-31/tags/${mapping}`]: "TagResource",
    [`DELETE /2017-03-31/tags/${mapping}`]: "UntagResource",
  };
  return operations[`${method} ${path}`] ?? "";
}

test("the queue is read below the day's limit", async () => {
  cloud.sums = [60, 39];
  expect(await spendLimit.handler()).toEqual({ runs: 99, did: "nothing" });
  expect(cloud.state).toBe("Enabled");
});

test("runs that decode nothing do not count", async () => {
  Object.assign(cloud, { sums: [600, 399], idle: [500, 400] });
  expect(await spendLimit.handler()).toEqual({ runs: 99, did: "nothing" });
  cloud.idle = [899];
  expect(await spendLimit.handler()).toEqual({ runs: 100, did: "paused" });
});

test("the queue is paused at the day's limit, and resumed the next day", async () => {
  cloud.sums = [60, 40];
  expect(await spendLimit.handler()).toEqual({ runs: 100, did: "paused" });
  expect(cloud.state).toBe("Disabled");
  expect(await spendLimit.handler()).toEqual({ runs: 100, did: "nothing" });

  cloud.sums = [];
  expect(await spendLimit.handler()).toEqual({ runs: 0, did: "resumed" });
  expect(cloud).toMatchObject({ state: "Enabled", tags: {} });
  expect(await spendLimit.handler()).toEqual({ runs: 0, did: "nothing" });
});

test("a mapping disabled by hand stays disabled", async () => {
  cloud.state = "Disabled";
  expect(await spendLimit.handler()).toEqual({ runs: 0, did: "nothing" });
  expect(cloud.state).toBe("Disabled");
});

test("a connection reset during a pause is retried within the run", async () => {
  cloud.sums = [100];
  resets = 1;
  expect(await spendLimit.handler()).toEqual({ runs: 100, did: "paused" });
  expect(cloud.state).toBe("Disabled");
});

test("a pause that failed after the tag is completed by the next run", async () => {
  cloud.sums = [500];
  cloud.refused = "UpdateEventSourceMapping";
  await expect(spendLimit.handler()).rejects.toThrow("UpdateEventSourceMapping refused");
  cloud.refused = "";
  expect(await spendLimit.handler()).toEqual({ runs: 500, did: "paused" });
  expect(cloud).toMatchObject({ state: "Disabled", tags: { "paused-by": "image-pipeline-breaker" } });
});

test("a mapping that cannot be tagged is not paused", async () => {
  cloud.sums = [500];
  cloud.refused = "TagResource";
  await expect(spendLimit.handler()).rejects.toThrow("TagResource refused");
  expect(cloud.state).toBe("Enabled");
});

test("a resumption that failed before the tag's removal is completed by the next run", async () => {
  cloud.state = "Disabled";
  cloud.tags = { "paused-by": "image-pipeline-breaker" };
  cloud.refused = "UntagResource";
  await expect(spendLimit.handler()).rejects.toThrow("UntagResource refused");
  cloud.refused = "";
  expect(await spendLimit.handler()).toEqual({ runs: 0, did: "resumed" });
  expect(cloud).toMatchObject({ state: "Enabled", tags: {} });
});

test("a mapping in transition is not changed", async () => {
  cloud.state = "Disabling";
  cloud.tags = { "paused-by": "image-pipeline-breaker" };
  expect(await spendLimit.handler()).toEqual({ runs: 0, did: "nothing" });
  expect(operations).toEqual([
    "GetMetricStatistics",
    "GetMetricStatistics",
    "ListTags",
    "GetEventSourceMapping",
  ]);
});
