/** Every free text of a caller: returned as it was stored, stored as it was returned, and never an internal error. */
import { randomUUID } from "node:crypto";
import { createClient } from "@image-pipeline/client";
import { EventEntity } from "@image-pipeline/core/table/event-entity";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { codeOf } from "./fixture.ts";
import { createWorld, type MemoryWorld } from "./memory.fixture.ts";

let world: MemoryWorld;
beforeAll(async () => {
  world = await createWorld({ anonymous: true, pendingMax: 0, uploadsPerDayMax: 0, bytesPerDayMax: 0 });
});
afterAll(() => world.stop());

type Texts = {
  filename?: string;
  title?: string;
  alt?: string;
  tags?: string[];
  metadata?: Record<string, string>;
};
type Image = Texts & { id: string; source: { key: string } };

const file = { filename: "boat.jpg", contentType: "image/jpeg", bytes: 9 };
const create = (texts: Texts, headers?: Record<string, string>) =>
  world.ask("/images", { json: { ...file, ...texts }, headers });

async function created(texts: Texts = {}): Promise<Image> {
  const response = await create(texts);
  if (response.status !== 201) throw new Error(await response.text());
  return (await response.json()) as Image;
}
const textsOf = ({ filename, title, alt, tags, metadata }: Image): Texts => ({
  filename,
  title,
  alt,
  tags,
  metadata,
});

/** Code units of any kind: lone surrogates, controls, combining marks, names of `Object.prototype`. */
const hostile = fc.oneof(
  fc.string({
    unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
    minLength: 1,
  }),
  fc.string({ unit: "grapheme", minLength: 1 }),
  fc.constantFrom("\ud800", "\udc00x", "a\ud83d", "e\u0301", "\0", "constructor", "prototype", "__proto__"),
);
const name = hostile.filter((text) => text !== "__proto__" && text.isWellFormed());

test("texts make a round trip, and each lone surrogate becomes U+FFFD", async () => {
  const entries = fc.uniqueArray(fc.tuple(name, hostile), { maxLength: 5, selector: ([key]) => key });
  const given = fc.record({
    filename: hostile,
    title: hostile,
    alt: hostile,
    tags: fc.array(hostile),
    entries,
  });
  let count = 0;
  await fc.assert(
    fc.asyncProperty(given, async ({ entries, ...texts }) => {
      const headers = { "idempotency-key": randomUUID() };
      const metadata = Object.fromEntries(entries);
      const response = await create({ ...texts, metadata }, headers);
      const isEmpty = texts.tags.some((tag) => tag.trim() === "");
      expect([isEmpty, response.status]).toEqual([isEmpty, isEmpty ? 400 : 201]);
      if (isEmpty) return;
      count++;
      const image = (await response.json()) as Image;
      expect(textsOf(image)).toEqual({
        filename: texts.filename.toWellFormed(),
        title: texts.title.toWellFormed(),
        alt: texts.alt.toWellFormed(),
        tags: [...new Set(texts.tags.map((tag) => tag.toWellFormed().normalize("NFC").trim()))],
        metadata: Object.fromEntries(entries.map(([key, value]) => [key, value.toWellFormed()])),
      });
      const found = (await (await world.ask(`/images/${image.id}`)).json()) as Image;
      expect(textsOf(found)).toEqual(textsOf(image));
      const replayed = (await (await create({ ...texts, metadata }, headers)).json()) as Image;
      expect([replayed.id, textsOf(replayed)]).toEqual([image.id, textsOf(image)]);
      const patched = await world.ask(`/images/${image.id}`, {
        method: "PATCH",
        json: { ...texts, filename: undefined, metadata },
      });
      expect(textsOf((await patched.json()) as Image)).toEqual(textsOf(image));
      for (const tag of image.tags?.slice(0, 1) ?? []) {
        const listed = await world.ask(`/images?${new URLSearchParams({ tag, limit: "100" })}`);
        const { items } = (await listed.json()) as { items: Image[] };
        expect(items.map(({ id }) => id)).toContain(image.id);
      }
    }),
    { numRuns: 60 },
  );
  expect(count).toBeGreaterThan(20);
}, 60_000);

test("every file name makes a URL of the original, with the name that the image has", async () => {
  const { Presign } = await import("@image-pipeline/core/aws/presign");
  await fc.assert(
    fc.asyncProperty(hostile, async (filename) => {
      const url = new URL(await Presign.download("default/img_0", filename, 60));
      const [, encoded = ""] =
        /^attachment; filename\*=UTF-8''(.*)$/.exec(
          url.searchParams.get("response-content-disposition") ?? "",
        ) ?? [];
      expect(decodeURIComponent(encoded)).toBe(filename.toWellFormed());
    }),
  );
});

test("a file name of an uploader is cut between characters, at its start", async () => {
  const json = { method: "POST", key: `uploads/${"😀".repeat(300)}\ud83d.jpg` };
  const { id } = (await (await world.ask("/uploads/sign", { json })).json()) as Image;
  const { filename } = (await (await world.ask(`/images/${id}`)).json()) as Image;
  expect(filename).toBe(`${"😀".repeat(250)}\ufffd.jpg`);
});

describe("names of `Object.prototype`", () => {
  test("are metadata like any other", async () => {
    const metadata = { constructor: "a", prototype: "b", toString: "c", hasOwnProperty: "d" };
    const { id } = await created({ metadata });
    const text = await (await world.ask(`/images/${id}`)).text();
    expect(Object.entries(JSON.parse(text).metadata).sort()).toEqual(Object.entries(metadata).sort());
  });

  test.each([
    ["__proto__", '{"__proto__":"x"}'],
    ["a\ud800", '{"a\\ud800":"x"}'],
  ])("the metadata name %j is refused by name", async (refused, metadata) => {
    const body = JSON.stringify({ ...file, metadata: "?" }).replace('"?"', metadata);
    const headers = { "content-type": "application/json" };
    const response = await world.ask("/images", { method: "POST", body, headers });
    expect(await response.json()).toMatchObject({
      code: "invalid_request",
      errors: [{ pointer: `/metadata/${refused.toWellFormed()}` }],
    });
  });

  test("are unknown as fields and parameters", async () => {
    for (const name of ["constructor", "__proto__", "toString"]) {
      const body = `{"filename":"a.jpg","contentType":"image/jpeg","bytes":9,"${name}":{}}`;
      const headers = { "content-type": "application/json" };
      expect(await codeOf(await world.ask("/images", { method: "POST", body, headers }))).toBe(
        "invalid_request",
      );
      expect(await codeOf(await world.ask(`/images?${name}=1`))).toBe("invalid_request");
    }
  });
});

describe("the audit trail", () => {
  type Page = { items: { detail?: Record<string, string> }[]; nextCursor?: string };
  const page = async (path: string): Promise<Page> => (await world.ask(path)).json() as Promise<Page>;

  test("comes in pages, each entry once, the newest included", async () => {
    const { id } = await created();
    for (const title of "abcdefghi") await world.ask(`/images/${id}`, { method: "PATCH", json: { title } });
    for (const limit of [1, 3, 5, 10]) {
      const sizes: number[] = [];
      let path = `/images/${id}/events?limit=${limit}`;
      for (let cursor: string | undefined = ""; cursor !== undefined; ) {
        const { items, nextCursor } = await page(path + (cursor && `&cursor=${cursor}`));
        sizes.push(items.length);
        cursor = nextCursor;
      }
      expect(sizes).toEqual(
        Array.from({ length: Math.ceil(10 / limit) }, (_, i) => Math.min(limit, 10 - i * limit)),
      );
      path = "";
    }
    const other = await created();
    const { nextCursor } = await page(`/images/${id}/events?limit=1`);
    expect(await codeOf(await world.ask(`/images/${other.id}/events?cursor=${nextCursor}`))).toBe(
      "invalid_cursor",
    );
  });

  test("has more than 1,000 entries, and the client returns all of them", async () => {
    const { id } = await created();
    const rows = Array.from({ length: 1_100 }, (_, i) => ({
      ...{ imageID: id, owner: "default", order: String(i + 1).padStart(10, "0") },
      ...{ type: "updated" as const, at: "2026-11-25T10:00:00.000Z", by: "x", detail: { n: i + 1 } },
    }));
    await EventEntity.put(rows).go();
    const { items, nextCursor } = await page(`/images/${id}/events`);
    expect([items.length, typeof nextCursor]).toEqual([1_000, "string"]);
    const events = await createClient({ baseUrl: world.url, fetch: world.fetch }).images.events(id);
    expect(events.map(({ detail }) => Number(detail?.n))).toEqual(rows.map((_, i) => i + 1));
  });
});
