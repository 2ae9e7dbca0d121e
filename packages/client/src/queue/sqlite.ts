/** Store of the upload queue on expo-sqlite. */
import type { Source } from "../upload.ts";
import { byUri, type Entry, type Store } from "./store.ts";

/** The methods used of `SQLiteDatabase` of expo-sqlite. */
export type SQLite = {
  execAsync(sql: string): Promise<void>;
  runAsync(sql: string, params: (string | null)[]): Promise<unknown>;
  getAllAsync<T>(sql: string, params: (string | null)[]): Promise<T[]>;
};

/**
 * Creates a store on a database that `openDatabaseAsync` returned, in the table `image_uploads`. Files are kept by `uri`,
 * so they must be in a folder that the system does not empty. `add` throws `invalid_request` for a Blob.
 */
export function sqliteStore(database: SQLite): Store {
  type Row = { entry: string; file: string | null };
  let created: Promise<void> | undefined;
  const open = () => {
    created ??= database.execAsync(
      "CREATE TABLE IF NOT EXISTS image_uploads (id TEXT PRIMARY KEY, entry TEXT NOT NULL, file TEXT)",
    );
    return created;
  };
  const run = async (sql: string, params: (string | null)[]) => {
    await open();
    await database.runAsync(sql, params);
  };
  const rows = async (where: string, params: string[]) => {
    await open();
    return database.getAllAsync<Row>(`SELECT entry, file FROM image_uploads ${where}`, params);
  };
  const one = async (id: string) => (await rows("WHERE id = ?", [id]))[0];
  return {
    entries: async () => (await rows("", [])).map(({ entry }) => JSON.parse(entry) as Entry),
    async entry(id) {
      const row = await one(id);
      return row && (JSON.parse(row.entry) as Entry);
    },
    async file(id) {
      const file = (await one(id))?.file;
      return file ? (JSON.parse(file) as Source) : undefined;
    },
    add: async (entry, file) =>
      run("INSERT OR REPLACE INTO image_uploads (id, entry, file) VALUES (?, ?, ?)", [
        entry.id,
        JSON.stringify(entry),
        JSON.stringify(byUri(file)),
      ]),
    save: (entry) =>
      run("UPDATE image_uploads SET entry = ? WHERE id = ?", [JSON.stringify(entry), entry.id]),
    removeFile: (id) => run("UPDATE image_uploads SET file = NULL WHERE id = ?", [id]),
    remove: (id) => run("DELETE FROM image_uploads WHERE id = ?", [id]),
  };
}
