/** Durable writes: drafts that become files by a rename, and fsync of files and folders. */
import { randomUUID } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import path from "node:path";
import { free } from "@image-pipeline/core/engine/free";

/** Syncs a folder: files created, renamed or removed in it stay so after a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open a folder, and writes names through by itself.
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Replaces a small file durably: after a crash it holds either the old text or the new text, whole. */
export async function replaceFile(file: string, text: string, temporary: string): Promise<void> {
  const handle = await open(temporary, "w");
  try {
    await handle.writeFile(text);
    await handle.sync();
    await handle.close();
    await rename(temporary, file);
  } catch (error) {
    await handle.close().catch(() => {}); // Closed already, or useless.
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(path.dirname(file));
}

/** Returns true if an error is ENOENT. */
export const isMissing = (error: unknown): boolean =>
  error instanceof Error && "code" in error && error.code === "ENOENT";

/** Bytes that are gathered before a write: one system call for some sixteen chunks of a socket. */
const gatherBytes = 1 << 20;

/** Chunks that are gathered at most: each of a body in tiny frames takes more memory than its bytes. */
const gatherChunks = 1024;

/** A file that is being written, invisible until it is renamed into its place. */
export type Draft = {
  readonly file: string;
  /** Appends a chunk and resolves when there is room for more. The draft owns the chunk and empties it. */
  write(chunk: Buffer): Promise<void>;
  /** Appends `last`, makes the content durable and closes the file. */
  seal(last: Buffer): Promise<void>;
  /** Closes the file, and removes it unless it was renamed. */
  discard(): Promise<void>;
};

/** Creates a draft in `folder`. It writes in the background, so that hashing and the disk do not wait for each other. */
export async function createDraft(folder: string): Promise<Draft> {
  const file = path.join(folder, randomUUID());
  const handle = await open(file, "wx");
  let gathered: Buffer[] = [];
  let bytes = 0;
  let writing: Promise<void> = Promise.resolve();

  async function flush(): Promise<void> {
    await writing;
    const [buffers, length] = [gathered, bytes];
    [gathered, bytes] = [[], 0];
    writing = writeAll(buffers, length);
    writing.catch(() => {}); // The next write or seal throws the error.
  }

  async function writeAll(buffers: Buffer[], length: number): Promise<void> {
    const { bytesWritten } = await handle.writev(buffers);
    // A full disk may take a part before it refuses the rest; writing the rest brings its error out.
    if (bytesWritten < length) await handle.writeFile(Buffer.concat(buffers).subarray(bytesWritten));
    buffers.forEach(free);
  }

  return {
    file,
    async write(chunk) {
      gathered.push(chunk);
      bytes += chunk.length;
      if (bytes >= gatherBytes || gathered.length >= gatherChunks) await flush();
    },
    async seal(last) {
      gathered.push(last);
      bytes += last.length;
      await flush();
      await writing;
      await handle.sync();
      await handle.close();
    },
    async discard() {
      await writing.catch(() => {}); // Thrown already by a write or the seal.
      await handle.close();
      await rm(file, { force: true });
    },
  };
}
