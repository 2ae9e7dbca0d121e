/** Databases of IndexedDB: opened at their first use, one transaction for each call. */

/** Runs one transaction over two object stores. Resolves with the value of `result` once it is complete and durable. */
export type Transact = <T>(
  mode: IDBTransactionMode,
  run: (first: IDBObjectStore, second: IDBObjectStore) => () => T,
) => Promise<T>;

/** Opens the database `name` with the object stores that `create` makes in a new one. Rejects with a `DOMException`. */
export function openDatabase(
  name: string,
  stores: readonly [string, string],
  create: (database: IDBDatabase) => void,
): Transact {
  let opened: Promise<IDBDatabase> | undefined;
  const open = () => {
    opened ??= new Promise<IDBDatabase>((resolve, reject) => {
      const request = indexedDB.open(name, 1);
      request.onupgradeneeded = () => create(request.result);
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    }).catch((error) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };
  return async (mode, run) => {
    const database = await open();
    return new Promise((resolve, reject) => {
      const transaction = database.transaction(stores, mode, { durability: "strict" });
      const [first, second] = stores;
      const result = run(transaction.objectStore(first), transaction.objectStore(second));
      transaction.oncomplete = () => resolve(result());
      transaction.onabort = () => reject(transaction.error);
    });
  };
}
