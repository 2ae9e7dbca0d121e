/**
 * Upload queue that survives a restart of the app, on top of the client.
 *
 * ```ts
 * const uploads = createUploads({ baseUrl, token, store: indexedDBStore() });
 * const { id } = await uploads.add(file, { title: "Harbour" });
 * uploads.subscribe(() => render(uploads.list()));
 * ```
 */
import { createQueue, type Lock, type Uploads } from "./queue/queue.ts";
import type { Store } from "./queue/store.ts";
import type { Parts } from "./queue/work.ts";
import { createRequest, type Options } from "./request.ts";
import { send as sendWithProgress } from "./send.ts";

export { ClientError, type Code } from "./problem.ts";
export { indexedDBStore } from "./queue/indexed-db.ts";
export type { Upload } from "./queue/list.ts";
export type { State } from "./queue/machine.ts";
export type { Details, Lock, Uploads } from "./queue/queue.ts";
export { type SQLite, sqliteStore } from "./queue/sqlite.ts";
export { type AsyncStorage, asyncStorageStore, type Entry, memoryStore, type Store } from "./queue/store.ts";
export type { Source } from "./upload.ts";

/** Options of `createUploads`: those of the client, the store, and what a platform does differently. */
export type UploadsOptions = Omit<Options, "tries"> &
  Pick<Parts, "exists" | "sha256"> & {
    store: Store;
    /**
     * Maximum number of requests in flight.
     * @default 2
     */
    parallel?: number;
    /**
     * Lock per upload between the tabs or processes that share the store.
     * @default Web Locks where the browser has them, otherwise none
     */
    lock?: Lock;
    /** Replacement for the function that sends a whole file to S3, such as a background transfer of the system. */
    send?: Parts["send"];
  };

/** Creates an upload queue and continues the uploads of its store. */
export function createUploads({
  store,
  exists,
  sha256,
  parallel = 2,
  lock = webLock,
  send = sendWithProgress,
  ...options
}: UploadsOptions): Uploads {
  // The queue has its own backoff, which survives outages of hours.
  const request = createRequest({ ...options, tries: 1 });
  return createQueue({ request, store, send, exists, sha256, parallel, lock, newID: randomID });
}

const webLock: Lock = async (id, work) => {
  const locks = globalThis.navigator?.locks;
  if (!locks) {
    await work();
    return true;
  }
  return locks.request(`image-upload:${id}`, { ifAvailable: true }, async (held) => {
    if (held) await work();
    return held !== null;
  });
};

/** 128 bits where the platform has `crypto`; React Native has no `crypto`. */
const randomID = () =>
  globalThis.crypto?.randomUUID?.() ??
  [Date.now(), Math.random(), Math.random(), Math.random()]
    .map((number) => number.toString(36).replace("0.", ""))
    .join("");
