import { mkdtemp, rm } from "node:fs/promises";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { LambdaFunctionURLEvent } from "aws-lambda";
import { AwsClient } from "aws4fetch";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createFrontDoor, type Rooms } from "./front-door.ts";
import { callFunction, type Handler } from "./function-url.ts";
import { closeServer, listen } from "./listen.ts";
import { sendMedia } from "./media.ts";
import { startS3 } from "./s3/server.ts";

const region = "us-east-1";
const credentials = { accessKeyId: "local", secretAccessKey: "local-secret" };
const aws = new AwsClient({ ...credentials, region, service: "s3", retries: 0 });
const key = "img_01KAR5ZJ5V0000000000000000/1-0a1b2c3d/thumbnail.webp";
const bytes = Buffer.from("RIFF....WEBP, or so it says");

let folder: string;
let url: string;
let s3Url: string;
let stop: () => Promise<void>;
let handler: Handler;
let event: LambdaFunctionURLEvent | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "front-door-"));
  const buckets = ["uploads", "processed"];
  const s3 = await startS3({
    dataDir: folder,
    port: 0,
    buckets,
    region,
    ...credentials,
    corsOrigins: [],
    onEvent() {},
  });
  s3Url = s3.url;
  const corsOrigins = ["http://app.example"];
  const { promise: rooms, resolve } = Promise.withResolvers<Rooms>();
  const server = createFrontDoor(rooms);
  url = await listen(server, 0);
  resolve({
    media: (request, response) =>
      sendMedia({ aws, s3Url, bucket: "processed", corsOrigins }, request, response),
    page: async (_, response) => void response.end("page"),
    sqs: async (_, response) => void response.end("sqs"),
    api: (request, response) =>
      callFunction((event, context) => handler(event, context), request, response, {
        name: "api",
        region,
        timeoutSeconds: 30,
      }),
  });
  const put = (path: string, headers = {}) =>
    aws.fetch(`${s3Url}/${path}`, { method: "PUT", body: bytes, headers });
  await put(`processed/${key}`, {
    "content-type": "image/webp",
    "cache-control": "public, max-age=31536000, immutable",
  });
  await put("processed/odd/a%20b%2Bc%25/%C3%A9.webp", { "content-type": "image/webp" });
  await put("uploads/secret.jpg", { "content-type": "image/jpeg" });
  stop = async () => {
    await closeServer(server, 100);
    await s3.close();
    await rm(folder, { recursive: true });
  };
  handler = async (received) => {
    event = received;
    return { statusCode: 200, headers: { "content-type": "text/plain" }, body: "ok" };
  };
});

afterAll(() => stop());

/** A request exactly as given: `fetch` would clean the path up. */
function raw(path: string, headers: Record<string, string> = {}, method = "GET") {
  return new Promise<IncomingMessage & { body: string }>((done, fail) => {
    const { hostname, port } = new URL(url);
    const request = httpRequest({ hostname, port, path, method, headers }, (response) => {
      text(response).then((body) => done(Object.assign(response, { body })), fail);
    });
    request.on("error", fail).end();
  });
}

describe("/media", () => {
  test("serves a file as it was stored, safe and cacheable for ever", async () => {
    const response = await fetch(`${url}/media/${key}`);
    expect(response.status).toBe(200);
    expect(Buffer.from(await response.arrayBuffer())).toEqual(bytes);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": "image/webp",
      "content-length": String(bytes.length),
      "cache-control": "public, max-age=31536000, immutable",
      etag: expect.stringMatching(/^"[0-9a-f]{32}"$/),
      "last-modified": expect.stringMatching(/GMT$/),
      "accept-ranges": "bytes",
      "x-content-type-options": "nosniff",
      "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
      "cross-origin-resource-policy": "cross-origin",
    });
    expect(response.headers.has("x-amz-request-id")).toBe(false);
  });

  test("answers 304 to whoever has it already", async () => {
    const etag = (await fetch(`${url}/media/${key}`)).headers.get("etag") ?? "";
    const response = await raw(`/media/${key}`, { "if-none-match": etag });
    expect([response.statusCode, response.body, response.headers.etag]).toEqual([304, "", etag]);
    expect(response.headers["cache-control"]).toBe("public, max-age=31536000, immutable");
    expect((await raw(`/media/${key}`, { "if-none-match": '"other"' })).statusCode).toBe(200);
  });

  test("serves ranges, and says which there are", async () => {
    const response = await raw(`/media/${key}`, { range: "bytes=4-7" });
    expect(response.statusCode).toBe(206);
    expect(response.body).toBe("....");
    expect(response.headers["content-range"]).toBe(`bytes 4-7/${bytes.length}`);
    expect((await raw(`/media/${key}`, { range: "bytes=1000-" })).statusCode).toBe(416);
  });

  test("answers HEAD with the headers alone", async () => {
    const response = await raw(`/media/${key}`, {}, "HEAD");
    expect([response.statusCode, response.body]).toEqual([200, ""]);
    expect(response.headers["content-length"]).toBe(String(bytes.length));
  });

  test("ignores the query, also one that the store would understand", async () => {
    const response = await raw(`/media/${key}?response-content-type=text/html&uploads&list-type=2`);
    expect([response.statusCode, response.headers["content-type"]]).toEqual([200, "image/webp"]);
  });

  test("finds keys of any characters", async () => {
    expect((await raw("/media/odd/a%20b+c%25/%C3%A9.webp")).statusCode).toBe(200);
    expect((await raw("/media/odd%2Fa%20b%2Bc%25/%c3%a9.webp")).statusCode).toBe(200);
  });

  test.each([
    "/media/nothing.webp",
    "/media/",
    "/media/img_01KAR5ZJ5V0000000000000000/",
    "/media/?list-type=2",
    "/media/../uploads/secret.jpg",
    "/media/%2e%2e/uploads/secret.jpg",
    "/media/.%2E/uploads/secret.jpg",
    "/media/..%2fuploads/secret.jpg",
    "/media/%2e%2e%2fuploads%2fsecret.jpg",
    "/media/a/../../uploads/secret.jpg",
    "/media/..\\uploads\\secret.jpg",
    "/media/%252e%252e/uploads/secret.jpg",
    "/media//uploads/secret.jpg",
    "/media/./secret.jpg",
    "/media/%00",
    "/media/%",
    "/media/%c3%28",
    "/media/%0d%0aset-cookie:x",
    `/media/${"long/".repeat(400)}file.webp`,
  ])("has no file %.60s, and does not remember it", async (path) => {
    const response = await raw(path);
    expect(response.statusCode).toBe(404);
    expect(response.headers["content-type"]).toBe("application/problem+json");
    expect(response.headers["cache-control"]).toBe("no-store");
    expect(JSON.parse(response.body)).toMatchObject({ status: 404, title: "Not found" });
  });

  test.each(["POST", "PUT", "DELETE", "OPTIONS"])("refuses %s", async (method) => {
    const response = await raw(`/media/${key}`, {}, method);
    expect([response.statusCode, response.headers.allow]).toEqual([405, "GET, HEAD"]);
  });

  test("lets in the pages that a setting names, and no others", async () => {
    const allowed = await raw(`/media/${key}`, { origin: "http://app.example" });
    expect(allowed.headers["access-control-allow-origin"]).toBe("http://app.example");
    const other = await raw(`/media/${key}`, { origin: "http://evil.example" });
    expect(other.headers["access-control-allow-origin"]).toBeUndefined();
    expect([allowed.headers.vary, other.headers.vary]).toEqual(["Origin", "Origin"]);
  });
});

describe("everything else", () => {
  test("reaches the API as the event of a function URL", async () => {
    const response = await fetch(`${url}/images/a%2Fb?tag=x&tag=y%20z&empty=`, {
      headers: { "X-Test": "1", cookie: "a=1; b=2", "x-forwarded-for": "6.6.6.6", "user-agent": "test" },
    });
    expect([response.status, await response.text()]).toEqual([200, "ok"]);
    const host = new URL(url).host;
    expect(event).toMatchObject({
      version: "2.0",
      routeKey: "$default",
      rawPath: "/images/a%2Fb",
      rawQueryString: "tag=x&tag=y%20z&empty=",
      queryStringParameters: { tag: "x,y z", empty: "" },
      cookies: ["a=1", "b=2"],
      headers: {
        "x-test": "1",
        host,
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-host": host,
        "x-forwarded-proto": "http",
      },
      requestContext: {
        stage: "$default",
        http: {
          method: "GET",
          path: "/images/a%2Fb",
          protocol: "HTTP/1.1",
          sourceIp: "127.0.0.1",
          userAgent: "test",
        },
      },
      isBase64Encoded: false,
    });
    expect(event).not.toHaveProperty("body");
    expect(event?.headers).not.toHaveProperty("cookie");
  });

  test.each([
    ["application/json; charset=utf-8", '{"a":"é"}', '{"a":"é"}', false],
    ["application/merge-patch+json", "{}", "{}", false],
    ["application/x-www-form-urlencoded", "a=b", "a=b", false],
    ["application/octet-stream", "é", Buffer.from("é").toString("base64"), true],
    ["image/png", "x", "eA==", true],
  ])("hands on a body of %s", async (type, body, expected, encoded) => {
    await fetch(`${url}/images`, { method: "POST", body, headers: { "content-type": type } });
    expect([event?.body, event?.isBase64Encoded]).toEqual([expected, encoded]);
  });

  test("answers with status, headers, cookies and bytes as the function gave them", async () => {
    const usual = handler;
    handler = async () => ({
      statusCode: 201,
      headers: { "content-type": "image/png", location: "/images/1" },
      cookies: ["a=1; Path=/", "b=2"],
      body: Buffer.from([0, 255, 10]).toString("base64"),
      isBase64Encoded: true,
    });
    const response = await fetch(`${url}/images`, { method: "POST" });
    handler = usual;
    expect([response.status, response.headers.get("location")]).toEqual([201, "/images/1"]);
    expect(response.headers.getSetCookie()).toEqual(["a=1; Path=/", "b=2"]);
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(new Uint8Array([0, 255, 10]));
  });

  test("takes bodies of 6 MB and refuses longer ones, announced or not", async () => {
    const post = (body: BodyInit) =>
      fetch(`${url}/images`, { method: "POST", body, duplex: "half" } as RequestInit);
    expect((await post(new Uint8Array(6_291_456))).status).toBe(200);
    const refused = await post(new Uint8Array(6_291_457));
    expect([refused.status, await refused.json()]).toEqual([
      413,
      expect.objectContaining({ status: 413, code: "body_too_large" }),
    ]);
    const status = await new Promise<number | undefined>((done) => {
      const request = httpRequest(`${url}/images`, { method: "POST" }, (response) => {
        done(response.statusCode);
        request.destroy();
      });
      // Without a length, and without an end: it stops when the answer comes.
      const write = () => request.destroyed || request.write(Buffer.alloc(65_536), () => setImmediate(write));
      request.on("error", () => done(undefined));
      write();
    });
    expect(status).toBe(413);
  });

  test("answers 502 when the function throws, without a word of why", async () => {
    const [usual, error] = [handler, console.error];
    const logged: unknown[] = [];
    console.error = (...what) => logged.push(...what);
    handler = async () => {
      throw new Error("secret");
    };
    const response = await fetch(`${url}/images`);
    [handler, console.error] = [usual, error];
    expect(response.status).toBe(502);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await response.text()).not.toContain("secret");
    expect(String(logged)).toContain("secret");
  });
});

test.each([
  ["127.0.0.1:3000", 200],
  ["localhost:3000", 200],
  ["gallery.localhost", 200],
  ["[::1]:3000", 200],
  ["10.0.2.2:3000", 200],
  ["evil.example", 421],
  ["127.0.0.1.evil.example:3000", 421],
])(
  "a request for the host '%s' is answered %i: a foreign name may be a web page's trick",
  async (host, status) => {
    expect((await raw("/images", { host })).statusCode).toBe(status);
  },
);

test("requests for SQS go there, whatever their path", async () => {
  expect((await raw("/", { "x-amz-target": "AmazonSQS.SendMessage" }, "POST")).body).toBe("sqs");
});
