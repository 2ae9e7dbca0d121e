/** Store of a mirror on IndexedDB. */
import { openDatabase } from "../indexed-db.ts";
import { type MirrorStore, orderOf, type Row, type State } from "./store.ts";

/** A row as stored: `order` and `expiresAt` have indexes. */
type Stored = Row & { order: string };

/** Creates a store in the IndexedDB database `name`, which tabs of one origin share. Use one for each user. */
export function indexedDBMirror(name = "images"): MirrorStore {
  const transact = openDatabase(name, ["images", "state"], (database) => {
    const images = database.createObjectStore("images", { keyPath: "id" });
    for (const index of ["order", "round", "expiresAt"]) images.createIndex(index, index);
    database.createObjectStore("state");
  });
  return {
    state: () =>
      transact("readonly", (_, state) => {
        const request = state.get("state") as IDBRequest<State | undefined>;
        return () => request.result;
      }),
    save: (cursor, { state: next, upserts, deletes, before = 0, now }) =>
      transact("readwrite", (images, state) => {
        let isSaved = false;
        const current = state.get("state") as IDBRequest<State | undefined>;
        current.onsuccess = () => {
          if (current.result?.cursor !== cursor) return;
          isSaved = true;
          for (const row of upserts) images.put({ ...row, order: orderOf(row.image) } satisfies Stored);
          for (const id of deletes) images.delete(id);
          removeWhere(images.index("round"), IDBKeyRange.upperBound(before, true));
          removeWhere(images.index("expiresAt"), IDBKeyRange.upperBound(now));
          state.put(next, "state");
        };
        return () => isSaved;
      }),
    row: (id) =>
      transact("readonly", (images) => {
        const request = images.get(id) as IDBRequest<Stored | undefined>;
        return () => request.result;
      }),
    rows: ({ limit = Number.POSITIVE_INFINITY, after }) =>
      transact("readonly", (images) => {
        const rows: Stored[] = [];
        const range = after && IDBKeyRange.upperBound(orderOf(after), true);
        const request = images.index("order").openCursor(range, "prev");
        request.onsuccess = () => {
          const { result: place } = request;
          if (!place || rows.length >= limit) return;
          rows.push(place.value);
          place.continue();
        };
        return () => rows;
      }),
  };
}

/** Removes the rows of a range of an index. */
function removeWhere(index: IDBIndex, range: IDBKeyRange): void {
  const request = index.openCursor(range);
  request.onsuccess = () => {
    request.result?.delete();
    request.result?.continue();
  };
}
