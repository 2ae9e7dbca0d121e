import { readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import { AwsClient } from "aws4fetch";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type Internet, internet } from "../../packages/core/src/egress/fixture-internet.ts";
import { photo } from "../../packages/core/src/fixture.ts";
import { eventRecord } from "../../packages/local/src/s3/event.ts";
import { type Item, sizeOf } from "./capacity.ts";
import { type Deployment, deploy, onInternet } from "./deployed.ts";
import { graphOf } from "./graphs.ts";
import { root } from "./platform.ts";
import { allowing, rightsOf } from "./rights.ts";

const graph = await graphOf("development");
const aws = new AwsClient({
  accessKeyId: "local",
  secretAccessKey: "local-secret",
  region: "us-east-1",
  service: "s3",
});
const json = { "content-type": "application/json" };

let cloud: Deployment;
let bytes: Buffer;
/** Answers a webhook's message with a status. */
let receive: (request: IncomingMessage) => number | Promise<number> = () => 204;
/** The public server that imports read, and that receives webhooks. */
let server: Internet;

beforeAll(async () => {
  bytes = await photo({ width: 800, height: 600 });
  server = await internet({}, async (request, response) => {
    if (request.method === "GET") return response.end(bytes);
    return response.writeHead(await receive(request)).end();
  });
  const variables = await onInternet(server);
  cloud = await deploy(graph, "product", { Importer: variables, Sender: variables });
  process.env.AWS_ENDPOINT_URL_DYNAMODB = cloud.dynamodbUrl;
});

afterAll(async () => {
  await cloud?.stop();
  server?.close();
});

const ask = (path: string, init: RequestInit = {}) => fetch(cloud.url + path, init);

async function announce(more: object = {}, body = bytes) {
  const described = { filename: "a.jpg", contentType: "image/jpeg", bytes: body.length, ...more };
  const response = await ask("/images", { method: "POST", headers: json, body: JSON.stringify(described) });
  expect(response.status).toBe(201);
  return response.json();
}

async function upload(more: object = {}, body = bytes): Promise<string> {
  const { id, upload } = await announce(more, body);
  const { url, method, headers } = upload;
  expect((await fetch(url, { method, headers, body: new Uint8Array(body) })).status).toBe(200);
  const image = await (await ask(`/images/${id}?wait=20`)).json();
  expect(image).toMatchObject({ id, status: "ready" });
  return id;
}

const put = async (key: string, body: BodyInit) =>
  expect((await aws.fetch(`${cloud.s3Url}/uploads/${key}`, { method: "PUT", body })).status).toBe(200);

test("a webhook receives the events, also of a delivery whose message was lost", async () => {
  const answers = [500];
  const received: { type: string; id: string }[] = [];
  receive = async (request) => {
    const { type, data } = JSON.parse(Buffer.concat(await request.toArray()).toString());
    received.push({ type, id: data.id });
    return answers.shift() ?? 204;
  };
  const url = "https://images.example/hook";
  const send = async (method: string, path: string, body?: object) => {
    const response = await ask(path, { method, headers: json, body: body && JSON.stringify(body) });
    expect([path, response.ok]).toEqual([path, true]);
    return response.status === 204 ? undefined : response.json();
  };
  const events = ["image.ready", "image.updated", "image.deleted"];
  const { id } = await send("POST", "/webhooks", { url, events });
  const path = `/webhooks/${id}`;
  const deliveries = async () => (await send("GET", `${path}/deliveries`)).items;
  await send("POST", `${path}/rotate`);
  const image = await upload();
  // The first attempt fails, and the second comes five seconds later.
  await expect.poll(deliveries, { timeout: 30_000 }).toMatchObject([{ status: "delivered" }]);
  expect(received).toEqual(Array.from({ length: 2 }, () => ({ type: "image.ready", id: image })));

  const { DeliveryEntity } = await import("../../packages/core/src/table/delivery-entity.ts");
  await send("PATCH", path, { description: "The receiver of this test" });
  await send("PATCH", `/images/${image}`, { title: "B" });
  await expect.poll(deliveries).toMatchObject([{ status: "delivered" }, {}]);
  const { data } = await DeliveryEntity.query.byWebhook({ webhookID: id }).go({ order: "desc", limit: 1 });
  const [delivered] = data;
  if (!delivered) throw new Error("There is a delivery.");
  const at = "2026-01-01T00:00:00.000Z";
  // As after a crash between the write of the image and the message.
  const { writeID } = await recordOf(image);
  const lost = { ...delivered, status: "pending" as const, tries: 0, dueAt: at, createdAt: at };
  await DeliveryEntity.put({ ...lost, writeID }).go();
  expect(await cloud.invoke("Reconciler", { job: "deliver" })).toMatchObject({ looked: 1, sent: 1 });
  await expect.poll(() => received.length).toBe(4);
  // A delivery of a write that failed.
  await DeliveryEntity.put({ ...lost, writeID: "another" }).go();
  await cloud.invoke("Reconciler", { job: "deliver" });
  await expect.poll(deliveries).toHaveLength(1);
  const [first] = await deliveries();
  await send("POST", `${path}/deliveries/${first.id}/retry`);
  await expect.poll(() => received.length).toBe(5);
  await send("DELETE", `/images/${image}?permanent=true`);
  await expect.poll(() => received.length).toBe(6);
  await send("DELETE", path);
  await cloud.settled();
  // It receives what happens until the test of dead letters.
  await send("POST", "/webhooks", { url, events: [...events, "image.rejected"] });
});

/** Reads an image's record. */
async function recordOf(imageID: string) {
  const { ImageEntity } = await import("../../packages/core/src/table/image-entity.ts");
  const { data } = await ImageEntity.get({ imageID }).go({ consistent: true });
  if (!data) throw new Error(`${imageID} has no record.`);
  return data;
}

test("the record of a photo has at most 2 KB, above which each write of it costs half as much again", async () => {
  const photo = readFileSync(join(root, "docs/sample.jpg"));
  const id = await upload({ filename: "IMG_2041.jpg" }, photo);
  const puts = cloud.guards.Processor.passed.filter(({ operation }) => operation === "PutItem");
  const items = puts.map(({ body }) => JSON.parse(body).Item as Item);
  const records = items.filter(
    ({ imageID, __edb_e__: entity }) =>
      JSON.stringify([imageID, entity]) === JSON.stringify([{ S: id }, { S: "image" }]),
  );
  expect(records.at(-1)).toHaveProperty("variants");
  expect(Math.max(...records.map(sizeOf))).toBeLessThanOrEqual(2048);
  expect((await ask(`/images/${id}?permanent=true`, { method: "DELETE" })).status).toBe(204);
});

test("the life of an image, from the announcement to the end, in the code and with the rights that are deployed", async () => {
  const id = await upload({ title: "A", tags: ["sea", "sky"] });

  const found = async (query: string) => {
    const response = await ask(`/images?${query}`);
    const { items } = await response.json();
    return items.map((image: { id: string }) => image.id);
  };
  for (const query of ["", "status=ready", "tag=sea", `id=${id}`]) expect(await found(query)).toEqual([id]);

  expect((await ask("/changes")).status).toBe(200);

  const patch = { method: "PATCH", headers: json, body: JSON.stringify({ tags: ["sky"], alt: "Sky" }) };
  expect((await ask(`/images/${id}`, patch)).status).toBe(200);
  expect(await found("tag=sea")).toEqual([]);

  const original = await ask(`/images/${id}/original`, { redirect: "manual" });
  const file = await fetch(original.headers.get("location") ?? "");
  expect(Buffer.from(await file.arrayBuffer()).equals(bytes)).toBe(true);

  expect((await ask(`/images/${id}/reprocess`, { method: "POST" })).ok).toBe(true);
  await cloud.settled();
  expect(await (await ask(`/images/${id}?wait=20`)).json()).toMatchObject({ status: "ready", alt: "Sky" });

  const { url } = (await (await ask(`/images/${id}`)).json()).variants.thumbnail;
  const { variants: _, ...ready } = await recordOf(id);
  expect((await ask(`/images/${id}`, { method: "DELETE" })).status).toBe(204);
  await cloud.settled();
  expect(await (await ask(`/images/${id}`)).json()).toMatchObject({ status: "trashed", alt: "Sky" });
  await tick(id, "revoked");
  expect((await recordOf(id)).revoked).toBeUndefined();
  expect((await ask(`/images/${id}/restore`, { method: "POST" })).status).toBe(200);
  await cloud.settled();
  const restored = await (await ask(`/images/${id}?wait=20`)).json();
  expect(restored).toMatchObject({ status: "ready", alt: "Sky", source: { sha256: ready.sha256 } });
  expect(restored.variants.thumbnail.url).not.toBe(url);

  expect((await ask(`/images/${id}`, { method: "DELETE" })).status).toBe(204);
  await tick(id, "trash");
  expect((await ask(`/images/${id}`)).status).toBe(404);
  const events = (await (await ask(`/images/${id}/events`)).json()).items.map(
    ({ type }: { type: string }) => type,
  );
  expect(events.slice(0, 3)).toEqual(["announced", "uploaded", "ready"]);
  expect(events.at(-1)).toBe("deleted");
});

/** Runs the reconciler as if a time that a record waits for were over. */
async function tick(imageID: string, what: "revoked" | "trash") {
  await cloud.settled();
  const { ImageEntity } = await import("../../packages/core/src/table/image-entity.ts");
  const { revoked, trash, ...record } = await recordOf(imageID);
  const until = "2026-01-01T00:00:00.000Z";
  if (!revoked || !trash) throw new Error(`${imageID} is not in the trash.`);
  const isRevoked = what === "revoked";
  await ImageEntity.put({
    ...record,
    revoked: { ...revoked, ...(isRevoked && { until }) },
    trash: { ...trash, ...(!isRevoked && { until }) },
    ...(isRevoked && { dueAt: until }),
  }).go();
  await cloud.invoke("Reconciler", { job: "stuck" });
  await cloud.settled();
}

test("the OpenAPI document, the API reference and the documents, from the files next to the bundle", async () => {
  const response = await ask("/openapi.json");
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/json"]);
  const committed = readFileSync(join(root, "packages/functions/openapi.json"), "utf8");
  expect(await response.text()).toBe(JSON.stringify(JSON.parse(committed)));
  expect(await (await ask("/docs")).text()).toContain('src="/docs/reference.js"');
  const script = await ask("/docs/reference.js");
  expect([script.status, script.headers.get("content-type")]).toEqual([
    200,
    "text/javascript; charset=utf-8",
  ]);
  expect(await script.text()).toContain("Scalar.createApiReference");
  const index = await ask("/llms.txt");
  expect([index.status, index.headers.get("content-type")]).toEqual([200, "text/markdown; charset=utf-8"]);
  for (const [, url = ""] of (await index.text()).matchAll(/\]\((\S+)\)/g))
    expect([url, (await ask(new URL(url).pathname)).status]).toEqual([url, 200]);
});

test("a file put into the bucket under any key, and a bad one", async () => {
  await put("any/where.jpg", new Uint8Array(bytes));
  await put("bad.jpg", "no picture");
  await cloud.settled();
  const { items } = await (await ask("/images")).json();
  const statuses = items.map(({ status, source }: { status: string; source: { key: string } }) => [
    source.key,
    status,
  ]);
  expect(statuses).toEqual(
    expect.arrayContaining([
      ["any/where.jpg", "ready"],
      ["bad.jpg", "rejected"],
    ]),
  );
});

test("files that come as a form, in parts, or in part", async () => {
  const sign = async (request: object) => {
    const response = await ask("/uploads/sign", {
      method: "POST",
      headers: json,
      body: JSON.stringify(request),
    });
    expect(response.status).toBe(200);
    return response.json();
  };
  const form = new FormData();
  const whole = await sign({ method: "PUT", key: "a.jpg", contentType: "image/jpeg" });
  for (const [name, value] of Object.entries<string>(whole.fields)) form.set(name, value);
  form.set("file", new Blob([new Uint8Array(bytes)], { type: "image/jpeg" }));
  expect((await fetch(whole.url, { method: "POST", body: form })).ok).toBe(true);
  await cloud.settled();
  // The form again, with other bytes: an upload that the processor takes from the quota.
  form.set("file", new Blob([new Uint8Array([...bytes, 0])], { type: "image/jpeg" }));
  expect((await fetch(whole.url, { method: "POST", body: form })).ok).toBe(true);
  await cloud.settled();

  for (const end of ["POST", "DELETE"]) {
    const { url, key } = await sign({ method: "POST", key: "b.jpg" });
    const created = await (await fetch(url, { method: "POST" })).text();
    const [, uploadId] = /<UploadId>([^<]+)</.exec(created) ?? [];
    const part = await sign({ method: "PUT", key, uploadId, partNumber: 1, bytes: bytes.length });
    const sent = await fetch(part.url, { method: "PUT", body: new Uint8Array(bytes) });
    expect(sent.status).toBe(200);
    const listed = await sign({ method: "GET", key, uploadId });
    expect(await (await fetch(listed.url)).text()).toContain("<PartNumber>1</PartNumber>");
    const { url: last, headers } = await sign({ method: end, key, uploadId });
    const etag = sent.headers.get("etag");
    const body = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${etag}</ETag></Part></CompleteMultipartUpload>`;
    const ended = await fetch(last, { method: end, headers, body: end === "POST" ? body : undefined });
    expect([end, ended.ok]).toEqual([end, true]);
  }
  await cloud.settled();
  const { items } = await (await ask("/images?status=ready")).json();
  const names = items.map(({ filename }: { filename?: string }) => filename);
  expect(names.filter((name?: string) => name === "a.jpg")).toHaveLength(1);
  expect(names.filter((name?: string) => name === "b.jpg")).toHaveLength(1);
});

test("a request that is sent again under its idempotency key is answered once", async () => {
  const once = { method: "POST", headers: { ...json, "idempotency-key": "one-two-three-four" } };
  const body = JSON.stringify({ filename: "c.jpg", contentType: "image/jpeg", bytes: bytes.length });
  const [a, b] = [await ask("/images", { ...once, body }), await ask("/images", { ...once, body })];
  expect([a.status, b.status]).toEqual([201, 201]);
  expect((await b.json()).id).toBe((await a.json()).id);

  const headers = { ...json, "idempotency-key": "five-six-seven" };
  const huge = JSON.stringify({ filename: "d.jpg", contentType: "image/jpeg", bytes: 10 ** 12 });
  expect((await ask("/images", { method: "POST", headers, body: huge })).status).toBe(413);
});

test("what servers see with a service key", async () => {
  const { ApiKey } = await import("../../packages/core/src/api-key.ts");
  const { key } = await ApiKey.create({ name: "server", scopes: ["images:read", "service"] });
  const headers = { authorization: `Bearer ${key}` };
  const { items } = await (await ask("/images", { headers })).json();
  expect(items.length).toBeGreaterThan(0);
  expect((await ask("/stats", { headers })).status).toBe(200);
});

test("the usage of the owner default, and what it has stored", async () => {
  const { total, stored } = await (await ask("/usage")).json();
  expect(total.uploads).toBeGreaterThan(0);
  expect(total.runs).toBeGreaterThan(0);
  expect(stored.originalBytes).toBeGreaterThan(bytes.length);
  expect(stored.variantBytes).toBeGreaterThan(0);
});

test("a forged invocation of the API is refused, and so is a request to its function URL", async () => {
  const url = {
    rawPath: "/images",
    headers: {},
    requestContext: { http: { method: "GET", path: "/images" } },
  };
  for (const event of [url, { ...url, headers: { "x-origin-secret": "guess" } }, {}]) {
    expect(await cloud.invoke("Api", event)).toMatchObject({
      statusCode: 403,
      headers: { "content-type": "application/problem+json" },
    });
  }
});

/** An event as S3 sends it. */
const event = (name: "ObjectCreated:Put" | "ObjectRemoved:Delete", key: string) => ({
  Records: [
    eventRecord(
      { bucket: "uploads", key, name, eTag: "00", sequencer: "FF".repeat(16), time: new Date() },
      "us-east-1",
    ),
  ],
});

test("an upload that is gone before anybody looked at it", async () => {
  cloud.send(event("ObjectCreated:Put", "gone.jpg"));
  await cloud.settled();
  const { items } = await (await ask("/images")).json();
  expect(items.some(({ source }: { source: { key: string } }) => source.key === "gone.jpg")).toBe(false);
});

test("dead letters: a look that failed, and the end of an image with its variants and tags", async () => {
  const id = await upload({ tags: ["last"] });
  const { source, variants } = await (await ask(`/images/${id}`)).json();
  const look = { kind: "check", key: "dead.jpg", attempt: 0, by: "test" };
  for (const body of [look, event("ObjectRemoved:Delete", source.key)]) {
    const attributes = { ApproximateReceiveCount: "7" };
    const Records = [{ messageId: "1", eventSource: "aws:sqs", body: JSON.stringify(body), attributes }];
    expect(await cloud.invoke("DeadLetter", { Records })).toEqual({ batchItemFailures: [] });
  }
  expect((await ask(`/images/${id}`)).status).toBe(404);
  const path = variants.small.url.split("/media/")[1];
  expect((await aws.fetch(`${cloud.s3Url}/processed/${path}`)).status).toBe(404);
});

test("the reconciler finds what was lost, finishes what was begun, and goes on where it stopped", async () => {
  const [lost, begun, unindexed] = [await upload(), await upload(), await upload()];
  // Resembles the key of an upload that the API created, but no such upload was created.
  await put(`other/${begun}`, new Uint8Array(bytes));
  await cloud.settled();
  const { ImageEntity } = await import("../../packages/core/src/table/image-entity.ts");
  const recordOf = async (imageID: string) => (await ImageEntity.get({ imageID }).go()).data;
  const [, record] = [await recordOf(lost), await recordOf(begun)];
  if (!record) throw new Error("An image that is ready has a record.");
  await ImageEntity.remove({ imageID: lost }).go();
  const deleting = { ...record, status: "deleting" as const, dueAt: "2026-01-01T00:00:00.000Z" };
  await ImageEntity.put(deleting).go();
  const before = await recordOf(unindexed);
  if (!before) throw new Error("An image that is ready has a record.");
  const { indexed: _, ...older } = before;
  await ImageEntity.put(older).go();

  for (const job of ["stuck", "compare", "compare", "sweep", "sweep"]) {
    expect(await cloud.invoke("Reconciler", { job })).toMatchObject({ looked: expect.any(Number) });
  }
  await cloud.settled();
  expect((await aws.fetch(`${cloud.s3Url}/uploads/${record.key}`, { method: "HEAD" })).status).toBe(404);
  expect(await (await ask(`/images/${lost}?wait=20`)).json()).toMatchObject({ status: "ready" });
  expect(await recordOf(unindexed)).toMatchObject({ indexed: 4, version: before.version + 1 });
});

test("a permanent deletion ends in the reconciler, which leaves no file of any attempt", async () => {
  const id = await upload();
  // The file of a worker that lost its lease; no record names it.
  const orphan = `${cloud.s3Url}/processed/${id}/1-00000000/small.webp`;
  expect((await aws.fetch(orphan, { method: "PUT", body: "orphan" })).status).toBe(200);
  expect((await ask(`/images/${id}?permanent=yes`, { method: "DELETE" })).status).toBe(400);
  expect((await ask(`/images/${id}?permanent=true`, { method: "DELETE" })).status).toBe(204);
  await cloud.settled();
  const { ImageEntity } = await import("../../packages/core/src/table/image-entity.ts");
  const stored = async () => (await ImageEntity.get({ imageID: id }).go()).data;
  expect(await stored()).toMatchObject({ status: "deleted", purge: true, dueAt: expect.any(String) });
  expect((await aws.fetch(orphan, { method: "HEAD" })).status).toBe(200);

  await cloud.invoke("Reconciler", { job: "stuck" });
  expect((await aws.fetch(orphan, { method: "HEAD" })).status).toBe(404);
  // The mark stays, for bytes that come late.
  expect(await stored()).toMatchObject({ purge: true });
  expect(await stored()).not.toHaveProperty("dueAt");
  const { items } = await (await ask(`/images/${id}/events`)).json();
  expect(items.slice(-2)).toMatchObject([
    { type: "deleting", detail: { permanent: "true" } },
    { type: "deleted" },
  ]);
});

test("an import of a name that leads to this machine is rejected, and one of no server is tried again", async () => {
  const imported = async (url: string) => {
    const body = JSON.stringify({ from: { url }, title: "Import" });
    const response = await ask("/images", { method: "POST", headers: json, body });
    expect(response.status).toBe(202);
    return (await response.json()).id;
  };
  const internal = await imported("https://localhost/a.jpg");
  expect(await (await ask(`/images/${internal}?wait=20`)).json()).toMatchObject({
    status: "rejected",
    error: { code: "import_refused" },
  });
  const http = JSON.stringify({ from: { url: "http://example.com/a.jpg" } });
  expect((await ask("/images", { method: "POST", headers: json, body: http })).status).toBe(400);
  const id = await imported("https://no-such-name.invalid/a.jpg");
  await vi.waitUntil(() => cloud.guards.Importer.used.has("sqs:SendMessage {Imports}"), { timeout: 20_000 });
  expect(await (await ask(`/images/${id}`)).json()).toMatchObject({ status: "pending" });
});

test("an import is stored by the one right of its function on a bucket: to put the original of an image", async () => {
  const body = JSON.stringify({ from: { url: "https://images.example/a.jpg" }, title: "Import" });
  const response = await ask("/images", { method: "POST", headers: json, body });
  const { id } = await response.json();
  expect(await (await ask(`/images/${id}?wait=20`)).json()).toMatchObject({
    status: "ready",
    source: { url: "https://images.example/a.jpg", bytes: bytes.length, width: 800 },
  });
  const sent = cloud.guards.Importer.passed.filter(({ operation }) => operation.startsWith("S3"));
  expect(sent.map(({ operation }) => operation)).toEqual(["S3 PUT"]);

  const rights = rightsOf(graph, "Importer");
  const mayDo = (action: string, resource: string) => allowing(rights, { action, resource }) !== undefined;
  expect(mayDo("s3:PutObject", `{Uploads}/default/${id}`)).toBe(true);
  for (const resource of [
    "{Uploads}/photo.jpg",
    "{Uploads}/default/photo.jpg",
    `{Processed}/${id}/1/small.webp`,
  ])
    expect([resource, mayDo("s3:PutObject", resource)]).toEqual([resource, false]);
  for (const action of ["s3:GetObject", "s3:DeleteObject", "s3:ListBucket"])
    expect([action, mayDo(action, `{Uploads}/default/${id}`)]).toEqual([action, false]);
});
const unconfirmed = "dynamodb:DeleteItem {Images} if dynamodb:LeadingKeys is $images#webhookID_*";

/** Permissions that this run does not use. */
const later: Record<string, string[]> = {
  // The deliveries of a write that another writer was faster than.
  Api: [unconfirmed],
  Importer: [
    // The rows of an image that another writer changed while its import failed.
    "dynamodb:DeleteItem {Images} if dynamodb:LeadingKeys is $images#kind_*",
    unconfirmed,
  ],
  // This run has no private image: their files need the same rights as public ones.
  Processor: [unconfirmed, "s3:DeleteObject {Processed}/private/*", "s3:PutObject {Processed}/private/*"],
  DeadLetter: [unconfirmed, "s3:DeleteObject {Processed}/private/*"],
  Reconciler: [
    // The rows of an image that another writer changed while it was added to the index.
    "dynamodb:DeleteItem {Images} if dynamodb:LeadingKeys is $images#kind_*",
    unconfirmed,
    // This run has no private image.
    "s3:DeleteObject {Processed}/private/*",
    "s3:DeleteObjectVersion {Processed}/private/*",
    // The embedded S3 keeps no versions of a deleted original.
    "s3:DeleteObjectVersion {Uploads}/*",
  ],
};

test("nothing was refused for want of a right, and every right was needed", () => {
  for (const [name, { refused, used }] of Object.entries(cloud.guards)) {
    expect([name, [...new Set(refused)]]).toEqual([name, []]);
    const unused = rightsOf(graph, name).filter((right) => !used.has(right));
    // Lambda receives the messages, not the function.
    const taken = (right: string) =>
      /^sqs:(Receive|Delete)Message /.test(right) || /^sqs:GetQueue/.test(right);
    expect([name, unused.filter((right) => !taken(right))]).toEqual([name, later[name] ?? []]);
  }
});
