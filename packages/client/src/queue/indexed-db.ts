/** Store of the upload queue on IndexedDB, which keeps Blobs outside the memory of the page. */
import { openDatabase } from "../indexed-db.ts";
import type { Source } from "../upload.ts";
import type { Entry, Store } from "./store.ts";

/** Creates a store in the IndexedDB database `name`, which tabs of one origin share. */
export function indexedDBStore(name = "image-uploads"): Store {
  const transact = openDatabase(name, ["entries", "files"], (database) => {
    database.createObjectStore("entries", { keyPath: "id" });
    database.createObjectStore("files");
  });
  const read = <T>(run: (entries: IDBObjectStore, files: IDBObjectStore) => IDBRequest<T>) =>
    transact("readonly", (entries, files) => {
      const request = run(entries, files);
      return () => request.result;
    });
  const write = (run: (entries: IDBObjectStore, files: IDBObjectStore) => void) =>
    transact("readwrite", (entries, files) => {
      run(entries, files);
      return () => {};
    });
  return {
    entries: () => read((entries) => entries.getAll() as IDBRequest<Entry[]>),
    entry: (id) => read((entries) => entries.get(id) as IDBRequest<Entry | undefined>),
    file: (id) => read((_, files) => files.get(id) as IDBRequest<Source | undefined>),
    add: (entry, file) =>
      write((entries, files) => {
        entries.put(entry);
        files.put(file, entry.id);
      }),
    save: (entry) =>
      write((entries) => {
        const known = entries.getKey(entry.id);
        known.onsuccess = () => {
          if (known.result !== undefined) entries.put(entry);
        };
      }),
    removeFile: (id) => write((_, files) => void files.delete(id)),
    remove: (id) =>
      write((entries, files) => {
        entries.delete(id);
        files.delete(id);
      }),
  };
}
