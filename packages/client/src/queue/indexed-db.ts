/** Store of the upload queue on IndexedDB, which keeps Blobs outside the memory of the page. */
import type { Source } from "../upload.ts";
import type { Entry, Store } from "./store.ts";

/** Creates a store in the IndexedDB database `name`, which tabs of one origin share. */
export function indexedDBStore(name = "image-uploads"): Store {
  let opened: Promise<IDBDatabase> | undefined;
  const open = () => {
    opened ??= new Promise<IDBDatabase>((resolve, reject) => {
      const request = indexedDB.open(name, 1);
      request.onupgradeneeded = () => {
        request.result.createObjectStore("entries", { keyPath: "id" });
        request.result.createObjectStore("files");
      };
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    }).catch((error) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };
  /** Runs one transaction. Resolves with the request's result once the transaction is complete. */
  const transact = async <T>(
    mode: IDBTransactionMode,
    run: (entries: IDBObjectStore, files: IDBObjectStore) => IDBRequest<T> | undefined,
  ): Promise<T | undefined> => {
    const database = await open();
    return new Promise((resolve, reject) => {
      const transaction = database.transaction(["entries", "files"], mode, { durability: "strict" });
      const request = run(transaction.objectStore("entries"), transaction.objectStore("files"));
      transaction.oncomplete = () => resolve(request?.result);
      transaction.onabort = () => reject(transaction.error);
    });
  };
  const write = async (run: (entries: IDBObjectStore, files: IDBObjectStore) => void) => {
    await transact("readwrite", (entries, files) => {
      run(entries, files);
      return undefined;
    });
  };
  return {
    entries: async () =>
      (await transact("readonly", (entries) => entries.getAll() as IDBRequest<Entry[]>)) ?? [],
    entry: (id) => transact("readonly", (entries) => entries.get(id) as IDBRequest<Entry | undefined>),
    file: (id) => transact("readonly", (_, files) => files.get(id) as IDBRequest<Source | undefined>),
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
