/** Contract of the stores: the same tests for each. IndexedDB runs in Chromium, in `packages/e2e`. */
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import type { Image } from "../types.ts";
import { type ExpoSQLite, sqliteMirror } from "./sqlite.ts";
import { type MirrorStore, memoryMirror, type Row, type Saved, type State } from "./store.ts";

const now = "2026-11-26T10:00:00Z";

const rowOf = (id: string, change: Partial<Row> = {}): Row => ({
  id,
  round: 1,
  image: { id, version: 1, createdAt: `2026-11-2${id.length}T10:00:00Z`, title: "Ä 'x'" } as Image,
  ...change,
});

const stateOf = (cursor: string, round = 1): State => ({
  cursor,
  round,
  isComplete: true,
  beganAt: 1,
  savedAt: 1,
});

const pageOf = (cursor: string, change: Partial<Saved> = {}): Saved => ({
  ...{ state: stateOf(cursor), upserts: [], deletes: [], now },
  ...change,
});

/** `SQLiteDatabase` of expo-sqlite on SQLite itself. */
function expo(): ExpoSQLite {
  const database = new DatabaseSync(":memory:");
  return {
    execSync: (sql) => database.exec(sql),
    runSync: (sql, values) => database.prepare(sql).run(...values),
    getAllSync: <T>(sql: string, values: (string | number | null)[]) =>
      database.prepare(sql).all(...values) as T[],
  };
}

const idsOf = async (store: MirrorStore, range = {}) => (await store.rows(range)).map(({ id }) => id);

describe.each([
  ["memory", () => memoryMirror()],
  ["node:sqlite", () => sqliteMirror(new DatabaseSync(":memory:"))],
  ["expo-sqlite", () => sqliteMirror(expo())],
] as const)("%s", (_name, create) => {
  test("saves the images of a page with its state, and replaces and removes them by the next", async () => {
    const store = create();
    expect([await store.state(), await store.rows({}), await store.row("a")]).toEqual([
      undefined,
      [],
      undefined,
    ]);
    expect(await store.save(undefined, pageOf("1", { upserts: [rowOf("a"), rowOf("bb")] }))).toBe(true);
    expect(await store.state()).toEqual(stateOf("1"));
    expect(await store.row("a")).toEqual(rowOf("a"));
    const again = rowOf("a", { round: 2 });
    expect(await store.save("1", pageOf("2", { upserts: [again], deletes: ["bb", "unknown"] }))).toBe(true);
    expect(await store.rows({})).toEqual([again]);
    expect(await store.state()).toEqual(stateOf("2"));
  });

  test.each([undefined, "0", "2"])("writes nothing after another cursor: %s", async (cursor) => {
    const store = create();
    await store.save(undefined, pageOf("1", { upserts: [rowOf("a")] }));
    expect(await store.save(cursor, pageOf("3", { upserts: [rowOf("bb")], deletes: ["a"] }))).toBe(false);
    expect(await idsOf(store)).toEqual(["a"]);
    expect(await store.state()).toEqual(stateOf("1"));
  });

  test("removes the images of earlier rounds, and those that have expired", async () => {
    const store = create();
    const upserts = [
      rowOf("a"),
      rowOf("bb", { round: 2 }),
      rowOf("ccc", { round: 2, expiresAt: "2026-11-26T09:59:59Z" }),
      rowOf("dddd", { round: 2, expiresAt: "2026-11-26T10:00:01Z" }),
    ];
    await store.save(undefined, pageOf("1", { upserts, now: "2026-11-01T00:00:00Z" }));
    expect(await idsOf(store)).toEqual(["dddd", "ccc", "bb", "a"]);
    await store.save("1", pageOf("2", { before: 2 }));
    expect(await idsOf(store)).toEqual(["dddd", "bb"]);
  });

  test("lists the newest first, a part at a time", async () => {
    const store = create();
    const upserts = ["ccc", "a", "bb", "dddd", "aa"].map((id) => rowOf(id));
    await store.save(undefined, pageOf("1", { upserts }));
    expect(await idsOf(store)).toEqual(["dddd", "ccc", "bb", "aa", "a"]);
    expect(await idsOf(store, { limit: 2 })).toEqual(["dddd", "ccc"]);
    expect(await idsOf(store, { limit: 2, after: rowOf("ccc").image })).toEqual(["bb", "aa"]);
    expect(await idsOf(store, { after: rowOf("a").image })).toEqual([]);
  });
});

test("a page that fails in the middle leaves SQLite as it was", async () => {
  const database = new DatabaseSync(":memory:");
  const store = sqliteMirror(database);
  await store.save(undefined, pageOf("1", { upserts: [rowOf("a")] }));
  database.exec(
    "CREATE TRIGGER full BEFORE INSERT ON images_state BEGIN SELECT RAISE(ABORT, 'disk full'); END",
  );
  await expect(store.save("1", pageOf("2", { upserts: [rowOf("bb")], deletes: ["a"] }))).rejects.toThrow(
    "full",
  );
  expect(await idsOf(store)).toEqual(["a"]);
  expect(await store.state()).toEqual(stateOf("1"));
});
