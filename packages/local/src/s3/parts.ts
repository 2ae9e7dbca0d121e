/**
 * Multipart uploads in progress, on disk: a folder each, with the request that created it and the parts so far. One
 * rename creates or removes a folder, so after a crash an upload exists whole or not at all.
 */
import { readdirSync } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import path from "node:path";
import * as v from "valibot";
import { algorithms } from "./checksum.ts";
import { type Draft, isMissing, syncFolder } from "./disk.ts";
import { S3Error } from "./error.ts";
import { footer, type Meta, type Opened, openObject, readMeta } from "./object-file.ts";

const Pending = v.object({
  id: v.string(),
  bucket: v.string(),
  key: v.string(),
  /** Milliseconds since 1970. */
  initiated: v.number(),
  /** The headers that the object will have. */
  headers: v.record(v.string(), v.string()),
  checksum: v.optional(
    v.object({ algorithm: v.picklist(algorithms), type: v.picklist(["FULL_OBJECT", "COMPOSITE"]) }),
  ),
});
export type Pending = v.InferOutput<typeof Pending>;

export type Parts = {
  /** Creates an upload, durably. */
  begin(pending: Pending): Promise<void>;
  /** Returns the upload of that id, bucket and key. Throws `NoSuchUpload`. */
  find(id: string, bucket: string, key: string): Promise<Pending>;
  /** Returns every upload in progress in a bucket, in no order. */
  list(bucket: string): Promise<Pending[]>;
  /** Puts a draft in place as a part, durably; its number is `meta.key`. Throws `NoSuchUpload` if that has ended. */
  save(id: string, meta: Meta, draft: Draft): Promise<void>;
  /** Returns the metadata of each part, by number. */
  saved(id: string): ReadonlyMap<number, Meta>;
  /** Opens a part to be read. The caller closes the handle. */
  open(id: string, number: number): Promise<Opened>;
  /** Ends an upload, if it is still in progress, and removes its parts. */
  end(id: string): Promise<void>;
  /** Ends every upload that began before a time, in milliseconds since 1970. */
  endOlder(than: number): Promise<void>;
};

const head = "upload.json";

/** Opens the uploads of a data folder whose `tmp` folder is there. */
export async function openParts(dataDir: string): Promise<Parts> {
  const root = path.join(dataDir, "multipart");
  const temporary = path.join(dataDir, "tmp");
  await mkdir(root, { recursive: true });
  await syncFolder(dataDir);
  const partFile = (id: string, number: string) => path.join(root, id, number.padStart(5, "0"));

  async function read(id: string): Promise<Pending | undefined> {
    // The id comes from the client; only one that this module issued may become a path.
    if (!/^[0-9a-f-]{36}$/.test(id)) return undefined;
    try {
      const text = await readFile(path.join(root, id, head), "utf8");
      return v.parse(v.pipe(v.string(), v.parseJson(), Pending), text);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async function end(id: string): Promise<void> {
    const gone = path.join(temporary, id);
    try {
      await rename(path.join(root, id), gone);
    } catch (error) {
      if (isMissing(error)) return;
      throw error;
    }
    await syncFolder(root);
    await rm(gone, { recursive: true, force: true });
  }

  return {
    async begin(pending) {
      const draft = path.join(temporary, pending.id);
      await mkdir(draft);
      const handle = await open(path.join(draft, head), "wx");
      try {
        await handle.writeFile(JSON.stringify(pending));
        await handle.sync();
      } finally {
        await handle.close();
      }
      await syncFolder(draft);
      await rename(draft, path.join(root, pending.id));
      await syncFolder(root);
    },
    async find(id, bucket, key) {
      const pending = await read(id);
      if (pending?.bucket !== bucket || pending.key !== key) throw noSuchUpload(id);
      return pending;
    },
    async list(bucket) {
      const uploads = await Promise.all((await readdir(root)).map(read));
      return uploads.filter((pending) => pending !== undefined && pending.bucket === bucket) as Pending[];
    },
    async save(id, meta, draft) {
      await draft.seal(footer(meta));
      try {
        await rename(draft.file, partFile(id, meta.key));
        await syncFolder(path.join(root, id));
      } catch (error) {
        if (isMissing(error)) throw noSuchUpload(id);
        throw error;
      }
    },
    saved(id) {
      const names = readdirSync(path.join(root, id)).filter((name) => name !== head);
      return new Map(names.map((name) => [Number(name), readMeta(path.join(root, id, name))]));
    },
    open: (id, number) => openObject(partFile(id, String(number))),
    end,
    async endOlder(than) {
      for (const id of await readdir(root)) {
        const pending = await read(id);
        if (pending && pending.initiated < than) await end(id);
      }
    },
  };
}

const noSuchUpload = (id: string): S3Error =>
  new S3Error(
    "NoSuchUpload",
    "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
    { UploadId: id },
  );
