/**
 * Mirror of an owner's images on the device, kept up to date by the change feed.
 *
 * ```ts
 * const mirror = sync(client, { store: indexedDBMirror(`images-${userID}`), onChange: () => render() });
 * const newest = await mirror.images({ limit: 50 });
 * ```
 */
import type { Client } from "./client.ts";
import { createMirror, type Mirror, type MirrorOptions } from "./mirror/mirror.ts";

export { indexedDBMirror } from "./mirror/indexed-db.ts";
export { type Mirror, type MirrorOptions, type ReadPage, type Step, step } from "./mirror/mirror.ts";
export { type ExpoSQLite, type PreparingSQLite, sqliteMirror } from "./mirror/sqlite.ts";
export {
  type MirrorStore,
  memoryMirror,
  type Range,
  type Row,
  type Saved,
  type State,
} from "./mirror/store.ts";
export { ClientError, type Code } from "./problem.ts";

/** Options of `sync`: `owner` only for an API key that has none. */
export type SyncOptions = MirrorOptions & { owner?: string };

/** Keeps a mirror of the images that a client may see, until `stop`. Begins at once, and continues where the store ended. */
export const sync = (
  { images }: { images: Pick<Client["images"], "changes"> },
  { owner, ...options }: SyncOptions,
): Mirror => createMirror((query) => images.changes({ ...query, owner }), options);
