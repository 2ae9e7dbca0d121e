/** What it takes for a change to survive a power cut. */
import { open, rename, rm } from "node:fs/promises";
import path from "node:path";

/** Makes the names in a folder (what was created, renamed or removed) durable. */
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

/** Replaces a small file, durably: after a crash it holds the old text or the new, whole. */
export async function replaceFile(file: string, text: string, temporary: string): Promise<void> {
  const handle = await open(temporary, "w");
  try {
    await handle.writeFile(text);
    await handle.sync();
    await handle.close();
    await rename(temporary, file);
  } catch (error) {
    await handle.close().catch(() => {}); // Closed already, or as good as closed.
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(path.dirname(file));
}

/** Whether an error is the file system's way of saying that there is no such file. */
export const isMissing = (error: unknown): boolean =>
  error instanceof Error && "code" in error && error.code === "ENOENT";
