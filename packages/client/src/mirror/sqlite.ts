/** Store of a mirror on SQLite, by the synchronous methods of node:sqlite, better-sqlite3 or expo-sqlite. */
import { type MirrorStore, orderOf, type Row, type State } from "./store.ts";

type Value = string | number | null;

/** The methods used of `DatabaseSync` of node:sqlite, and of better-sqlite3. */
export type PreparingSQLite = {
  exec(sql: string): unknown;
  prepare(sql: string): { run(...values: Value[]): unknown; all(...values: Value[]): unknown[] };
};

/** The methods used of `SQLiteDatabase` of expo-sqlite. */
export type ExpoSQLite = {
  execSync(sql: string): void;
  runSync(sql: string, values: Value[]): unknown;
  getAllSync<T>(sql: string, values: Value[]): T[];
};

/** A page is written by a few statements, from JSON. */
const schema = `
  CREATE TABLE IF NOT EXISTS images (
    id TEXT PRIMARY KEY, place TEXT NOT NULL, round INTEGER NOT NULL, expires_at TEXT, image TEXT NOT NULL
  );
  CREATE INDEX IF NOT EXISTS images_place ON images (place);
  CREATE TABLE IF NOT EXISTS images_state (one INTEGER PRIMARY KEY, state TEXT NOT NULL);`;

/**
 * Creates a store on an open database, in the tables `images` and `images_state`. Several processes may share its file.
 * Use one database for each user.
 */
export function sqliteMirror(database: PreparingSQLite | ExpoSQLite): MirrorStore {
  const exec = (sql: string) => ("exec" in database ? database.exec(sql) : database.execSync(sql));
  const run = (sql: string, ...values: Value[]) =>
    "prepare" in database ? database.prepare(sql).run(...values) : database.runSync(sql, values);
  const all = <T>(sql: string, ...values: Value[]) =>
    ("prepare" in database ? database.prepare(sql).all(...values) : database.getAllSync(sql, values)) as T[];
  type Stored = { image: string; round: number; expires_at: string | null };
  const rowOf = ({ image, round, expires_at }: Stored): Row => {
    const parsed: Row["image"] = JSON.parse(image);
    return { id: parsed.id, image: parsed, round, ...(expires_at !== null && { expiresAt: expires_at }) };
  };
  const current = (): State | undefined => {
    const [found] = all<{ state: string }>("SELECT state FROM images_state");
    return found && JSON.parse(found.state);
  };
  exec(schema);
  return {
    state: async () => current(),
    async save(cursor, { state, upserts, deletes, before = 0, now }) {
      exec("BEGIN IMMEDIATE");
      try {
        const isCurrent = current()?.cursor === cursor;
        if (isCurrent) {
          const rows = upserts.map((row) => ({ ...row, place: orderOf(row.image) }));
          run(
            `INSERT OR REPLACE INTO images (id, place, round, expires_at, image)
             SELECT json_extract(value, '$.id'), json_extract(value, '$.place'), json_extract(value, '$.round'),
               json_extract(value, '$.expiresAt'), json_extract(value, '$.image') FROM json_each(?)`,
            JSON.stringify(rows),
          );
          run("DELETE FROM images WHERE id IN (SELECT value FROM json_each(?))", JSON.stringify(deletes));
          run("DELETE FROM images WHERE round < ? OR expires_at <= ?", before, now);
          run("INSERT OR REPLACE INTO images_state (one, state) VALUES (1, ?)", JSON.stringify(state));
        }
        exec("COMMIT");
        return isCurrent;
      } catch (error) {
        exec("ROLLBACK");
        throw error;
      }
    },
    async row(id) {
      const [found] = all<Stored>("SELECT image, round, expires_at FROM images WHERE id = ?", id);
      return found && rowOf(found);
    },
    rows: async ({ limit = -1, after }) =>
      all<Stored>(
        "SELECT image, round, expires_at FROM images WHERE place < ? ORDER BY place DESC LIMIT ?",
        after ? orderOf(after) : "~",
        limit,
      ).map(rowOf),
  };
}
