/** What is left of a deleted image, removed. */
import type { ImageRecord } from "./image-entity.ts";
import { Protocol } from "./protocol.ts";
import { keep, write } from "./record.ts";
import { Storage } from "./storage.ts";
import { Tag } from "./tag.ts";

/**
 * Removes what a tombstone still names, variants and tags. Its last transition is put on file first, because nothing
 * may be written after it that would.
 */
export async function purge(record: ImageRecord): Promise<void> {
  if (record.status !== "deleted") return;
  await keep(record);
  if (!Protocol.isToPurge(record)) return;
  await Storage.removeVariants(Protocol.keysToPurge(record));
  await Tag.remove(record, record.tags ?? []);
  // If somebody else wrote meanwhile, that writer or the reconciler sees to what is left.
  await write(record, Protocol.onPurged(record).draft);
}
