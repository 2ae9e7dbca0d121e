/** Contract of the stores: the same tests for each. IndexedDB runs in Chromium, in `packages/e2e`. */
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { type SQLite, sqliteStore } from "./sqlite.ts";
import { type AsyncStorage, asyncStorageStore, type Entry, memoryStore } from "./store.ts";

const file = { uri: "file:///boat.jpg", name: "boat.jpg", type: "image/jpeg", size: 9 };
const entryOf = (id: string, change: Partial<Entry> = {}): Entry => ({
  ...{ id, order: 1, generation: 0, state: "queued", attempts: 0, refusals: 0 },
  input: { filename: "boat.jpg", contentType: "image/jpeg", bytes: 9 },
  ...change,
});

/** `SQLiteDatabase` of expo-sqlite on SQLite itself. */
function sqlite(): SQLite {
  const database = new DatabaseSync(":memory:");
  return {
    execAsync: async (sql) => database.exec(sql),
    runAsync: async (sql, params) => database.prepare(sql).run(...params),
    getAllAsync: async <T>(sql: string, params: (string | null)[]) =>
      database.prepare(sql).all(...params) as T[],
  };
}

function asyncStorage(): AsyncStorage {
  const items = new Map<string, string>([["of another library", "not JSON"]]);
  return {
    getItem: async (key) => items.get(key) ?? null,
    setItem: async (key, value) => void items.set(key, value),
    removeItem: async (key) => void items.delete(key),
    getAllKeys: async () => [...items.keys()],
  };
}

describe.each([
  ["memory", () => memoryStore()],
  ["AsyncStorage", () => asyncStorageStore(asyncStorage())],
  ["expo-sqlite", () => sqliteStore(sqlite())],
] as const)("%s", (_name, create) => {
  test("returns what was added and saved, until it is removed", async () => {
    const store = create();
    await store.add(entryOf("a"), file);
    await store.add(entryOf("b"), file);
    await store.save(entryOf("a", { state: "sending", imageID: "img_1" }));
    expect(await store.entry("a")).toMatchObject({ state: "sending", imageID: "img_1" });
    expect(await store.file("a")).toEqual(file);
    expect((await store.entries()).map(({ id }) => id).toSorted()).toEqual(["a", "b"]);
    await store.removeFile("a");
    expect(await store.file("a")).toBeUndefined();
    expect(await store.entry("a")).toMatchObject({ state: "sending" });
    await store.remove("a");
    expect(await store.entry("a")).toBeUndefined();
    expect(await store.entries()).toHaveLength(1);
  });

  test("does not bring back an entry that was removed", async () => {
    const store = create();
    await store.add(entryOf("a"), file);
    await store.remove("a");
    await store.save(entryOf("a"));
    expect(await store.entries()).toEqual([]);
  });
});

test.each([
  ["AsyncStorage", () => asyncStorageStore(asyncStorage())],
  ["expo-sqlite", () => sqliteStore(sqlite())],
] as const)("%s refuses a Blob, which it cannot keep", async (_name, create) => {
  const adding = create().add(entryOf("a"), new Blob(["bytes"]));
  await expect(adding).rejects.toMatchObject({ code: "invalid_request" });
});
