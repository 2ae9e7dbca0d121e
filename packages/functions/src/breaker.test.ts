import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

const mapping = "arn:aws:lambda:us-east-1:123456789012:event-source-mapping:0a1b";
const midnight = `${new Date().toISOString().slice(0, 10)}T00:00:00.000Z`;

/** The state of Lambda and CloudWatch that the breaker reads and changes. */
let cloud: { sums: number[]; state: string; tags: Record<string, string>; refuse: string };
const seen: string[] = [];
let server: Server;
let breaker: typeof import("./breaker.ts");

beforeAll(async () => {
  server = createServer(async (request, response) => {
    const [status, body] = await answer(request);
    response.writeHead(status).end(body);
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
  });
  breaker = await import("./breaker.ts");
});

afterAll(() => void server.close());

beforeEach(() => {
  cloud = { sums: [], state: "Enabled", tags: {}, refuse: "" };
  seen.length = 0;
});

async function answer(request: IncomingMessage): Promise<[number, string]> {
  const { method = "", url = "" } = request;
  const { pathname, searchParams } = new URL(url, "http://cloud");
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString();
  seen.push(`${method} ${decodeURIComponent(pathname)}`);
  if (!request.headers.authorization?.includes("/us-east-1/")) return [403, "not signed"];
  if (cloud.refuse && pathname !== "/" && method === cloud.refuse) return [400, "refused"];
  if (pathname === "/") {
    const asked = new URLSearchParams(body);
    if (asked.get("Dimensions.member.1.Value") !== "the-processor") return [400, "another function"];
    if (asked.get("StartTime") !== midnight) return [400, "another day"];
    const points = cloud.sums.map((sum) => `<member><Sum>${sum.toFixed(1)}</Sum></member>`).join("");
    return [200, `<Datapoints>${points}</Datapoints>`];
  }
  if (pathname === "/2015-03-31/event-source-mappings/0a1b") {
    if (method === "PUT") cloud.state = JSON.parse(body).Enabled ? "Enabled" : "Disabled";
    return [200, JSON.stringify({ State: cloud.state })];
  }
  if (decodeURIComponent(pathname) === `/2017-03-31/tags/${mapping}`) {
    if (method === "POST") Object.assign(cloud.tags, JSON.parse(body).Tags);
    if (method === "DELETE") delete cloud.tags[searchParams.get("tagKeys") ?? ""];
    return method === "GET" ? [200, JSON.stringify({ Tags: cloud.tags })] : [204, ""];
  }
  return [404, `nothing at ${pathname}`];
}

test("the queue is read while the day's allowance lasts", async () => {
  cloud.sums = [60, 39];
  expect(await breaker.handler()).toEqual({ runs: 99, did: "nothing" });
  expect(cloud.state).toBe("Enabled");
});

test("the queue is no longer read when the allowance is used up, and again the next day", async () => {
  cloud.sums = [60, 40];
  expect(await breaker.handler()).toEqual({ runs: 100, did: "paused" });
  expect(cloud.state).toBe("Disabled");
  expect(await breaker.handler()).toEqual({ runs: 100, did: "nothing" });

  cloud.sums = [];
  expect(await breaker.handler()).toEqual({ runs: 0, did: "resumed" });
  expect(cloud).toMatchObject({ state: "Enabled", tags: {} });
  expect(await breaker.handler()).toEqual({ runs: 0, did: "nothing" });
});

test("a processor that an operator paused stays paused", async () => {
  cloud.state = "Disabled";
  expect(await breaker.handler()).toEqual({ runs: 0, did: "nothing" });
  expect(cloud.state).toBe("Disabled");
});

test("a pause that failed half-way is made good the next time", async () => {
  cloud.sums = [500];
  cloud.refuse = "PUT";
  await expect(breaker.handler()).rejects.toThrow("lambda refused PUT");
  cloud.refuse = "";
  expect(await breaker.handler()).toEqual({ runs: 500, did: "paused" });
  expect(cloud).toMatchObject({ state: "Disabled", tags: { "paused-by": "image-pipeline-breaker" } });
});

test("nothing is paused that could not be marked as paused by us", async () => {
  cloud.sums = [500];
  cloud.refuse = "POST";
  await expect(breaker.handler()).rejects.toThrow("lambda refused POST");
  expect(cloud.state).toBe("Enabled");
});

test("a resumption that failed half-way is made good the next time", async () => {
  cloud = { sums: [], state: "Disabled", tags: { "paused-by": "image-pipeline-breaker" }, refuse: "DELETE" };
  await expect(breaker.handler()).rejects.toThrow("lambda refused DELETE");
  cloud.refuse = "";
  expect(await breaker.handler()).toEqual({ runs: 0, did: "resumed" });
  expect(cloud).toMatchObject({ state: "Enabled", tags: {} });
});

test("a mapping that is still changing is left alone until it has", async () => {
  cloud = { sums: [], state: "Disabling", tags: { "paused-by": "image-pipeline-breaker" }, refuse: "" };
  expect(await breaker.handler()).toEqual({ runs: 0, did: "nothing" });
  expect(seen.filter((request) => !/^(GET|POST \/$)/.test(request))).toEqual([]);
});
