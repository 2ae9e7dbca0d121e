import type { Routes } from "@image-pipeline/functions/http/app";
import { hc } from "hono/client";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { codeOf } from "./fixture.ts";
import { createWorld, type MemoryWorld } from "./memory.fixture.ts";

let world: MemoryWorld;
let api: ReturnType<typeof hc<Routes>>;

beforeAll(async () => {
  world = await createWorld({ anonymous: true, pendingMax: 0 });
  api = hc<Routes>(world.url, { fetch: world.fetch });
});
afterAll(() => world.stop());

const jpeg = () => ({ filename: "boat.jpg", contentType: "image/jpeg" as const, bytes: 81_234 });
const missing = `img_${"0".repeat(26)}`;

/** Creates an image and returns it with its upload. */
async function announce(more: object = {}) {
  const response = await api.images.$post({ json: { ...jpeg(), ...more } });
  if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`);
  return response.json();
}

async function get(id: string) {
  const response = await api.images[":id"].$get({ param: { id }, query: {} });
  if (response.status !== 200) throw new Error(`${response.status}`);
  return response.json();
}

describe("creating an image", () => {
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

  test("a replay after its presigned URL has expired brings a new URL for the same image", async () => {
    type Created = Awaited<ReturnType<typeof announce>>;
    const first = (await (await post("k5", jpeg())).json()) as Created;
    vi.setSystemTime(Date.parse(first.upload.expiresAt));
    try {
      const response = await post("k5", jpeg());
      const second = (await response.json()) as Created;
      expect([response.status, second.id]).toEqual([201, first.id]);
      expect(second.upload.url).not.toBe(first.upload.url);
      expect(Date.parse(second.upload.expiresAt) - Date.now()).toBeGreaterThan(800_000);
    } finally {
      vi.useRealTimers();
    }
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
    expect(await codeOf(await post("k4", { ...jpeg(), bytes: 99_999_999 }))).toBe("too_many_bytes");
    expect((await post("k4", jpeg())).status).toBe(201);
  });
});

describe("getting images", () => {
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

  test("a merge patch keeps the metadata that it does not name, and null removes an entry (RFC 7396)", async () => {
    const { id } = await announce({ metadata: { a: "1", b: "2" } });
    const merge = { "content-type": "application/merge-patch+json; charset=utf-8" };
    const merged = await patch(id, { metadata: { b: null, c: "3" } }, merge);
    expect(await merged.json()).toMatchObject({ metadata: { a: "1", c: "3" }, version: 2 });
    const replaced = await patch(id, { metadata: { d: "4", e: null } });
    expect((await replaced.json()) as object).toHaveProperty("metadata", { d: "4" });
    const many = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`n${i}`, ""]));
    expect(await codeOf(await patch(id, { metadata: many }, merge))).toBe("invalid_request");
    expect((await patch(id, { metadata: { ...many, n0: null } }, merge)).status).toBe(200);
    expect(await codeOf(await world.ask("/images", { json: jpeg(), headers: merge }))).toBe(
      "unsupported_media_type",
    );
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
