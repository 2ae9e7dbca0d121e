/**
 * Lazy files of a deployed stage: the distribution, and the bundles of all functions with the rights of their roles, on
 * the embedded S3 and DynamoDB. `npm start` has the same tests in packages/e2e/src/local/lazy.test.ts.
 */
import { AwsClient } from "aws4fetch";
import { afterAll, beforeAll, expect, test } from "vitest";
import { photo } from "../../packages/core/src/fixture.ts";
import { type Deployment, deploy } from "./deployed.ts";
import { callFunction } from "./function-url.ts";
import type { Graph } from "./graph.ts";
import { graphOf } from "./graphs.ts";
import { rightsOf } from "./rights.ts";
import { type Answered, type Origins, respond } from "./stage.ts";

const host = "d111.cloudfront.net";
let graph: Graph;
let cloud: Deployment;
let origins: Origins;
let poster: { url: string; formats: Record<string, { url: string }>; widths: { url: string }[] };

/** Requests of the second origin. */
let asked: string[] = [];

beforeAll(async () => {
  graph = await graphOf("lazy");
  cloud = await deploy(graph, "lazy");
  const credentials = { accessKeyId: "local", secretAccessKey: "local-secret" };
  const s3 = new AwsClient({ ...credentials, region: "us-east-1", service: "s3", retries: 0 });
  const unused = async (): Promise<Answered> => ({ status: 502, headers: {}, body: "" });
  origins = {
    api: unused,
    missing: unused,
    renderer: async ({ path, headers }) => {
      asked.push(path);
      const request = new Request(`https://renderer${path}`, { headers });
      return answered(await callFunction((event) => cloud.invoke("Renderer", event), request));
    },
    file: async (_bucket, key) => {
      const found = await s3.fetch(
        `${cloud.s3Url}/processed/${key.split("/").map(encodeURIComponent).join("/")}`,
      );
      return found.ok ? answered(found) : undefined;
    },
  };
  const bytes = await photo({ width: 800, height: 600 });
  const created = await fetch(`${cloud.url}/images`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ filename: "a.jpg", contentType: "image/jpeg", bytes: bytes.length }),
  });
  const { id, upload } = await created.json();
  const { url, method, headers } = upload;
  await fetch(url, { method, headers, body: new Uint8Array(bytes) });
  await cloud.settled();
  const image = await (await fetch(`${cloud.url}/images/${id}`)).json();
  poster = image.variants.poster;
}, 120_000);

afterAll(() => cloud.stop());

async function answered(response: Response): Promise<Answered> {
  const body = Buffer.from(await response.arrayBuffer()).toString("latin1");
  return { status: response.status, headers: Object.fromEntries(response.headers), body };
}

/** Sends a GET through the distribution. */
async function get(url: string, headers: Record<string, string> = {}): Promise<Answered> {
  asked = [];
  return respond(
    graph,
    host,
    { method: "GET", path: new URL(url).pathname, headers: { host, ...headers } },
    origins,
  );
}

test("the first request makes the file of its Accept, with the headers of a stored one; the next gets it from the bucket", async () => {
  const accept = "image/avif,image/webp,*/*";
  const first = await get(poster.widths[0]?.url ?? "", { accept });
  expect([first.status, first.headers["content-type"], asked.length]).toEqual([200, "image/avif", 1]);
  const second = await get(poster.widths[0]?.url ?? "", { accept });
  expect([second.status, asked]).toEqual([200, []]);
  expect(second.body).toBe(first.body);
  for (const name of ["content-type", "cache-control", "etag", "accept-ranges", "x-content-type-options"])
    expect([name, first.headers[name]]).toEqual([name, second.headers[name]]);
  expect(first.headers["cache-control"]).toBe("public, max-age=31536000, s-maxage=604800, immutable");
});

test.each(["poster@161.webp", "other.webp", "poster@160.png", "%2e%2e/poster.webp", "a".repeat(3_000)])(
  "a request for a file that no record names is a 404 without a render: %s",
  async (name) => {
    const folder = (poster.formats.webp?.url ?? "").replace(/[^/]*$/, "");
    const before = cloud.guards.Renderer.passed.length;
    const { status, headers } = await get(`${folder}${name}`);
    expect([status, headers["content-type"]]).toEqual([404, "application/problem+json"]);
    // At most one read of the record.
    const requests = cloud.guards.Renderer.passed.slice(before).map(({ operation }) => operation);
    expect(requests.filter((operation) => operation !== "GetItem")).toEqual([]);
  },
);

test("only CloudFront can call the function", async () => {
  for (const headers of [new Headers(), new Headers({ "x-origin-secret": "0".repeat(64) })]) {
    const path = new URL(poster.formats.webp?.url ?? "").pathname.slice("/media".length);
    const request = new Request(`https://renderer${path}`, { headers });
    const { status } = await callFunction((event) => cloud.invoke("Renderer", event), request);
    expect(status).toBe(403);
  }
});

test("nothing was refused for want of a right, and every right was needed, but to remove what it wrote too late", async () => {
  for (const { url } of Object.values(poster.formats)) expect((await get(url)).status).toBe(200);
  const { refused, used } = cloud.guards.Renderer;
  expect(refused).toEqual([]);
  expect(rightsOf(graph, "Renderer").filter((right) => !used.has(right))).toEqual([
    "s3:DeleteObject {Processed}/img_*",
    // This run has no private image: their files need the same rights as public ones.
    "s3:DeleteObject {Processed}/private/*",
    "s3:GetObject {Processed}/img_*",
    "s3:GetObject {Processed}/private/*",
    "s3:ListBucket {Processed}",
    "s3:ListBucket {Uploads}",
    "s3:PutObject {Processed}/private/*",
  ]);
});
