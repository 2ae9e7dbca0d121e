import { createHash } from "node:crypto";
import { wholeSeconds } from "@image-pipeline/core/time";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { codeOf, type Issuer, startIssuer } from "./fixture.ts";
import { change, createWorld, type MemoryWorld } from "./memory.fixture.ts";

type Item = { op: "upsert" | "delete"; id: string; version: number; at: string };
type Page = {
  items: (Item & { image?: { id: string; status: string; expiresAt?: string } })[];
  nextCursor: string;
  more: boolean;
};

const lagMs = 30_000;
const dayMs = 86_400_000;

let world: MemoryWorld;
let issuer: Issuer;
let service: string;
let owners = 0;

beforeAll(async () => {
  issuer = await startIssuer();
  world = await createWorld({ ...issuer.settings, pendingMax: 0, uploadsPerDayMax: 0, trashDays: 7 });
  const { ApiKey } = await import("@image-pipeline/core/api-key");
  service = (await ApiKey.create({ name: "all", scopes: ["images:read", "images:write", "service"] })).key;
});
afterAll(async () => {
  await world.stop();
  await issuer.stop();
});
afterEach(() => void vi.useRealTimers());

const newOwner = () => `owner${++owners}`;

/** Creates an image whose file has not been uploaded. */
async function announce(owner: string, more: object = {}): Promise<string> {
  const json = { filename: "a.jpg", contentType: "image/jpeg", bytes: 1, owner, ...more };
  const response = await world.ask("/images", { json, as: service });
  return ((await response.json()) as { id: string }).id;
}

/** Creates an image whose file a worker has begun to process: version 2. */
async function create(owner: string, more: object = {}): Promise<string> {
  const id = await announce(owner, more);
  await change(id);
  return id;
}

const rename = (id: string, title: string) =>
  world.ask(`/images/${id}`, { method: "PATCH", json: { title }, as: service });

const erase = (id: string) => world.ask(`/images/${id}?permanent=true`, { method: "DELETE", as: service });

async function page(owner: string, since?: string, query = ""): Promise<Page> {
  const cursor = since === undefined ? "" : `&since=${since}`;
  const response = await world.ask(`/changes?owner=${owner}${cursor}${query}`, { as: service });
  expect(response.status).toBe(200);
  return (await response.json()) as Page;
}

/** Reads to the end of the feed; `between` runs after each page. */
async function walk(owner: string, since?: string, query = "", between?: () => Promise<unknown>) {
  const items: Page["items"] = [];
  let cursor = since;
  for (;;) {
    const { nextCursor, more, items: found } = await page(owner, cursor, query);
    items.push(...found);
    cursor = nextCursor;
    if (!more) return { items, cursor };
    await between?.();
  }
}

const namesOf = (items: readonly Item[]) => items.map(({ op, id, version }) => [op, id, version]);

/** Lets time pass for this process alone: timers are real. */
function pass(ms: number): void {
  const now = Date.now() + ms;
  vi.useFakeTimers({ toFake: ["Date"], now });
}

/** Writes a record as a process does whose clock has another time. */
async function changeAt(id: string, ms: number): Promise<void> {
  const now = Date.now();
  vi.useFakeTimers({ toFake: ["Date"], now: now + ms });
  await change(id, {});
  vi.useFakeTimers({ toFake: ["Date"], now });
}

describe("the feed from its beginning", () => {
  test.each([1, 3, 7, 500])(
    "names every image once, the newest change last, in pages of %i",
    async (limit) => {
      const owner = newOwner();
      const ids: string[] = [];
      for (let i = 0; i < 7; i++) ids.push(await create(owner));
      const [first = ""] = ids;
      await rename(first, "changed");
      const { items } = await walk(owner, undefined, `&limit=${limit}`);
      expect(namesOf(items)).toEqual([...ids.slice(1).map((id) => ["upsert", id, 2]), ["upsert", first, 3]]);
      expect(items.at(-1)).toMatchObject({ image: { id: first, title: "changed", version: 3, owner } });
    },
  );

  test("leaves out images that were deleted long before, and ends nevertheless", async () => {
    const owner = newOwner();
    const [gone, left] = [await create(owner), await create(owner)];
    await erase(gone);
    pass(lagMs + 1);
    const { items } = await walk(owner, undefined, "&limit=1");
    expect(namesOf(items)).toEqual([["upsert", left, 2]]);
  });

  test("misses no image that changes, is created or deleted meanwhile", async () => {
    const owner = newOwner();
    const ids: string[] = [];
    for (let i = 0; i < 6; i++) ids.push(await create(owner));
    const [a = "", , , , , f = ""] = ids;
    let steps = 0;
    const { items } = await walk(owner, undefined, "&limit=2", async () => {
      if (steps++ > 0) return;
      await rename(f, "moved");
      await erase(a);
      ids.push(await create(owner));
    });
    const last = new Map(items.map((item) => [item.id, item]));
    expect(last.get(a)?.op).toBe("delete");
    expect(last.get(f)).toMatchObject({ op: "upsert", version: 3 });
    expect([...last.keys()].sort()).toEqual(ids.toSorted());
  });

  test("is empty for an owner without images, with a cursor to continue", async () => {
    const owner = newOwner();
    const { items, nextCursor, more } = await page(owner);
    expect([items, more]).toEqual([[], false]);
    const id = await create(owner);
    expect(namesOf((await page(owner, nextCursor)).items)).toEqual([["upsert", id, 2]]);
  });
});

describe("a cursor at the end", () => {
  test("gives what changed since, once each", async () => {
    const owner = newOwner();
    const [a, b] = [await create(owner), await create(owner)];
    const { cursor } = await walk(owner);
    expect((await page(owner, cursor)).items).toEqual([]);
    await rename(a, "one");
    await rename(a, "two");
    const next = await walk(owner, cursor);
    expect(namesOf(next.items)).toEqual([["upsert", a, 4]]);
    await erase(b);
    const last = await walk(owner, next.cursor);
    expect(namesOf(last.items)).toEqual([["delete", b, expect.any(Number)]]);
    expect((await page(owner, last.cursor)).items).toEqual([]);
    pass(lagMs + 1);
    expect((await page(owner, last.cursor)).items).toEqual([]);
  });

  test("gives a row that enters the index late, or was written by a clock that is behind", async () => {
    const owner = newOwner();
    const [late, other] = [await create(owner), await create(owner)];
    const { cursor } = await walk(owner);
    await rename(other, "now");
    const next = await walk(owner, cursor);
    await changeAt(late, -20_000);
    const found = await walk(owner, next.cursor);
    expect(namesOf(found.items)).toEqual([["upsert", late, 3]]);
    expect((await page(owner, found.cursor)).items).toEqual([]);
  });

  test("gives changes of a clock that is ahead once", async () => {
    const owner = newOwner();
    const id = await create(owner);
    await changeAt(id, 20_000);
    const { items, cursor } = await walk(owner);
    expect(namesOf(items)).toEqual([["upsert", id, 3]]);
    expect((await page(owner, cursor)).items).toEqual([]);
    pass(10_000);
    const later = await page(owner, cursor);
    expect(later.items).toEqual([]);
    pass(60_000);
    expect((await page(owner, later.nextCursor)).items).toEqual([]);
  });

  test("stays short after many changes, which come once each, the rest when they are older", async () => {
    const owner = newOwner();
    const { ID } = await import("@image-pipeline/core/id");
    const { read } = await import("@image-pipeline/core/records/record");
    const { ImageEntity } = await import("@image-pipeline/core/table/image-entity");
    const record = await read(await create(newOwner()));
    if (!record) throw new Error("There is no record.");
    const ids = Array.from({ length: 300 }, () => ID.createImageID()).sort();
    await ImageEntity.put(ids.map((imageID) => ({ ...record, imageID, owner }))).go();
    const first = await walk(owner);
    expect(first.items).toHaveLength(256);
    expect(first.cursor.length).toBeLessThan(4096);
    const second = await walk(owner, first.cursor);
    expect(second.items).toEqual([]);
    pass(lagMs + 1);
    const third = await walk(owner, second.cursor);
    expect([...first.items, ...third.items].map(({ id }) => id)).toEqual(ids);
  });
});

test("an image in the trash is gone, and comes back when it is restored", async () => {
  const owner = newOwner();
  const id = await create(owner);
  const { cursor } = await walk(owner);
  await world.ask(`/images/${id}`, { method: "DELETE", as: service });
  const trashed = await world.ask(`/images/${id}`, { as: service });
  expect(await trashed.json()).toMatchObject({ status: "trashed" });
  const gone = await walk(owner, cursor);
  expect(namesOf(gone.items)).toEqual([["delete", id, expect.any(Number)]]);
  await world.ask(`/images/${id}/restore`, { method: "POST", as: service });
  const back = await walk(owner, gone.cursor);
  expect(back.items).toMatchObject([{ op: "upsert", id, image: { status: "pending" } }]);
});

describe("an image without bytes", () => {
  test("is not on the feed, and is from its first bytes on", async () => {
    const owner = newOwner();
    const id = await announce(owner);
    await rename(id, "before its file");
    const { items, cursor } = await walk(owner);
    expect(items).toEqual([]);
    await change(id);
    const next = await walk(owner, cursor);
    expect(next.items).toMatchObject([{ op: "upsert", id, version: 3, image: { title: "before its file" } }]);
  });

  test("stays off it from the trash and back, but for a `delete`", async () => {
    const owner = newOwner();
    const id = await announce(owner);
    const { cursor } = await walk(owner);
    await world.ask(`/images/${id}`, { method: "DELETE", as: service });
    expect(namesOf((await walk(owner, cursor)).items)).toEqual([["delete", id, 2]]);
    await world.ask(`/images/${id}/restore`, { method: "POST", as: service });
    expect((await walk(owner, cursor)).items).toEqual([]);
  });

  test("is on it once an import has failed", async () => {
    const owner = newOwner();
    const id = await announce(owner);
    await change(id, { status: "rejected", error: { code: "import_failed", message: "404" } });
    expect((await walk(owner)).items).toMatchObject([{ op: "upsert", id, image: { status: "rejected" } }]);
  });
});

test("an image that expires has its expiry on the feed, and is gone after it", async () => {
  const owner = newOwner();
  const expiresAt = wholeSeconds(new Date(Date.now() + dayMs).toISOString());
  const id = await create(owner, { expiresAt });
  const { items } = await walk(owner);
  expect(items).toMatchObject([{ op: "upsert", id, image: { expiresAt } }]);
  pass(dayMs + 1000);
  expect(namesOf((await walk(owner)).items)).toEqual([["delete", id, 2]]);
});

test("a page ends before 4 MB, and the next one continues there", async () => {
  const owner = newOwner();
  const metadata = Object.fromEntries(Array.from({ length: 32 }, (_, i) => [`m${i}`, "x".repeat(900)]));
  const { ID } = await import("@image-pipeline/core/id");
  const { write } = await import("@image-pipeline/core/records/record");
  const { ImageEntity } = await import("@image-pipeline/core/table/image-entity");
  const first = await write(
    undefined,
    {
      imageID: ID.createImageID(),
      owner,
      key: "k",
      attempt: 0,
      status: "ready",
      createdAt: new Date(Date.now() - dayMs).toISOString(),
    },
    { type: "announced", by: "test" },
  );
  if (!first) throw new Error("No record.");
  const ids = Array.from({ length: 200 }, () => ID.createImageID());
  const updatedAt = new Date(Date.now() - dayMs).toISOString();
  await ImageEntity.put(ids.map((imageID) => ({ ...first, imageID, metadata, updatedAt }))).go();
  const response = await world.ask(`/changes?owner=${owner}`, { as: service });
  const text = await response.text();
  expect(text.length).toBeGreaterThan(3_900_000);
  expect(text.length).toBeLessThan(4_100_000);
  const { items } = await walk(owner);
  expect(items.map(({ id }) => id).sort()).toEqual([...ids, first.imageID].sort());
});

describe("a cursor", () => {
  test.each([
    ["of another owner", (cursor: string) => cursor, "other"],
    ["that was changed", (cursor: string) => `A${cursor.slice(1)}`, undefined],
    ["that is cut off", (cursor: string) => cursor.slice(0, -4), undefined],
    ["that is no cursor", () => "x", undefined],
    ["that is empty", () => "", undefined],
  ])("%s is refused", async (_, change, reader) => {
    const owner = newOwner();
    const { nextCursor } = await page(owner);
    const since = change(nextCursor);
    const response = await world.ask(`/changes?owner=${reader ?? owner}&since=${since}`, { as: service });
    expect([response.status, await codeOf(response)]).toEqual([400, "invalid_cursor"]);
  });

  test("of a list of images is refused", async () => {
    const { Cursor } = await import("@image-pipeline/core/images/cursor");
    const owner = newOwner();
    const since = Cursor.issue({ owner }, ["0", "0"]);
    const response = await world.ask(`/changes?owner=${owner}&since=${since}`, { as: service });
    expect(await codeOf(response)).toBe("invalid_cursor");
  });

  test("is valid for nearly 30 days, then 410 says to begin again", async () => {
    const owner = newOwner();
    const id = await create(owner);
    const { cursor } = await walk(owner);
    await rename(id, "later");
    pass(29.9 * dayMs);
    expect((await page(owner, cursor)).items).toHaveLength(1);
    pass(0.1 * dayMs);
    const response = await world.ask(`/changes?owner=${owner}&since=${cursor}`, { as: service });
    expect([response.status, await codeOf(response)]).toEqual([410, "cursor_expired"]);
  });

  test("in the middle of images that are years old does not expire before 30 days", async () => {
    const owner = newOwner();
    const [a, b] = [await create(owner), await create(owner)];
    pass(400 * dayMs);
    const first = await page(owner, undefined, "&limit=1");
    pass(29 * dayMs);
    const second = await page(owner, first.nextCursor, "&limit=1");
    expect([...first.items, ...second.items].map(({ id }) => id)).toEqual([a, b]);
  });

  test("is needed by no caller without an owner: it names one", async () => {
    const response = await world.ask("/changes", { as: service });
    expect(await response.json()).toMatchObject({
      code: "invalid_request",
      errors: [{ parameter: "owner" }],
    });
  });
});

describe("a request that waits", () => {
  test("is answered by the first change, and not by those that were given before", async () => {
    const owner = newOwner();
    const id = await create(owner);
    const { cursor } = await walk(owner);
    const waiting = page(owner, cursor, "&wait=20");
    await rename(id, "now");
    expect(namesOf((await waiting).items)).toEqual([["upsert", id, 3]]);
  });

  test("is answered without a change at its end, with a cursor that continues", async () => {
    const owner = newOwner();
    const id = await create(owner);
    const { cursor } = await walk(owner);
    const { items, nextCursor, more } = await page(owner, cursor, "&wait=1");
    expect([items, more]).toEqual([[], false]);
    await rename(id, "now");
    expect((await page(owner, nextCursor, "&wait=20")).items).toHaveLength(1);
  });
});

test("an owner's changes are the owner's alone", async () => {
  const [alice, bob] = await Promise.all([issuer.token("alice"), issuer.token("bob")]);
  const json = { filename: "a.jpg", contentType: "image/jpeg", bytes: 1 };
  const made = (await (await world.ask("/images", { json, as: alice })).json()) as { id: string };
  await change(made.id);
  const mine = (await (await world.ask("/changes", { as: alice })).json()) as Page;
  expect(mine.items.map(({ id }) => id)).toEqual([made.id]);
  const theirs = (await (await world.ask("/changes", { as: bob })).json()) as Page;
  expect(theirs.items).toEqual([]);
  const stolen = await world.ask(`/changes?since=${mine.nextCursor}`, { as: bob });
  expect(await codeOf(stolen)).toBe("invalid_cursor");
});

test("the marks of a cursor tell versions apart", async () => {
  const { Feed } = await import("@image-pipeline/core/records/feed");
  const imageID = "img_01KAR5ZJ5V0000000000000000";
  const marks = Array.from({ length: 1000 }, (_, version) => Feed.markOf({ imageID, version }));
  expect(new Set(marks).size).toBe(1000);
  expect(marks[7]).toBe(createHash("sha256").update(`${imageID} 7`).digest("base64").slice(0, 8));
});
