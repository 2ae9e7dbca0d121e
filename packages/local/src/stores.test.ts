import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";
import { StartError } from "./environment.ts";
import { thisMachine } from "./isolation.ts";
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

/** An S3 that has these buckets and CORS rules, and records its requests. */
async function otherS3(buckets: Record<string, number>, cors = { status: 404, rules: "" }) {
  const asked: string[] = [];
  const headers: IncomingHttpHeaders[] = [];
  const server = createServer(async (request, response) => {
    const { method, url = "" } = request;
    asked.push(`${method} ${url}`);
    headers.push(request.headers);
    const body = await text(request);
    if (url === "/uploads?cors" && method === "GET") return response.writeHead(cors.status).end(cors.rules);
    if (url === "/uploads?cors" && cors.status < 500) Object.assign(cors, { status: 200, rules: body });
    else if (method === "PUT" && !url.includes("?")) buckets[url.slice(1)] = 200;
    return response.writeHead(buckets[url.slice(1)] ?? cors.status).end();
  });
  const url = await listen(server, 0);
  stops.push(() => closeServer(server, 0));
  return { url, asked, headers, cors };
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
  expect(asked.slice(0, 3)).toEqual(["HEAD /uploads", "HEAD /processed", "PUT /processed"]);
});

test("a named endpoint is asked in its region, with the session token", async () => {
  const { url, headers } = await otherS3({ uploads: 200, processed: 200 });
  const credentials = { ...options.credentials, sessionToken: "a-token" };
  await opened(openBuckets({ ...options, region: "eu-west-1", credentials, endpoints: { s3: url } }));
  for (const { authorization, "x-amz-security-token": token } of headers)
    expect([authorization?.includes("/eu-west-1/s3/aws4_request"), token]).toEqual([true, "a-token"]);
});

test("browsers may upload to a named endpoint, and rules of other programs stay", async () => {
  const foreign = "<CORSRule><AllowedOrigin>https://a.example</AllowedOrigin></CORSRule>";
  const rules = `<CORSConfiguration>${foreign}</CORSConfiguration>`;
  const { url, cors } = await otherS3({ uploads: 200, processed: 200 }, { status: 200, rules });
  const origins = {
    ...options,
    trust: { ...thisMachine, origins: ["https://app.example"] },
    endpoints: { s3: url },
  };
  // Twice: a second start replaces its own rule.
  for (let start = 0; start < 2; start++) {
    const { notes } = await opened(openBuckets(origins));
    expect(notes).toEqual(["This S3 sends no events: an upload stays pending for up to a minute."]);
  }
  expect(cors.rules.match(/<AllowedOrigin>.*?<\/AllowedOrigin>/g)).toEqual([
    "<AllowedOrigin>https://a.example</AllowedOrigin>",
    "<AllowedOrigin>http://127.0.0.1:*</AllowedOrigin>",
    "<AllowedOrigin>http://localhost:*</AllowedOrigin>",
    "<AllowedOrigin>https://localhost:*</AllowedOrigin>",
    "<AllowedOrigin>https://app.example</AllowedOrigin>",
  ]);
  expect(cors.rules).toContain("<AllowedMethod>PUT</AllowedMethod>");
});

test("a named endpoint without CORS rules, such as MinIO, is used, and a note says so", async () => {
  const { url } = await otherS3({ uploads: 200, processed: 200 }, { status: 501, rules: "" });
  const { notes } = await opened(openBuckets({ ...options, endpoints: { s3: url } }));
  expect(notes?.[1]).toMatch(/^It refused the CORS rules of uploads \(HTTP 501\)/);
});

test("the error about a named endpoint that cannot be reached has its URL, the reason and the setting", async () => {
  const server = createServer();
  const url = await listen(server, 0);
  await closeServer(server, 0);
  const endpoints = { s3: url, dynamodb: url };
  const reason = `at ${url} cannot be used: connect ECONNREFUSED ${new URL(url).host}. Check`;
  const s3 = await openBuckets({ ...options, endpoints }).catch((error) => error);
  expect(s3).toBeInstanceOf(StartError);
  expect(s3.message).toBe(`The bucket uploads ${reason} AWS_ENDPOINT_URL_S3, the access key and AWS_REGION.`);
  const dynamodb = await openTable({ ...options, endpoints }).catch((error) => error);
  expect(dynamodb).toBeInstanceOf(StartError);
  expect(dynamodb.message).toBe(`The table images ${reason} AWS_ENDPOINT_URL_DYNAMODB and the access key.`);
});

test("the error about a bucket that a named endpoint refuses has its URL and the setting", async () => {
  const { url } = await otherS3({ uploads: 403 });
  await expect(openBuckets({ ...options, endpoints: { s3: url } })).rejects.toThrow(
    `The bucket uploads at ${url} cannot be used: HTTP 403. Check AWS_ENDPOINT_URL_S3, the access key and AWS_REGION.`,
  );
});
