/** A file in the making: nobody sees it until it is renamed into its place, whole and synced. */
import { randomUUID } from "node:crypto";
import { open, rm } from "node:fs/promises";
import path from "node:path";
import { free } from "@image-pipeline/core/engine/free";

/** How much is gathered before it is written: one system call for some sixteen chunks of a socket. */
const gatherBytes = 1 << 20;

/** And how many chunks: those of a body that comes in tiny frames take more memory than their bytes. */
const gatherChunks = 1024;

export type Draft = {
  readonly file: string;
  /** Appends; resolves when there is room for more. The chunk is the draft's from then on, which empties it. */
  write(chunk: Buffer): Promise<void>;
  /** Appends `last`, makes the content durable and closes the file. */
  seal(last: Buffer): Promise<void>;
  /** Closes and removes the file, if it still lies where it was drafted. */
  discard(): Promise<void>;
};

/** Starts a file in `folder`. Writing runs beside the caller, so that hashing and the disk do not wait for each other. */
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
    writing.catch(() => {}); // Whoever writes or seals next meets the error.
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
      await writing.catch(() => {}); // The error has been thrown already, or nobody wants the file.
      await handle.close();
      await rm(file, { force: true });
    },
  };
}
