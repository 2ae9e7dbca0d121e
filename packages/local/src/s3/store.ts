/**
 * Objects on disk. The path of an object is made of its key's SHA-256, in 256 folders for each bucket, so no key can
 * lead out of the data folder.
 *
 * A write is drafted in `tmp`, synced, and renamed into its place under the key's lock; then the folder is synced, and
 * only then is it acknowledged and its event sent. After a crash an acknowledged write is whole, any other is absent or
 * whole, and the next start empties `tmp`.
 */
import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { mkdir, rename, rm, unlink } from "node:fs/promises";
import path from "node:path";
import { createDraft, type Draft, isMissing, syncFolder } from "./disk.ts";
import { S3Error } from "./error.ts";
import { type ObjectEvent, openSequencer } from "./event.ts";
import { createKeyIndex, type Entry, type KeyIndex } from "./key-index.ts";
import { footer, type Meta, type Opened, openObject, readMeta } from "./object-file.ts";

/** Throws the S3 error that forbids a write, given the object under the key at the moment of writing. */
export type Check = (current: Entry | undefined) => void;

export type Store = {
  readonly buckets: readonly string[];
  /** The keys of a bucket. Throws `NoSuchBucket`. */
  keys(bucket: string): KeyIndex;
  /** Opens an object to be read. Throws `NoSuchBucket` or `NoSuchKey`. The caller closes the handle. */
  open(bucket: string, key: string): Promise<Opened>;
  /** Runs `use` with a new draft on the same disk, and discards the draft afterwards, published or not. */
  withDraft<T>(use: (draft: Draft) => Promise<T>): Promise<T>;
  /** Renames a draft into its place; resolves when it is durable and `onEvent` has returned. */
  publish(bucket: string, meta: Meta, draft: Draft, name: Created, check: Check): Promise<void>;
  /** Removes an object; resolves when that is durable and `onEvent` has returned. A missing object causes no event. */
  remove(bucket: string, key: string, check: Check): Promise<void>;
};

type Created = Exclude<ObjectEvent["name"], "ObjectRemoved:Delete">;

export type StoreOptions = {
  dataDir: string;
  buckets: readonly string[];
  now: () => number;
  onEvent(event: ObjectEvent): void | Promise<void>;
};

/** Opens the store and creates missing folders. One process at a time may have it open. */
export async function openStore({ dataDir, buckets, now, onEvent }: StoreOptions): Promise<Store> {
  const temporary = path.join(dataDir, "tmp");
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary, { recursive: true });
  const folders = new Map(buckets.map((bucket) => [bucket, path.join(dataDir, "objects", bucket)]));
  for (const folder of folders.values()) await makeFolders(folder);
  await syncFolder(path.join(dataDir, "objects"));
  await syncFolder(dataDir);
  const indexes = new Map([...folders].map(([bucket, folder]) => [bucket, createKeyIndex(load(folder))]));
  const sequencer = await openSequencer(dataDir, now);
  const lock = createLock();

  const keys = (bucket: string) => {
    const index = indexes.get(bucket);
    if (!index) throw noSuchBucket(bucket);
    return index;
  };

  const fileOf = (bucket: string, key: string) => {
    const folder = folders.get(bucket);
    if (!folder) throw noSuchBucket(bucket);
    const hash = createHash("sha256").update(key).digest("hex");
    return path.join(folder, hash.slice(0, 2), hash.slice(2));
  };

  return {
    buckets,
    keys,
    async open(bucket, key) {
      if (!keys(bucket).get(key)) throw noSuchKey(key);
      try {
        return await openObject(fileOf(bucket, key));
      } catch (error) {
        if (isMissing(error)) throw noSuchKey(key); // Removed after the look-up.
        throw error;
      }
    },
    async withDraft(use) {
      const draft = await createDraft(temporary);
      try {
        return await use(draft);
      } finally {
        await draft.discard();
      }
    },
    async publish(bucket, meta, draft, name, check) {
      const { key, size, etag, modified } = meta;
      const file = fileOf(bucket, key);
      await draft.seal(footer(meta));
      await lock(file, async () => {
        check(keys(bucket).get(key));
        const number = await sequencer.next();
        await rename(draft.file, file);
        keys(bucket).set(key, { size, etag, modified });
        await syncFolder(path.dirname(file));
        await onEvent({ bucket, key, name, size, eTag: etag, sequencer: number, time: new Date(now()) });
      });
    },
    async remove(bucket, key, check) {
      const file = fileOf(bucket, key);
      await lock(file, async () => {
        const current = keys(bucket).get(key);
        check(current);
        if (!current) return;
        const number = await sequencer.next();
        await unlink(file);
        keys(bucket).delete(key);
        await syncFolder(path.dirname(file));
        const time = new Date(now());
        await onEvent({ bucket, key, name: "ObjectRemoved:Delete", sequencer: number, time });
      });
    },
  };
}

/** Creates all folders at once, so that no write has to create and sync one. */
async function makeFolders(folder: string): Promise<void> {
  for (let i = 0; i < 256; i++)
    await mkdir(path.join(folder, i.toString(16).padStart(2, "0")), { recursive: true });
  await syncFolder(folder);
}

/** Reads the metadata of every object in a bucket's folder; 100,000 objects take some 1.5 s. */
function* load(folder: string): Generator<[string, Entry]> {
  for (const part of readdirSync(folder))
    for (const name of readdirSync(path.join(folder, part))) {
      try {
        const { key, size, etag, modified } = readMeta(path.join(folder, part, name));
        yield [key, { size, etag, modified }];
      } catch (error) {
        // A damaged file must not stop the endpoint from serving the others.
        console.warn(error instanceof Error ? error.message : error);
      }
    }
}

const noSuchBucket = (bucket: string) =>
  new S3Error("NoSuchBucket", "The specified bucket does not exist", { BucketName: bucket });

const noSuchKey = (key: string) =>
  new S3Error("NoSuchKey", "The specified key does not exist.", { Key: key });

/** Runs `run` once every earlier holder of the same name has ended. */
export type Lock = <T>(name: string, run: () => Promise<T>) => Promise<T>;

/** Creates a lock: holders of one name run one after another, in the order in which they asked. */
export function createLock(): Lock {
  const last = new Map<string, Promise<unknown>>();
  return async (name, run) => {
    const before = last.get(name);
    const mine = before ? before.then(run, run) : run();
    last.set(name, mine);
    try {
      return await mine;
    } finally {
      if (last.get(name) === mine) last.delete(name);
    }
  };
}
