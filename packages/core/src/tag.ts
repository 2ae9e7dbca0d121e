/** Which images carry a tag. */
export * as Tag from "./tag.ts";

import { createHash } from "node:crypto";
import * as v from "valibot";
import type { ImageRecord } from "./image-entity.ts";
import { TagEntity } from "./tag-entity.ts";

/** A word to find images by: 1–64 characters, as the client wrote it. */
export const Info = v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(64));

/** Most tags on one image: each is a row of its own. */
export const tagsMax = 20;

/** A tag as it stands in keys. */
export const hashOf = (tag: string) => createHash("sha256").update(tag).digest("hex").slice(0, 32);

/** Makes the image findable by these tags. Goes before the write of the image itself; may be repeated. */
export async function add(
  image: Pick<ImageRecord, "imageID" | "owner" | "createdAt">,
  tags: readonly string[],
): Promise<void> {
  const { imageID, owner, createdAt } = image;
  await Promise.all(
    tags.map((tag) => TagEntity.put({ imageID, owner, createdAt, tag, tagHash: hashOf(tag) }).go()),
  );
}

/** Takes the image out of these tags' lists. Goes after the write of the image itself; may be repeated. */
export async function remove(imageID: string, tags: readonly string[]): Promise<void> {
  // ElectroDB's `delete` carries no condition; none is wanted here.
  await Promise.all(tags.map((tag) => TagEntity.delete({ imageID, tagHash: hashOf(tag) }).go()));
}
