/** Places of files in the processed bucket: public keys, and those of private images under their owner. Pure. */
export * as Placement from "./placement.ts";

import { createHash } from "node:crypto";
import { type Name, recipe, type Spec } from "../engine/recipe.ts";
import type { ImageRecord } from "../table/image-entity.ts";
import type { StoredVariant } from "../table/stored-variant.ts";

/** The key prefix of private files in the processed bucket, and of their URLs under `/media/`. */
export const prefix = "private/";

/** Returns true for the key of a file that only a signature opens. */
export const isPrivate = (key: string): boolean => key.startsWith(prefix);

/** Returns the folder of a private image, which one signature opens. */
export const folderOf = ({ owner, imageID }: Pick<ImageRecord, "owner" | "imageID">): string =>
  `${prefix}${owner}/${imageID}/`;

/**
 * The path of an attempt's variants in the processed bucket, which no other attempt writes to. That of a private image is
 * under its owner, except for variants that are `open`. It ends with digits of the random id of the claim: the URL of an
 * earlier attempt does not tell that of a later one, which a worker may write although the image is private by then.
 */
export function pathOf(
  record: Pick<ImageRecord, "imageID" | "attempt" | "owner" | "visibility" | "writeID">,
  etag: string,
  open = false,
): string {
  const { imageID, attempt, writeID } = record;
  const hash = createHash("sha256").update(writeID).digest("hex").slice(0, 8);
  const folder = record.visibility === "private" && !open ? folderOf(record) : `${imageID}/`;
  return `${folder}${attempt}-${etag.slice(0, 8)}${hash}`;
}

const pattern = /^(?:private\/[a-z0-9]+\/)?(img_[^/]+)\/(?:(\d+)-)?/;

/** Returns the image that a key of the processed bucket belongs to; empty for any other key. */
export const imageIDOf = (key: string): string => pattern.exec(key)?.[1] ?? "";

/** Returns the attempt that wrote a key; 0 if it names none. */
export const attemptOf = (key: string): number => Number(pattern.exec(key)?.[2] ?? 0);

/** Returns true if the files of a variant are open to all, even of a private image. */
export const isOpen = (name: string): boolean => specs[name]?.public === true;

const specs: Readonly<Record<string, Spec>> = recipe;

/** Returns true if a variant's files have the place that the visibility of its image asks for. */
export function isInPlace(
  name: string,
  variant: StoredVariant,
  { visibility }: Pick<ImageRecord, "visibility">,
): boolean {
  const wanted = visibility === "private" && !isOpen(name);
  return isPrivate(variant.key) === wanted;
}

/** Returns the variants that an answer may name: none that is public of a private image, except open ones. */
export function shownOf(record: Pick<ImageRecord, "variants" | "visibility">): ImageRecord["variants"] {
  const { variants = {}, visibility } = record;
  if (visibility !== "private") return record.variants;
  const kept = Object.entries(variants).filter(([name, { key }]) => isPrivate(key) || isOpen(name));
  return kept.length > 0 ? (Object.fromEntries(kept) as Partial<Record<Name, StoredVariant>>) : undefined;
}
