/** What is left of a deleted image, removed. */

import { Storage } from "../aws/storage.ts";
import { Protocol } from "../records/protocol.ts";
import { keep, write } from "../records/record.ts";
import { Tag } from "../records/tags.ts";
import type { ImageRecord } from "../table/image-entity.ts";

/**
 * Puts a tombstone's last transition on file, because nothing may be written after it that would, and removes what it
 * still names, variants and tags. Does nothing to any other record, nor to a tombstone twice.
 */
export async function purge(record: ImageRecord): Promise<void> {
  if (!Protocol.isToPurge(record)) return;
  await keep(record);
  await Storage.removeVariants(Protocol.keysToPurge(record));
  await Tag.remove(record, record.tags ?? []);
  // If somebody else wrote meanwhile, that writer or the reconciler sees to what is left.
  await write(record, Protocol.onPurged(record).draft);
}
