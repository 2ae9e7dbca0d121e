/** The mirror of the client, against the API. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Client, ClientError, createClient } from "@image-pipeline/client";
import { type MirrorStore, memoryMirror, sqliteMirror, step, sync } from "@image-pipeline/client/sync";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { change, createWorld, type MemoryWorld } from "../api/memory.fixture.ts";

let world: MemoryWorld;
let key: string;
let owner: string;
let owners = 0;
/** Requests of the client, and what it gets in place of the API's response. */
let requests: string[] = [];
let trouble: ((url: string) => Response | undefined) | undefined;

beforeAll(async () => {
  world = await createWorld({ anonymous: true, pendingMax: 0, uploadsPerDayMax: 0, trashDays: 7 });
  const { ApiKey } = await import("@image-pipeline/core/api-key");
  key = (await ApiKey.create({ name: "all", scopes: ["images:read", "images:write", "service"] })).key;
});
afterAll(() => world.stop());
beforeEach(() => {
  owner = `owner${++owners}`;
  requests = [];
});
afterEach(() => {
  trouble = undefined;
  vi.useRealTimers();
});

function clientOf(): Client {
  return createClient({
    baseUrl: "http://images.test",
    token: key,
    tries: 1,
    fetch: async (url, init) => {
      requests.push(url);
      return trouble?.(url) ?? world.fetch(url, init);
    },
  });
}

/** Creates an image whose file a worker has begun to process: version 2. */
async function create(more: object = {}): Promise<string> {
  const json = { filename: "a.jpg", contentType: "image/jpeg", bytes: 1, owner, ...more };
  const response = await world.ask("/images", { json, as: key });
  const { id } = (await response.json()) as { id: string };
  await change(id);
  return id;
}

const idsOf = async (store: MirrorStore) => (await store.rows({})).map(({ id }) => id).toSorted();

/** Reads until the mirror is up to date, `limit` changes a page. */
async function catchUp(store: MirrorStore, limit = 2): Promise<void> {
  const { images } = clientOf();
  while ((await step((query) => images.changes({ ...query, owner, limit }), store)).more);
}

function pass(ms: number): void {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + ms });
}

test("the client reads the feed page by page", async () => {
  const { images } = clientOf();
  const ids = [await create(), await create(), await create()];
  const first = await images.changes({ owner, limit: 2 });
  const second = await images.changes({ owner, since: first.nextCursor });
  expect([first.more, second.more]).toEqual([true, false]);
  expect([...first.items, ...second.items].map(({ image }) => image?.id)).toEqual(ids);
});

test("a mirror has every image, follows changes, deletions, trash and restore, and survives a restart", async () => {
  const folder = await mkdtemp(join(tmpdir(), "image-mirror-"));
  const file = join(folder, "mirror.db");
  const opened = <T>(use: (store: MirrorStore) => Promise<T>) => {
    const database = new DatabaseSync(file);
    return use(sqliteMirror(database)).finally(() => database.close());
  };
  const { images } = clientOf();
  const [a, b, c] = [await create(), await create(), await create()];
  await opened((store) => catchUp(store));
  await images.update(a, { title: "Harbour" });
  await images.remove(b, { permanent: true });
  await images.remove(c);
  await opened(async (store) => {
    expect(await idsOf(store)).toEqual([a, b, c].toSorted());
    await catchUp(store);
    expect(await idsOf(store)).toEqual([a]);
    expect((await store.row(a))?.image).toMatchObject({ title: "Harbour", version: 3 });
  });
  await images.restore(c);
  await opened(async (store) => {
    await catchUp(store);
    expect(await idsOf(store)).toEqual([a, c].toSorted());
  });
  await rm(folder, { recursive: true });
});

test("an image is not shown after its expiry, and removed by the next page", async () => {
  const store = memoryMirror();
  const id = await create({ expiresAt: new Date(Date.now() + 29 * 3_600_000).toISOString() });
  const mirror = sync(clientOf(), { store, owner, pollSeconds: 3600 });
  await mirror.pull();
  expect((await mirror.images()).map((image) => image.id)).toEqual([id]);
  pass(30 * 3_600_000);
  expect([await mirror.images(), await mirror.image(id)]).toEqual([[], undefined]);
  await create();
  await mirror.pull();
  expect(await store.row(id)).toBeUndefined();
  mirror.stop();
});

test.each([410, 400])(
  "after a cursor that the API refuses with %i the mirror is never empty",
  async (status) => {
    const store = memoryMirror();
    const { images } = clientOf();
    const [gone, b, c, d] = [await create(), await create(), await create(), await create()];
    await catchUp(store);
    await images.remove(gone, { permanent: true });
    const code = status === 410 ? "cursor_expired" : "invalid_cursor";
    let refusals = 1;
    trouble = (url) => {
      if (!url.includes("since=") || refusals-- <= 0) return undefined;
      return Response.json({ code }, { status });
    };
    // Deleted images from before the snapshot are not named by it.
    pass(60_000);
    const read = (query: object) => clientOf().images.changes({ ...query, owner, limit: 2 });
    expect(await step(read, store)).toMatchObject({ isSaved: true, more: true });
    expect((await store.state())?.isComplete).toBe(false);
    expect(await idsOf(store)).toEqual([gone, b, c, d].toSorted());
    await catchUp(store);
    expect(await idsOf(store)).toEqual([b, c, d].toSorted());
    expect(await store.state()).toMatchObject({ round: 2, isComplete: true });
  },
);

test("a change that the feed has missed comes with the round of the next week, and no image is hidden meanwhile", async () => {
  const store = memoryMirror();
  const [missed, gone, kept] = [await create(), await create(), await create()];
  await catchUp(store);
  const { read } = await import("@image-pipeline/core/records/record");
  const { ImageEntity } = await import("@image-pipeline/core/table/image-entity");
  const record = await read(missed);
  if (!record) throw new Error("There is no record.");
  // Their rows reach the index after every cursor has passed their time.
  const updatedAt = new Date(Date.now() - 3_600_000).toISOString();
  await ImageEntity.put({ ...record, version: 3, title: "late", updatedAt }).go();
  await ImageEntity.remove({ imageID: gone }).go();
  pass(6.9 * 86_400_000);
  await catchUp(store);
  expect((await store.row(missed))?.image.version).toBe(2);
  pass(0.2 * 86_400_000);
  const page = (query: object) => clientOf().images.changes({ ...query, owner, limit: 1 });
  expect(await step(page, store)).toMatchObject({ isSaved: true, more: true });
  expect(await idsOf(store)).toEqual([missed, gone, kept].toSorted());
  await catchUp(store);
  expect((await store.row(missed))?.image).toMatchObject({ version: 3, title: "late" });
  expect(await idsOf(store)).toEqual([missed, kept].toSorted());
  requests = [];
  await catchUp(store);
  expect(requests).toHaveLength(1);
});

test("an empty page that is not the last is saved, so that the next one follows it", async () => {
  const store = memoryMirror();
  await create();
  await catchUp(store);
  const empty = async () => ({ items: [], nextCursor: "next", more: true });
  expect(await step(empty, store)).toMatchObject({ isSaved: true, more: true });
  expect((await store.state())?.cursor).toBe("next");
});

test("two tabs that share a store never undo each other", async () => {
  const store = memoryMirror();
  const { images } = clientOf();
  const id = await create();
  await catchUp(store);
  await images.update(id, { title: "old" });
  // The first tab has read its page, and saves it after the second tab has read and saved a later one.
  const slow = await step(async (query) => {
    const page = await images.changes({ ...query, owner });
    await images.remove(id, { permanent: true });
    await catchUp(store);
    return page;
  }, store);
  expect(slow.isSaved).toBe(false);
  expect(await store.rows({})).toEqual([]);
  await catchUp(store);
  expect(await store.rows({})).toEqual([]);
});

test("a running mirror tells of changes, also those of another tab, and continues after an outage", async () => {
  const store = memoryMirror();
  const onChange = vi.fn();
  const onError = vi.fn();
  const first = await create();
  const mirror = sync(clientOf(), { store, owner, wait: 20, onChange, onError });
  await vi.waitFor(async () => expect(await mirror.isComplete()).toBe(true), 10_000);
  expect((await mirror.image(first))?.id).toBe(first);
  onChange.mockClear();
  const second = await create();
  await vi.waitFor(async () => expect((await mirror.images()).map(({ id }) => id)).toContain(second), 10_000);
  expect(onChange).toHaveBeenCalled();
  mirror.stop();

  let isDown = true;
  trouble = () => (isDown ? new Response("", { status: 503 }) : undefined);
  const other = sync(clientOf(), { store, owner, pollSeconds: 1, onChange, onError });
  await vi.waitFor(() => expect(onError).toHaveBeenCalledWith(expect.any(ClientError)), 10_000);
  expect((await other.images()).map(({ id }) => id).toSorted()).toEqual([first, second].toSorted());
  isDown = false;
  const third = await create();
  await vi.waitFor(async () => expect(await other.image(third)).toBeDefined(), 20_000);
  onChange.mockClear();
  await create();
  await catchUp(store);
  await vi.waitFor(() => expect(onChange).toHaveBeenCalled(), 10_000);
  other.stop();
}, 60_000);

test("a quiet mirror makes one request for each poll, and writes nothing for an hour", async () => {
  const store = memoryMirror();
  await create();
  await catchUp(store);
  const before = await store.state();
  requests = [];
  await catchUp(store);
  expect(requests).toHaveLength(1);
  expect(await store.state()).toEqual(before);
  pass(3_700_000);
  await catchUp(store);
  expect((await store.state())?.cursor).not.toBe(before?.cursor);
});
