/** Which images carry a tag. */
export * as Tag from "./tags.ts";

import { createHash } from "node:crypto";
import * as v from "valibot";
import type { ImageRecord } from "../table/image-entity.ts";
import { TagEntity } from "../table/tag-entity.ts";
import { isConditionFailure } from "./record.ts";

/** A word to find images by: 1–64 characters, as the client wrote it. */
export const Info = v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(64));

/** Most tags on one image: each is a row of its own. */
export const tagsMax = 20;

/** A tag as it stands in keys. */
export const hashOf = (tag: string) => createHash("sha256").update(tag).digest("hex").slice(0, 32);

/** Makes version `version` of the image findable by these tags. Goes before that is written; may be repeated. */
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

/** Takes the image out of these tags' lists, as of its version `version`. Goes after that is written; may be repeated. */
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

/** A row of a later version stays as it is: whoever wrote it knows better. */
async function unlessLater(written: Promise<unknown>): Promise<void> {
  try {
    await written;
  } catch (error) {
    if (!isConditionFailure(error)) throw error;
  }
}
