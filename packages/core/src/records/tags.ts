/** Tags: the rows by which images are found. */
export * as Tag from "./tags.ts";

import { createHash } from "node:crypto";
import * as v from "valibot";
import type { ImageRecord } from "../table/image-entity.ts";
import { TagEntity } from "../table/tag-entity.ts";
import { Text } from "../text.ts";
import { isConditionFailure } from "./record.ts";

/** Tag: 1–64 characters in Unicode's composed form (NFC), so that tags that look the same are the same. */
export const Info = v.pipe(
  v.string(),
  Text.wellFormed,
  v.transform((tag) => tag.normalize("NFC")),
  v.trim(),
  v.minLength(1),
  v.maxLength(64),
);

/** Most tags of one image: each is a separate row. */
export const tagsMax = 20;

/** Hashes a tag for use in keys. */
export const hashOf = (tag: string) => createHash("sha256").update(tag).digest("hex").slice(0, 32);

/** Writes the rows of an image's tags, before its version `version` is written. Idempotent. */
export async function add(
  image: Pick<ImageRecord, "imageID" | "owner" | "createdAt" | "version">,
  tags: readonly string[],
): Promise<void> {
  const { imageID, owner, createdAt, version } = image;
  const rows = tags.map((tag) =>
    TagEntity.put({ imageID, owner, createdAt, version, tag, tagHash: hashOf(tag) })
      .where((row, { notExists, lt }) => `${notExists(row.version)} OR ${lt(row.version, version)}`)
      .go(),
  );
  await Promise.all(rows.map(unlessLater));
}

/** Removes the rows of these tags, after the image's version `version` was written. Idempotent. */
export async function remove(
  { imageID, version }: Pick<ImageRecord, "imageID" | "version">,
  tags: readonly string[],
): Promise<void> {
  const rows = tags.map((tag) =>
    TagEntity.remove({ imageID, tagHash: hashOf(tag) })
      .where((row, { lte }) => lte(row.version, version))
      .go(),
  );
  await Promise.all(rows.map(unlessLater));
}

/** Ignores a condition failure: a later version wrote the row, and it stays. */
async function unlessLater(written: Promise<unknown>): Promise<void> {
  try {
    await written;
  } catch (error) {
    if (!isConditionFailure(error)) throw error;
  }
}
