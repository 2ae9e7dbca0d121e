/** Stores of a mirror: the interface, and memory. */
import type { Image } from "../types.ts";

/** An image in a mirror. `round` is that of the newest page that named it; after `expiresAt` it is not shown. */
export type Row = { id: string; image: Image; round: number; expiresAt?: string };

/**
 * Progress of a mirror. A new round reads all images again; `isComplete` once it has named each. `beganAt`, of the round,
 * and `savedAt` are in milliseconds since 1970.
 */
export type State = { cursor: string; round: number; isComplete: boolean; beganAt: number; savedAt: number };

/** A page to save. `before`: rows of earlier rounds are removed. `now` (ISO 8601): rows that have expired are removed. */
export type Saved = {
  state: State;
  upserts: readonly Row[];
  deletes: readonly string[];
  before?: number;
  now: string;
};

/** A part of the images: the newest, up to `limit`, that come after the image `after` in that order. */
export type Range = { limit?: number; after?: Pick<Image, "id" | "createdAt"> };

/**
 * Storage of a mirror. `save` writes the page and its state in one transaction, and only if the stored cursor is still
 * `cursor` (undefined: none); otherwise it writes nothing and returns false. Its writes are durable when its promise
 * resolves.
 */
export type MirrorStore = {
  state(): Promise<State | undefined>;
  save(cursor: string | undefined, page: Saved): Promise<boolean>;
  row(id: string): Promise<Row | undefined>;
  rows(range: Range): Promise<Row[]>;
};

/** Returns the key by which images are sorted: the time of creation, then the id. */
export const orderOf = ({ id, createdAt }: Pick<Image, "id" | "createdAt">): string => `${createdAt} ${id}`;

/** Creates a store in memory, which is lost with the process. */
export function memoryMirror(): MirrorStore {
  const rows = new Map<string, Row>();
  let current: State | undefined;
  return {
    state: async () => current,
    async save(cursor, { state, upserts, deletes, before = 0, now }) {
      if (current?.cursor !== cursor) return false;
      for (const row of upserts) rows.set(row.id, row);
      for (const id of deletes) rows.delete(id);
      for (const { id, round, expiresAt = "~" } of rows.values())
        if (round < before || expiresAt <= now) rows.delete(id);
      current = state;
      return true;
    },
    row: async (id) => rows.get(id),
    async rows({ limit, after }) {
      const end = after ? orderOf(after) : "~";
      return [...rows.values()]
        .filter(({ image }) => orderOf(image) < end)
        .sort((a, b) => (orderOf(a.image) < orderOf(b.image) ? 1 : -1))
        .slice(0, limit);
    },
  };
}
