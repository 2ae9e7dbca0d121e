import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { photo } from "@image-pipeline/core/fixture";
import type { Image } from "@image-pipeline/core/images/image";
import { Settings } from "@image-pipeline/core/settings";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Ask, startWorld, type World } from "./fixture.ts";

const bytesMax = 300_000;
const settings = {
  ...Settings.pipelineDefaults,
  anonymous: true,
  egressLoopback: true,
  trashDays: 0,
  bytesMax,
  bytesPerDayMax: 3 * bytesMax - 1,
};

let world: World;
let key: string;
const ask = (path: string, init: Ask = {}) => world.ask(path, { ...init, as: key });
let source: Server;
let origin: string;
let bytes: Buffer;
/** The responses of the source, by path, and the requests that it received. */
const routes: Record<string, RequestListener> = {};
const received: { url: string; authorization: string | undefined; range: string | undefined }[] = [];

beforeAll(async () => {
  bytes = await photo({ width: 60, height: 40 });
  source = createServer((request, response) => {
    const { url = "", headers } = request;
    received.push({ url, authorization: headers.authorization, range: headers.range });
    const route = routes[new URL(url, origin).pathname];
    if (route) route(request, response);
    else response.end(bytes);
  });
  source.listen(0, "127.0.0.1");
  await once(source, "listening");
  origin = `http://127.0.0.1:${(source.address() as AddressInfo).port}`;
  world = await startWorld(settings);
  const { ApiKey } = await import("@image-pipeline/core/api-key");
  key = (await ApiKey.create({ name: "all", scopes: ["images:read", "images:write", "service"] })).key;
}, 60_000);
afterAll(async () => {
  await world.stop();
  source.close();
  source.closeAllConnections();
});

let owners = 0;
/** Sends an import of a path of the source, by default as an owner that has no other image. */
const importOf = (path: string, { owner = `owner${owners++}`, ...rest }: Record<string, unknown> = {}) =>
  ask("/images", { json: { from: { url: origin + path }, owner, ...rest } });

const look = async (id: string) => (await (await ask(`/images/${id}`)).json()) as Image.Info;

/** Imports a path and returns the image once it is final. */
async function imported(path: string, rest?: Record<string, unknown>): Promise<Image.Info> {
  const response = await importOf(path, rest);
  expect(response.status).toBe(202);
  const { id } = (await response.json()) as Image.Info;
  await world.settled();
  return look(id);
}

const handle = async (id: string, owner: string, path: string, tries: number) => {
  const { handleImport } = await import("@image-pipeline/core/pipeline/import");
  const message = { kind: "import", key: `${owner}/${id}`, url: origin + path, tries } as const;
  return handleImport(message, { settings, policy: { http: true, loopback: true } });
};

/** A pending import whose message is not sent. */
async function pending(owner: string, createdAt = Date.now()): Promise<string> {
  const { Upload } = await import("@image-pipeline/core/images/upload");
  const from = { url: `${origin}/lost.jpg` };
  const record = await Upload.createPending({ from }, { owner, by: "test", limits: settings }, 1);
  if (createdAt < Date.now()) {
    const { write } = await import("@image-pipeline/core/records/record");
    const { version, ...draft } = record;
    await write(record, { ...draft, createdAt: new Date(createdAt).toISOString() });
  }
  return record.imageID;
}

test("an import becomes a ready image with the fields of the request and the URL without its query", async () => {
  const response = await importOf("/a/The%20boat.jpg?signature=s3cret#part", {
    title: "Boat",
    tags: ["sea"],
  });
  expect(response.status).toBe(202);
  const created = (await response.json()) as Image.Info;
  expect(response.headers.get("location")).toBe(`/images/${created.id}`);
  expect(created).toMatchObject({ status: "pending", filename: "The boat.jpg" });
  expect(created).not.toHaveProperty("upload");
  await world.settled();
  expect(await look(created.id)).toMatchObject({
    status: "ready",
    title: "Boat",
    tags: ["sea"],
    source: { url: `${origin}/a/The%20boat.jpg`, bytes: bytes.length, width: 60, height: 40 },
  });
  expect(received.at(-1)?.url).toBe("/a/The%20boat.jpg?signature=s3cret");
});

test("headers reach the source, and neither they nor the query are in the image, its record or its events", async () => {
  const owner = `owner${owners++}`;
  const url = `${origin}/private.jpg?token=query-s3cret`;
  const json = { from: { url, headers: { Authorization: "Bearer header-s3cret" } }, owner };
  const { id } = (await (await ask("/images", { json })).json()) as Image.Info;
  await world.settled();
  expect(received.at(-1)).toMatchObject({ authorization: "Bearer header-s3cret", range: undefined });
  const { read } = await import("@image-pipeline/core/records/record");
  const events = await (await ask(`/images/${id}/events`)).text();
  const all = [JSON.stringify(await look(id)), JSON.stringify(await read(id)), events];
  for (const text of all) {
    expect(text).toContain(`${origin}/private.jpg`);
    expect(text).not.toContain("s3cret");
  }
});

test.each([
  ["ftp://example.com/a.jpg", "another scheme"],
  ["https://user:secret@example.com/a.jpg", "user name and password"],
  ["https://169.254.169.254/latest/meta-data/", "the metadata address"],
  ["https://2852039166/", "the metadata address as a number"],
  ["https://[fd00:ec2::254]/", "the metadata address in IPv6"],
  ["https://10.0.0.1/a.jpg", "a private address"],
  ["https://[::ffff:10.0.0.1]/a.jpg", "a mapped private address"],
  ["not a url", "no URL"],
])("the URL %s is refused with its pointer: %s", async (url) => {
  const response = await ask("/images", { json: { from: { url } } });
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({
    code: "invalid_request",
    errors: [{ pointer: "/from/url", detail: expect.stringContaining("The URL was refused.") }],
  });
});

test.each([
  [{ from: {} }, ["/from/url"]],
  [{ from: { url: "https://example.com/", other: 1 } }, ["/from/other"]],
  [{ from: { url: "https://example.com/", headers: { Range: "bytes=0-1" } } }, ["/from/headers/Range"]],
  [{ from: { url: "https://example.com/", headers: { host: "a" } } }, ["/from/headers/host"]],
  [{ from: { url: "https://example.com/", headers: { "a b": "a" } } }, ["/from/headers/a b"]],
  [{ from: { url: "https://example.com/", headers: { a: "b\r\nc: d" } } }, ["/from/headers/a"]],
  [{ from: { url: "https://example.com/" }, bytes: 1, contentType: "image/png" }, ["/contentType", "/bytes"]],
  [{}, ["/filename", "/contentType", "/bytes"]],
])("the body %j is refused at %j", async (json, pointers) => {
  const response = await ask("/images", { json });
  expect(response.status).toBe(400);
  const { errors = [] } = (await response.json()) as { errors?: { pointer: string }[] };
  expect(errors.map(({ pointer }) => pointer)).toEqual(pointers);
});

describe("a source that sends no image is final, with a code", () => {
  test.each<[string, string, string, RequestListener]>([
    ["a 404", "rejected", "import_unavailable", (_, answer) => answer.writeHead(404).end("gone")],
    ["a part", "rejected", "import_unavailable", (_, answer) => answer.writeHead(206).end("part")],
    ["a 304", "rejected", "import_unavailable", (_, answer) => answer.writeHead(304).end()],
    ["an empty body", "rejected", "empty_file", (_, answer) => answer.end()],
    ["HTML", "rejected", "unsupported_format", (_, answer) => answer.end("<!doctype html><p>Sign in</p>")],
    ["too many bytes", "rejected", "import_too_large", (_, answer) => answer.end(Buffer.alloc(bytesMax + 1))],
    [
      "a gzip bomb",
      "rejected",
      "import_refused",
      (_, answer) =>
        answer.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(Buffer.alloc(9_000_000))),
    ],
    [
      "a redirect loop",
      "rejected",
      "import_refused",
      ({ url }, answer) => answer.writeHead(302, { location: url }).end(),
    ],
    [
      "a redirect to the metadata address",
      "rejected",
      "import_refused",
      (_, answer) => answer.writeHead(302, { location: "http://169.254.169.254/latest/meta-data/" }).end(),
    ],
  ])("%s is %s with %s", async (name, status, code, listener) => {
    const path = `/${name.replaceAll(" ", "-")}`;
    routes[path] = listener;
    const counted = await rejectionsOf(code);
    const image = await imported(path);
    expect(image).toMatchObject({ status, error: { code, message: expect.stringMatching(/\w/) } });
    const { Reconcile } = await import("@image-pipeline/core/pipeline/reconcile");
    await Reconcile.compare();
    await world.settled();
    expect(await look(image.id)).toMatchObject({ status, error: { code } });
    expect(await rejectionsOf(code)).toBe(counted + 1);
  });
});

/** Returns the number of rejections with a code in the statistics. */
async function rejectionsOf(code: string): Promise<number> {
  const { rejections } = (await (await ask("/stats")).json()) as {
    rejections: { code: string; count: number }[];
  };
  return rejections.find((each) => each.code === code)?.count ?? 0;
}

test("a source that fails four times makes the image failed, and there is nothing to reprocess", async () => {
  const owner = `owner${owners++}`;
  routes["/down.jpg"] = (_, answer) => answer.writeHead(500).end();
  const id = await pending(owner);
  await handle(id, owner, "/down.jpg", 3);
  expect(await look(id)).toMatchObject({ status: "failed", error: { code: "import_unavailable" } });
  const again = await ask(`/images/${id}/reprocess`, { method: "POST" });
  expect(await again.json()).toMatchObject({ status: 409, code: "image_not_ready" });
  const events = (await (await ask(`/images/${id}/events`)).json()) as { items: object[] };
  expect(events.items.at(-1)).toMatchObject({
    type: "failed",
    by: "importer",
    detail: { code: "import_unavailable" },
  });
});

test("a message that comes twice, at once and after the end, makes one image and one upload", async () => {
  const owner = `owner${owners++}`;
  const id = await pending(owner);
  await Promise.all([handle(id, owner, "/twice.jpg", 0), handle(id, owner, "/twice.jpg", 0)]);
  const image = (await (await ask(`/images/${id}?wait=20`)).json()) as Image.Info;
  expect(image).toMatchObject({ status: "ready" });
  const requests = received.length;
  expect(await handle(id, owner, "/twice.jpg", 0)).toMatchObject({ acknowledge: true });
  expect(received).toHaveLength(requests);
  const { items } = (await (await ask(`/images/${id}/events`)).json()) as { items: { type: string }[] };
  expect(items.map(({ type }) => type)).toEqual(["announced", "uploaded", "ready"]);
});

test("an image that is deleted during its import stays deleted, and leaves no object", async () => {
  const owner = `owner${owners++}`;
  const requested = Promise.withResolvers<() => void>();
  routes["/slow.jpg"] = (_, answer) => requested.resolve(() => answer.end(bytes));
  const id = await pending(owner);
  const running = handle(id, owner, "/slow.jpg", 0);
  const respond = await requested.promise;
  expect((await ask(`/images/${id}`, { method: "DELETE" })).status).toBe(204);
  respond();
  await running;
  await world.settled();
  const { Reconcile } = await import("@image-pipeline/core/pipeline/reconcile");
  await Reconcile.stuck();
  await world.settled();
  const { Storage } = await import("@image-pipeline/core/aws/storage");
  expect(await Storage.etagOfOriginal(`${owner}/${id}`)).toBeUndefined();
  expect((await ask(`/images/${id}`)).status).toBe(404);
});

test("the same idempotency key imports once", async () => {
  const owner = `owner${owners++}`;
  const json = { from: { url: `${origin}/once.jpg` }, owner };
  const headers = { "idempotency-key": "import-1" };
  const ids = [];
  for (let i = 0; i < 2; i++) {
    const response = await ask("/images", { json, headers });
    expect(response.status).toBe(202);
    ids.push(((await response.json()) as Image.Info).id);
  }
  expect(ids[0]).toBe(ids[1]);
});

test("an import counts against the owner's bytes of the day as an upload of the largest size", async () => {
  const owner = `owner${owners++}`;
  expect((await importOf("/q1.jpg", { owner })).status).toBe(202);
  expect((await importOf("/q2.jpg", { owner })).status).toBe(202);
  const refused = await importOf("/q3.jpg", { owner });
  expect(await refused.json()).toMatchObject({ status: 429, code: "quota_exceeded" });
});

test("an import whose message was lost is failed after a day, and not before", async () => {
  const { Queue } = await import("@image-pipeline/core/aws/queue");
  const owner = `owner${owners++}`;
  const young = await pending(owner, Date.now() - 86_000_000);
  const old = await pending(owner, Date.now() - 86_401_000);
  await Queue.send([young, old].map((id) => ({ key: `${owner}/${id}`, attempt: 0, by: "reconciler" })));
  expect(await (await ask(`/images/${old}?wait=20`)).json()).toMatchObject({
    status: "failed",
    error: { code: "import_interrupted" },
  });
  expect(await look(young)).toMatchObject({ status: "pending" });
});

test("an import that became a dead letter is failed, and so is one that was in the queue at a restart", async () => {
  const { onDeadImport } = await import("@image-pipeline/core/pipeline/import-end");
  const { Restart } = await import("@image-pipeline/core/pipeline/restart");
  const owner = `owner${owners++}`;
  const [dead = "", queued = ""] = [await pending(owner), await pending(owner)];
  await onDeadImport({ kind: "import", key: `${owner}/${dead}`, url: origin, tries: 0 }, settings);
  await Restart.release(settings);
  for (const id of [dead, queued])
    expect(await look(id)).toMatchObject({ status: "failed", error: { code: "import_interrupted" } });
});

test("the client imports a URL with headers, and waits for the image", async () => {
  const { createClient } = await import("@image-pipeline/client");
  const { images } = createClient({ baseUrl: world.url, token: key });
  const headers = { authorization: "Bearer client" };
  const { id, status } = await images.importURL(`${origin}/client.jpg`, { headers, tags: ["client"] });
  expect(status).toBe("pending");
  expect(await images.wait(id)).toMatchObject({ status: "ready", tags: ["client"], filename: "client.jpg" });
  expect(received.at(-1)).toMatchObject({ url: "/client.jpg", authorization: "Bearer client" });
});

// Last, because the delayed message stays in the queue.
test("a source that fails at first is tried again later, and the image waits", async () => {
  const owner = `owner${owners++}`;
  routes["/busy.jpg"] = (_, answer) => answer.writeHead(503, { "retry-after": "120" }).end();
  const id = await pending(owner);
  expect(await handle(id, owner, "/busy.jpg", 0)).toMatchObject({
    acknowledge: true,
    did: /will be retried/,
  });
  expect(await look(id)).toMatchObject({ status: "pending" });
  delete routes["/busy.jpg"];
  await handle(id, owner, "/busy.jpg", 1);
  expect(await (await ask(`/images/${id}?wait=20`)).json()).toMatchObject({ status: "ready" });
});
