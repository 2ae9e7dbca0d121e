/** Stores of the upload queue: the interface, memory, and AsyncStorage. */
import { ClientError } from "../problem.ts";
import type { ImageInput } from "../types.ts";
import type { Source } from "../upload.ts";
import type { Hold, Position } from "./machine.ts";

/**
 * Durable part of a queued upload: plain JSON, without the file and without presigned URLs. `generation` is part of the
 * idempotency key, and grows when a new image is needed. `order` sorts the queue.
 */
export type Entry = Position & {
  id: string;
  order: number;
  generation: number;
  input: ImageInput;
  imageID?: string;
  /** Object key of the original. */
  key?: string;
  /** Id of an open multipart upload. */
  uploadID?: string;
  /** Delay that a `Retry-After` asked for, which a restart does not shorten. */
  hold?: Hold;
  error?: { code: string; message: string };
};

/** Storage of the queue. Every write is durable when its promise resolves; `add` writes both or neither. */
export type Store = {
  entries(): Promise<Entry[]>;
  entry(id: string): Promise<Entry | undefined>;
  file(id: string): Promise<Source | undefined>;
  add(entry: Entry, file: Source): Promise<void>;
  /** Replaces an entry. Writes nothing if the entry does not exist. */
  save(entry: Entry): Promise<void>;
  removeFile(id: string): Promise<void>;
  /** Removes an entry and its file. */
  remove(id: string): Promise<void>;
};

/**
 * Returns `store` with writes of entries in order, so that an older state never replaces a newer one, and with errors
 * as `store_failed`. `save` writes the entry as it is at the call.
 */
export function checked(store: Store): Store {
  let saving: Promise<unknown> = Promise.resolve();
  return {
    entries: () => stored(() => store.entries()),
    entry: (id) => stored(() => store.entry(id)),
    file: (id) => stored(() => store.file(id)),
    add: (entry, file) => stored(() => store.add(entry, file)),
    save(entry) {
      const copy = structuredClone(entry);
      const written = saving.then(() => stored(() => store.save(copy)));
      saving = written.catch(() => undefined);
      return written;
    },
    removeFile: (id) => stored(() => store.removeFile(id)),
    remove: (id) => stored(() => store.remove(id)),
  };
}

async function stored<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    if (cause instanceof ClientError) throw cause;
    const message = `The store of the upload queue failed: ${String(cause)}`;
    throw new ClientError("store_failed", message, { cause });
  }
}

/** Creates a store in memory, for tests and servers: it does not survive the process. */
export function memoryStore(): Store {
  const entries = new Map<string, string>();
  const files = new Map<string, Source>();
  const parse = (text: string | undefined) => (text === undefined ? undefined : (JSON.parse(text) as Entry));
  return {
    entries: async () => [...entries.values()].flatMap((text) => parse(text) ?? []),
    entry: async (id) => parse(entries.get(id)),
    file: async (id) => files.get(id),
    add: async (entry, file) => {
      files.set(entry.id, file);
      entries.set(entry.id, JSON.stringify(entry));
    },
    save: async (entry) => {
      if (entries.has(entry.id)) entries.set(entry.id, JSON.stringify(entry));
    },
    removeFile: async (id) => {
      files.delete(id);
    },
    remove: async (id) => {
      entries.delete(id);
      files.delete(id);
    },
  };
}

/** The methods used of `@react-native-async-storage/async-storage`. */
export type AsyncStorage = {
  getItem(key: string): Promise<string | null>;
  setItem(key: string, value: string): Promise<void>;
  removeItem(key: string): Promise<void>;
  getAllKeys(): Promise<readonly string[]>;
};

/**
 * Creates a store on AsyncStorage. Files are kept by `uri`, so they must be in a folder that the system does not empty.
 * `add` throws `invalid_request` for a Blob.
 */
export function asyncStorageStore(storage: AsyncStorage, prefix = "image-uploads:"): Store {
  type Row = { entry: Entry; file?: Source };
  const read = async (id: string): Promise<Row | undefined> => {
    const text = await storage.getItem(prefix + id);
    return text === null ? undefined : (JSON.parse(text) as Row);
  };
  const write = (row: Row) => storage.setItem(prefix + row.entry.id, JSON.stringify(row));
  return {
    async entries() {
      const keys = (await storage.getAllKeys()).filter((key) => key.startsWith(prefix));
      const rows = await Promise.all(keys.map((key) => read(key.slice(prefix.length))));
      return rows.flatMap((row) => row?.entry ?? []);
    },
    entry: async (id) => (await read(id))?.entry,
    file: async (id) => (await read(id))?.file,
    add: async (entry, file) => write({ entry, file: byUri(file) }),
    async save(entry) {
      const row = await read(entry.id);
      if (row) await write({ ...row, entry });
    },
    async removeFile(id) {
      const row = await read(id);
      if (row) await write({ entry: row.entry });
    },
    remove: (id) => storage.removeItem(prefix + id),
  };
}

/** Returns a file that is named by `uri`, as plain JSON. Throws `invalid_request` for a Blob. */
export function byUri(file: Source): Source {
  if ("uri" in file) return { uri: file.uri, name: file.name, type: file.type, size: file.size };
  throw new ClientError("invalid_request", "This store keeps files by uri. Pass { uri, name, type, size }.");
}
