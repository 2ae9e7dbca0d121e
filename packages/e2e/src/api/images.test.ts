import { createHash } from "node:crypto";
import { photo } from "@image-pipeline/core/fixture";
import type { Routes } from "@image-pipeline/functions/http/app";
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
  test("an image is pending, has an address, and says where its bytes go", async () => {
    const response = await api.images.$post({ json: { ...jpeg(), title: "A boat", tags: ["sea", "sea"] } });
    expect(response.status).toBe(201);
    const { upload, ...image } = (await response.json()) as Awaited<ReturnType<typeof announce>>;
    expect(response.headers.get("location")).toBe(`/images/${image.id}`);
    expect(image).toMatchObject({
      status: "pending",
      owner: "default",
      filename: "boat.jpg",
      title: "A boat",
      tags: ["sea"],
    });
    expect(upload).toMatchObject({
      method: "PUT",
      headers: { "content-type": "image/jpeg", "if-none-match": "*" },
    });
    expect(Date.parse(upload.expiresAt) - Date.now()).toBeGreaterThan(800_000);
  });

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

  test("bytes that this owner has already are not uploaded again", async () => {
    const first = await ready();
    const response = await api.images.$post({ json: { ...jpeg(), sha256: sha256() } });
    expect(response.status).toBe(200);
    const image = await response.json();
    expect(image).toMatchObject({ status: "ready", source: { sha256: sha256() } });
    expect(image).not.toHaveProperty("upload");
    expect(Date.parse(image.createdAt)).toBeGreaterThanOrEqual(Date.parse(first.createdAt));
  });
});

describe("Idempotency-Key", () => {
  const post = (key: string, json: object) =>
    world.ask("/images", { json, headers: { "idempotency-key": key } });

  test("the same request is carried out once and answered alike", async () => {
    const json = { ...jpeg(), filename: "once.jpg" };
    const [a, b] = [await post("k1", json), await post("k1", json)];
    expect([a.status, b.status]).toEqual([201, 201]);
    expect(b.headers.get("location")).toBe(a.headers.get("location"));
    expect(await b.json()).toEqual(await a.json());
  });

  test("many at once make one image", async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => post("k2", jpeg())));
    const made = new Set(
      answers.filter(({ status }) => status === 201).map(({ headers }) => headers.get("location")),
    );
    expect(made.size).toBe(1);
    const others = answers.filter(({ status }) => status !== 201);
    expect(new Set(await Promise.all(others.map(codeOf)))).toEqual(
      others.length > 0 ? new Set(["request_in_progress"]) : new Set(),
    );
  });

  test("another request under the same key is refused", async () => {
    await post("k3", jpeg());
    expect(await codeOf(await post("k3", { ...jpeg(), title: "Another" }))).toBe("idempotency_key_reused");
  });

  test("a request that was refused may be sent again, corrected", async () => {
    expect(await codeOf(await post("k4", { ...jpeg(), bytes: 99_999_999 }))).toBe("invalid_request");
    expect((await post("k4", jpeg())).status).toBe(201);
  });
});

describe("looking up", () => {
  test("an unchanged image is not sent again, and an unfinished one says when to look again", async () => {
    const { id } = await announce();
    const first = await world.ask(`/images/${id}`);
    const etag = first.headers.get("etag") ?? "";
    expect(etag).toBe('W/"v1"');
    expect(first.headers.get("retry-after")).toBe("1");
    const conditions = { [etag]: 304, '"v1"': 304, '"other", W/"v1"': 304, "*": 304, 'W/"v2"': 200 };
    for (const [condition, status] of Object.entries(conditions)) {
      const response = await world.ask(`/images/${id}`, { headers: { "if-none-match": condition } });
      expect([condition, response.status, response.headers.get("etag")]).toEqual([condition, status, etag]);
    }
  });

  test("`wait` ends when the image is finished, and with its time at the latest", async () => {
    const { id } = await announce();
    const started = Date.now();
    expect((await get(id, "1")).status).toBe("pending");
    expect(Date.now() - started).toBeGreaterThanOrEqual(1000);
    const image = await ready();
    expect(Object.keys(image.variants ?? {})).toEqual(["thumbnail", "small", "medium", "large"]);
  });

  test("several at once come in their order, each once, and what is not there is left out", async () => {
    const [a, b] = [await announce(), await announce()];
    const query = [b.id, missing, a.id, b.id].map((id) => `id=${id}`).join("&");
    const response = await world.ask(`/images?${query}`);
    const { items } = (await response.json()) as { items: { id: string }[] };
    expect(items.map(({ id }) => id)).toEqual([b.id, a.id]);
  });
});

describe("changing", () => {
  const patch = (id: string, json: unknown, headers: Record<string, string> = {}) =>
    world.ask(`/images/${id}`, { method: "PATCH", json, headers });

  test("what is given changes, null takes away, and the rest stays", async () => {
    const { id } = await announce({
      title: "Old",
      alt: "A boat",
      tags: ["old", "kept"],
      metadata: { a: "1" },
    });
    const response = await patch(id, { title: "New", alt: null, tags: ["kept", "new"] });
    expect(response.headers.get("etag")).toBe('W/"v2"');
    const image = (await response.json()) as Record<string, unknown>;
    expect(image).toMatchObject({ title: "New", tags: ["kept", "new"], metadata: { a: "1" }, version: 2 });
    expect(image).not.toHaveProperty("alt");
    const tagged = async (tag: string) => {
      const page = await (await api.images.$get({ query: { tag } })).json();
      return page.items.some((item) => item.id === id);
    };
    expect([await tagged("old"), await tagged("kept"), await tagged("new")]).toEqual([false, true, true]);
  });

  test("If-Match holds a change to the version that was seen", async () => {
    const { id } = await announce();
    expect((await patch(id, { title: "A" }, { "if-match": 'W/"v1"' })).status).toBe(200);
    expect(await codeOf(await patch(id, { title: "B" }, { "if-match": 'W/"v1"' }))).toBe("version_conflict");
    expect(await codeOf(await patch(id, { title: "B" }, { "if-match": "nonsense" }))).toBe(
      "version_conflict",
    );
    expect((await patch(id, { title: "C" }, { "if-match": "*" })).status).toBe(200);
    const response = await world.ask(`/images/${id}`, {
      method: "DELETE",
      headers: { "if-match": 'W/"v1"' },
    });
    expect(await codeOf(response)).toBe("version_conflict");
    expect((await get(id)).title).toBe("C");
  });

  test("twenty at once are all made, one after another", async () => {
    const { id } = await announce();
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, i) => patch(id, { metadata: { n: String(i) } })),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200));
    expect((await get(id)).version).toBe(9);
  });

  test("no change is no new version", async () => {
    const { id } = await announce();
    expect((await patch(id, {})).status).toBe(200);
    expect((await get(id)).version).toBe(1);
    expect(await codeOf(await patch(id, []))).toBe("invalid_request");
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
  expect(await codeOf(await world.ask(`/images/${id}`, { method: "DELETE" }))).toBe("image_not_found");
  expect(await (await api.images.$get({ query: { tag: "doomed" } })).json()).toEqual({ items: [] });
  await world.settled();
  expect((await fetch(variants?.small?.url ?? "")).status).toBe(404);
  const { items } = await (await api.images[":id"].events.$get({ param: { id } })).json();
  expect(items.map(({ type }) => type)).toEqual(["announced", "uploaded", "ready", "deleting", "deleted"]);
  expect(await codeOf(await world.ask(`/images/${missing}/events`))).toBe("image_not_found");
});
