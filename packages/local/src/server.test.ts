import { mkdtemp, rm } from "node:fs/promises";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { accepts } from "@image-pipeline/core/images/fixture-accept";
import { AwsClient } from "aws4fetch";
import { Hono } from "hono";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { closeServer, listen } from "./listen.ts";
import { createMedia } from "./media.ts";
import { startS3 } from "./s3/server.ts";
import { createFrontDoor, createFrontDoorServer, type Fetch } from "./server.ts";

const region = "us-east-1";
const credentials = { accessKeyId: "local", secretAccessKey: "local-secret" };
const aws = new AwsClient({ ...credentials, region, service: "s3", retries: 0 });
const key = "img_01KAR5ZJ5V0000000000000000/1-0a1b2c3d/thumbnail.webp";
const bytes = Buffer.from("RIFF....WEBP, or so it says");

let folder: string;
let url: string;
let s3Url: string;
let stop: () => Promise<void>;
let api: Fetch;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "front-door-"));
  const buckets = ["uploads", "processed"];
  const s3 = await startS3({
    dataDir: folder,
    port: 0,
    buckets,
    region,
    ...credentials,
    onEvent() {},
  });
  s3Url = s3.url;
  const trust = { hosts: ["phone.example"], origins: ["http://app.example"] };
  const app = createFrontDoor({
    media: createMedia({
      aws,
      s3Url,
      bucket: "processed",
      trust,
      publicUrl: "http://localhost",
      keys: new Map(),
    }),
    gallery: new Hono().get("/", (c) => c.text("page")),
    sqs: new Hono().all("*", (c) => c.text("sqs")),
    api: (request) => api(request),
  });
  const server = createFrontDoorServer(trust, Promise.resolve({ app, s3: s3.serve }));
  url = await listen(server, 0);
  const put = (path: string, headers = {}) =>
    aws.fetch(`${s3Url}/${path}`, { method: "PUT", body: bytes, headers });
  await put(`processed/${key}`, {
    "content-type": "image/webp",
    "cache-control": "public, max-age=31536000, immutable",
  });
  for (const extension of ["avif", "webp", "jpg"])
    await put(`processed/img_02/1-a/medium.${extension}`, { "content-type": `image/${extension}` });
  await put("processed/img_odd/a%20b%2Bc%25/%C3%A9.webp", { "content-type": "image/webp" });
  await put("uploads/secret.jpg", { "content-type": "image/jpeg" });
  stop = async () => {
    await closeServer(server, 100);
    await s3.close();
    await rm(folder, { recursive: true });
  };
});

beforeEach(() => {
  api = async (request) => new Response(`the API got ${(await request.bytes()).length} bytes`);
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

  test("answers 304 to a client that has the file", async () => {
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
    expect((await raw("/media/img_odd/a%20b+c%25/%C3%A9.webp")).statusCode).toBe(200);
    expect((await raw("/media/img_odd%2Fa%20b%2Bc%25/%c3%a9.webp")).statusCode).toBe(200);
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
    "/media/%252e%252e/uploads/secret.jpg",
    "/media//uploads/secret.jpg",
    "/media/./secret.jpg",
    "/media/%00",
    "/media/%",
    "/media/%c3%28",
    "/media/%0d%0aset-cookie:x",
    `/media/${"long/".repeat(400)}file.webp`,
  ])("has no file %.60s, and lets no shared cache keep that response", async (path) => {
    // A URL's dot segments lead out of /media before it is routed, to the API.
    const headers = { "content-type": "application/problem+json", "cache-control": "no-store" };
    api = () => new Response("{}", { status: 404, headers });
    const response = await raw(path);
    expect([path, response.statusCode]).toEqual([path, 404]);
    expect(response.headers["content-type"]).toBe("application/problem+json");
    // A 404 of /media itself, or one of the API.
    const isApi = !new URL(path, "http://localhost").pathname.startsWith("/media/");
    expect(response.headers["cache-control"]).toBe(isApi ? "no-store" : "private, max-age=10");
    expect(response.body).not.toContain(bytes.toString());
  });

  test("refuses a URL with backslashes, which URL parsers would read as slashes", async () => {
    expect((await raw("/media/..\\uploads\\secret.jpg")).statusCode).toBe(400);
  });

  test.each(["POST", "PUT", "DELETE", "PATCH"])("refuses %s", async (method) => {
    const response = await raw(`/media/${key}`, {}, method);
    expect([response.statusCode, response.headers.allow]).toEqual([405, "GET, HEAD, OPTIONS"]);
  });

  test.each(accepts)("$client gets the $extension file of a variant in three formats", async (each) => {
    const headers: Record<string, string> = each.accept ? { accept: each.accept } : {};
    const { statusCode, headers: answered } = await raw("/media/img_02/1-a/medium.avif.webp.jpg", headers);
    expect([statusCode, answered["content-type"]]).toEqual([200, `image/${each.extension}`]);
    expect(answered.vary).toBe("Accept, Origin");
  });

  test("a variant in several formats that does not exist is a 404, whichever format the client prefers", async () => {
    for (const accept of ["image/avif", "*/*", "image/avif,".repeat(900)]) {
      const missing = await raw("/media/img_02/1-a/none.avif.webp.jpg", { accept });
      expect([missing.statusCode, missing.headers["cache-control"]]).toEqual([404, "private, max-age=10"]);
    }
  });

  test("lets in the pages that a setting names, and no others", async () => {
    const allowed = await raw(`/media/${key}`, { origin: "http://app.example" });
    expect(allowed.headers["access-control-allow-origin"]).toBe("http://app.example");
    const other = await raw(`/media/${key}`, { origin: "http://evil.example" });
    expect([other.statusCode, other.headers["access-control-allow-origin"]]).toEqual([403, undefined]);
    const none = await raw(`/media/${key}`);
    expect([allowed.headers.vary, none.headers.vary]).toEqual(["Accept, Origin", "Accept, Origin"]);
  });
});

describe("everything else", () => {
  test("reaches the API as it was sent", async () => {
    const [host, seen] = [new URL(url).host, Promise.withResolvers<Request>()];
    api = async (request) => {
      seen.resolve(request.clone());
      return new Response("ok");
    };
    const headers = { "x-test": "1", cookie: "a=1; b=2", "content-type": "application/merge-patch+json" };
    const body = '{"a":"é"}';
    const target = `${url}/images/a%2Fb?tag=x&tag=y%20z&empty=`;
    expect(await (await fetch(target, { method: "PATCH", headers, body })).text()).toBe("ok");
    const request = await seen.promise;
    expect([request.method, request.url]).toEqual(["PATCH", target]);
    expect(Object.fromEntries(request.headers)).toMatchObject({ ...headers, host });
    expect(await request.text()).toBe(body);
  });

  test.each(["DELETE", "PATCH", "POST"])("reaches the API by %s without a body", async (method) => {
    expect(await (await fetch(`${url}/images/1`, { method })).text()).toBe("the API got 0 bytes");
  });

  test("answers with status, headers, cookies and bytes as the API gave them", async () => {
    const bytes = new Uint8Array([0, 255, 10]);
    api = () => {
      const headers = new Headers({ "content-type": "image/png", location: "/images/1" });
      headers.append("set-cookie", "a=1; Path=/");
      headers.append("set-cookie", "b=2");
      return new Response(bytes, { status: 201, headers });
    };
    const response = await fetch(`${url}/images`, { method: "POST" });
    expect([response.status, response.headers.get("location")]).toEqual([201, "/images/1"]);
    expect(response.headers.getSetCookie()).toEqual(["a=1; Path=/", "b=2"]);
    expect(await response.bytes()).toEqual(bytes);
  });

  test("takes bodies of 6 MB and refuses longer ones, whether their length is declared or not", async () => {
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

  test("answers 500 when the API throws, without the reason, which is logged", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    api = () => {
      throw new Error("secret");
    };
    const response = await fetch(`${url}/images`);
    const logged = String(log.mock.lastCall);
    log.mockRestore();
    expect(response.status).toBe(500);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await response.text()).not.toContain("secret");
    expect(logged).toContain("secret");
  });

  test.each([
    ["gzip, deflate, br, zstd", "gzip"],
    ["GZIP", "gzip"],
    ["br;q=1, gzip;q=0, deflate", "deflate"],
    ["identity", undefined],
    ["", undefined],
  ])(
    "is sent to a client that accepts '%s' as %s, under a weak ETag if compressed",
    async (accept, encoding) => {
      const json = JSON.stringify({ items: Array.from({ length: 500 }, (_, id) => ({ id })) });
      const headers = { "content-type": "application/json", etag: '"abc"', vary: "Origin" };
      api = () => new Response(json, { headers });
      const response = await raw("/images", { "accept-encoding": accept });
      expect(response.headers).toMatchObject({
        vary: "Origin, Accept-Encoding",
        etag: encoding ? 'W/"abc"' : '"abc"',
      });
      expect(response.headers["content-encoding"]).toBe(encoding);
      expect(await (await fetch(`${url}/images`)).text()).toBe(json);
    },
  );

  test.each([
    ["small", "application/json", 999],
    ["an image", "image/webp", 5000],
  ])("is not compressed when it is %s", async (_, type, bytes) => {
    const headers = { "content-type": type, "content-length": String(bytes) };
    api = () => new Response(new Uint8Array(bytes), { headers });
    const response = await raw("/images", { "accept-encoding": "gzip" });
    expect(response.headers["content-encoding"]).toBeUndefined();
    expect(response.headers["content-length"]).toBe(String(bytes));
  });
});

test.each([
  ["127.0.0.1:3000", 200],
  ["localhost:3000", 200],
  ["gallery.localhost", 200],
  ["[::1]:3000", 200],
  ["10.0.2.2:3000", 200],
  ["phone.example", 200],
  ["evil.example", 421],
  ["127.0.0.1.evil.example:3000", 421],
])(
  "a request for the host '%s' is answered %i: a foreign name may be DNS rebinding",
  async (host, status) => {
    expect((await raw("/images", { host })).statusCode).toBe(status);
  },
);

test("requests for SQS go there, on any path", async () => {
  expect((await raw("/", { "x-amz-target": "AmazonSQS.SendMessage" }, "POST")).body).toBe("sqs");
});
