import { createHash } from "node:crypto";
import { photo } from "@image-pipeline/core/fixture";
import type { Routes } from "@image-pipeline/functions/http/app";
import { AwsClient } from "aws4fetch";
import { hc } from "hono/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { codeOf, startWorld, type World } from "./fixture.ts";

let world: World;
let bytes: Buffer;
let api: ReturnType<typeof hc<Routes>>;

beforeAll(async () => {
  world = await startWorld({ anonymous: true, pendingMax: 0 });
  api = hc<Routes>(world.url);
  bytes = await photo({ width: 640, height: 480 });
});
afterAll(() => world.stop());

const sha256 = () => createHash("sha256").update(bytes).digest("hex");
const jpeg = () => ({ filename: "boat.jpg", contentType: "image/jpeg" as const, bytes: bytes.length });
const missing = `img_${"0".repeat(26)}`;

/** Announces, and returns the pending image with its upload. */
async function announce(more: object = {}) {
  const response = await api.images.$post({ json: { ...jpeg(), ...more } });
  if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`);
  return response.json();
}

/** Announces, sends the bytes and waits. */
async function ready(more: object = {}) {
  const { id, upload } = await announce(more);
  const { status } = await fetch(upload.url, {
    method: upload.method,
    headers: upload.headers,
    body: new Uint8Array(bytes),
  });
  expect(status).toBe(200);
  return get(id, "20");
}

async function get(id: string, wait?: string) {
  const response = await api.images[":id"].$get({ param: { id }, query: { wait } });
  if (response.status !== 200) throw new Error(`${response.status}`);
  return response.json();
}

describe("announcing", () => {
  test("the upload takes the announced bytes once, and nothing else", async () => {
    const { id, upload } = await announce({ sha256: sha256() });
    const put = async (body: Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
      (await fetch(upload.url, { method: "PUT", headers: { ...upload.headers, ...headers }, body })).status;
    const other = new Uint8Array(bytes).fill(0, 100, 200);
    expect(await put(new Uint8Array(bytes.subarray(1)))).toBe(403);
    expect(await put(new Uint8Array(bytes), { "content-type": "text/html" })).toBe(403);
    expect(await put(new Uint8Array(bytes), { "if-none-match": "" })).toBe(403);
    expect(await put(other)).toBe(400);
    expect(await put(new Uint8Array(bytes), { "x-amz-acl": "public-read" })).toBe(403);
    expect(await put(new Uint8Array(bytes))).toBe(200);
    expect(await put(new Uint8Array(bytes))).toBe(412);
    expect((await get(id, "20")).status).toBe("ready");
  });

  test("a form takes the announced bytes, and nothing else", async () => {
    const { id, upload } = await announce({ method: "POST" });
    const post = async (body: Buffer, change: Record<string, string> = {}) => {
      const form = new FormData();
      for (const [name, value] of Object.entries({ ...upload.fields, ...change })) form.set(name, value);
      form.set("file", new Blob([new Uint8Array(body)]), "boat.jpg");
      return (await fetch(upload.url, { method: "POST", body: form })).status;
    };
    expect(await post(bytes.subarray(1))).toBe(400);
    expect(await post(Buffer.concat([bytes, bytes]))).toBe(400);
    expect(await post(bytes, { "Content-Type": "text/html" })).toBe(403);
    expect(await post(bytes, { key: "default/other" })).toBe(403);
    expect(await post(bytes)).toBe(204);
    expect((await get(id, "20")).status).toBe("ready");
  });

  test("bytes that this owner has already are copied into a second image, which nothing else changes", async () => {
    const first = await ready({ title: "First post", tags: ["first"] });
    const described = { title: "Second post", alt: "A boat", tags: ["second"], metadata: { post: "2" } };
    const json = { ...jpeg(), ...described, filename: "again.jpg", sha256: sha256() };
    const response = await api.images.$post({ json });
    expect(response.status).toBe(200);
    const created = await response.json();
    expect(created).toMatchObject({ status: "pending", filename: "again.jpg", ...described });
    expect(created).not.toHaveProperty("upload");
    expect(created.id).not.toBe(first.id);
    const second = await get(created.id, "20");
    expect(second).toMatchObject({ status: "ready", ...described, source: { sha256: sha256() } });
    await api.images[":id"].$delete({ param: { id: first.id }, query: {} });
    await world.settled();
    expect(await get(second.id)).toMatchObject({ status: "ready" });
    expect((await fetch(second.variants?.small?.url ?? "")).status).toBe(200);
    const original = await world.ask(`/images/${second.id}/original`);
    expect((await fetch(original.headers.get("location") ?? "")).status).toBe(200);
  });

  test("bytes whose copy fails are uploaded", async () => {
    const bytesOfOther = await photo({ width: 321, height: 240 });
    const hash = createHash("sha256").update(bytesOfOther).digest("hex");
    const json = { ...jpeg(), bytes: bytesOfOther.length, sha256: hash };
    const { upload } = await announce(json);
    await fetch(upload.url, { method: "PUT", headers: upload.headers, body: new Uint8Array(bytesOfOther) });
    await world.settled();
    const { items } = await (await api.images.$get({ query: { limit: "1" } })).json();
    const { AWS_ACCESS_KEY_ID: accessKeyId = "", AWS_SECRET_ACCESS_KEY: secretAccessKey = "" } = process.env;
    const s3 = new AwsClient({ accessKeyId, secretAccessKey, region: "us-east-1", service: "s3" });
    const url = `${process.env.AWS_ENDPOINT_URL_S3}/uploads/${items[0]?.source.key}`;
    await s3.fetch(url, { method: "PUT", body: new Uint8Array(bytes) });
    const second = await api.images.$post({ json });
    expect(second.status).toBe(201);
    expect(await second.json()).toHaveProperty("upload");
  });
});

describe("looking up", () => {
  test("`wait` ends when the image is finished, and with its time at the latest", async () => {
    const { id } = await announce();
    const started = Date.now();
    expect((await get(id, "1")).status).toBe("pending");
    expect(Date.now() - started).toBeGreaterThanOrEqual(1000);
    const image = await ready();
    expect(Object.keys(image.variants ?? {})).toEqual(["thumbnail", "small", "medium", "large"]);
  });
});

test("a finished image goes through again, and keeps its variants until the new ones are there", async () => {
  const { id, variants } = await ready();
  const again = await (await api.images[":id"].reprocess.$post({ param: { id } })).json();
  expect(again).toMatchObject({ status: "pending", variants });
  expect(
    await codeOf(await world.ask(`/images/${(await announce()).id}/reprocess`, { method: "POST" })),
  ).toBe("image_not_ready");
  const { variants: renewed } = await get(id, "20");
  expect(renewed?.small?.url).not.toBe(variants?.small?.url);
});

test("an original is handed out under its name, once there is one", async () => {
  const pending = await announce();
  expect(await codeOf(await world.ask(`/images/${pending.id}/original`))).toBe("image_not_ready");
  const { id } = await ready({ filename: "Möwe (1)'s.jpg" });
  const response = await world.ask(`/images/${id}/original`);
  expect(response.status).toBe(302);
  const file = await fetch(response.headers.get("location") ?? "");
  expect(Buffer.from(await file.arrayBuffer()).equals(bytes)).toBe(true);
  expect(file.headers.get("content-disposition")).toBe(
    "attachment; filename*=UTF-8''M%C3%B6we%20%281%29%27s.jpg",
  );
});

test("a deleted image is nowhere, but what happened to it stays readable", async () => {
  const { id, variants } = await ready({ tags: ["doomed"] });
  expect((await world.ask(`/images/${id}`, { method: "DELETE" })).status).toBe(204);
  expect(await codeOf(await world.ask(`/images/${id}`))).toBe("image_not_found");
  expect(await (await api.images.$get({ query: { tag: "doomed" } })).json()).toEqual({ items: [] });
  await world.settled();
  expect((await fetch(variants?.small?.url ?? "")).status).toBe(404);
  const { items } = await (await api.images[":id"].events.$get({ param: { id }, query: {} })).json();
  expect(items.map(({ type }) => type)).toEqual(["announced", "uploaded", "ready", "deleting", "deleted"]);
  expect(await codeOf(await world.ask(`/images/${missing}/events`))).toBe("image_not_found");
});
