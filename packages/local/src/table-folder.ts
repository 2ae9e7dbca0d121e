/** The table's folder: opening of its LevelDB database, damage, and a rebuild of the records from the bucket. */
import { existsSync } from "node:fs";
import { mkdir, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import dynalite from "dynalite";
import { reasonOf, StartError } from "./environment.ts";

type Server = ReturnType<typeof dynalite>;

/** Creates dynalite's server over a folder, or in memory, without opening the database. */
const serverOver = (path: string | undefined): Server =>
  dynalite({ path, createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 });

/**
 * Opens the database in a folder, or in memory, and returns dynalite's server. With `rebuild` moves the folder aside
 * first, if no other process has it open, and starts with an empty table. Throws a `StartError` that says what to do if
 * another process has the folder open, if it is damaged, or if it cannot be written.
 */
export async function openFolder(folder: string | undefined, rebuild = false): Promise<Server> {
  if (folder === undefined) return await opened(undefined);
  const isThere = existsSync(folder);
  await mkdir(folder, { recursive: true });
  if (!rebuild || !isThere) return await opened(folder);
  // Opened first, because the folder of a running server must not be moved.
  const store = await opened(folder).catch((error) => {
    if (!(error instanceof StartError) || codeOf(error) === "LEVEL_LOCKED") throw error;
    return undefined;
  });
  await store?.store?.db.close();
  const aside = `${folder}-${new Date().toISOString().replace(/[:.]/g, "-")}`;
  await rename(folder, aside);
  console.log(`The old table is in ${aside}. The records are rebuilt from the bucket.`);
  await mkdir(folder);
  return await opened(folder);
}

async function opened(folder: string | undefined): Promise<Server> {
  const refusal = (reason: string, advice: string, cause?: unknown) =>
    new StartError(`The table's folder ${folder} cannot be opened: ${reason}. ${advice}`, { cause });
  // LevelDB would create an empty database over the files of the old one.
  if (folder !== undefined && (await readdir(folder)).some(isData) && !existsSync(join(folder, "CURRENT")))
    throw refusal("the file CURRENT is missing", rebuildAdvice);
  // Only now: dynalite's database opens by itself soon after it is created, and would create the folder again.
  const server = serverOver(folder);
  if (!server.store) throw new StartError("dynalite lacks its patch. Run `npm install` in the repository.");
  try {
    await server.store.db.open();
    return server;
  } catch (cause) {
    throw refusal(reasonOf(cause), adviceOn(cause), cause);
  }
}

const isData = (name: string) => /\.(log|ldb)$|^MANIFEST-/.test(name);

const rebuildAdvice =
  "The table is damaged. Restore the data folder from a backup, or run `npm start -- --rebuild`: it keeps the damaged folder under another name and makes the records again from the uploaded files, without their titles, tags, audit trails and API keys.";

function adviceOn(error: unknown): string {
  const reason = reasonOf(error);
  if (codeOf(error) === "LEVEL_LOCKED") return "Another process uses it: stop that process, or set DATA_DIR.";
  if (/Read-only file system|Permission denied/i.test(reason))
    return "Make it writable for this user, or set DATA_DIR to a folder that can be written.";
  if (/No space left|quota/i.test(reason))
    return "Free some space, or set DATA_DIR to a folder on another disk.";
  return rebuildAdvice;
}

/** Returns LevelDB's code of an error, which is that of its innermost cause. */
function codeOf(error: unknown): unknown {
  if (!(error instanceof Error)) return undefined;
  return error.cause instanceof Error ? codeOf(error.cause) : "code" in error ? error.code : undefined;
}
