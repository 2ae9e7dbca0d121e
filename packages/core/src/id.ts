/** Identifiers: how images, owners and shards are named. Only these and hashes ever enter a database key. */
export * as ID from "./id.ts";

import { createHash } from "node:crypto";
import { ulid } from "ulid";
import * as v from "valibot";

/** Crockford's base32, which ULIDs are written in: no I, L, O or U. */
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** `img_` and 26 characters of Crockford base32. */
export const imageID = v.pipe(
  v.string(),
  v.regex(/^img_[0-9A-HJKMNP-TV-Z]{26}$/, "An image id is img_ followed by 26 letters and digits."),
);

/** An owner as it stands in keys: 1–26 lower-case letters and digits. `default` owns what was simply put into the bucket. */
export const owner = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9]{1,26}$/, "An owner is 1 to 26 lower-case letters and digits."),
);

/** The owner of images that nobody announced. */
export const ownerDefault = "default";

/** A new image id, sortable by time of creation. */
export const createImageID = () => `img_${ulid()}`;

/** The id of whatever stands under this key: the same key is always the same image. */
export const imageIDFromKey = (bucket: string, key: string) =>
  `img_${base32(createHash("sha256").update(bucket).update("\0").update(key).digest())}`;

/** The key that an announced upload goes to. */
export const keyOf = (owner: string, imageID: string) => `${owner}/${imageID}`;

/** What an announced upload's key says; undefined for any other key. */
export function parseKey(key: string): { owner: string; imageID: string } | undefined {
  const [, owner, imageID] = /^([a-z0-9]{1,26})\/(img_[0-9A-HJKMNP-TV-Z]{26})$/.exec(key) ?? [];
  return owner && imageID ? { owner, imageID } : undefined;
}

/**
 * The owner that a JWT's issuer and subject stand for. Hashed, because a raw claim may hold delimiters or differ
 * from another by case alone, and must not be able to name another owner's key.
 */
export const ownerFromClaims = (issuer: string, subject: string) =>
  base32(createHash("sha256").update(issuer).update("\n").update(subject).digest()).toLowerCase();

/** How many partitions the table-wide indexes are spread over (1,000 writes a second each). */
export const shards = ["0", "1", "2", "3", "4", "5", "6", "7"] as const;

/** The partition of the table-wide indexes that this image belongs to. */
export const shardOf = (imageID: string) =>
  shards[createHash("sha256").update(imageID).digest().readUInt8(0) % shards.length] ?? shards[0];

/** The first 26 characters (130 bits) of the bytes in Crockford base32. */
function base32(bytes: Buffer) {
  let bits = 0n;
  for (const byte of bytes.subarray(0, 17)) bits = (bits << 8n) | BigInt(byte);
  bits >>= 6n; // 17 bytes are 136 bits: keep the first 130
  let text = "";
  for (let i = 25; i >= 0; i--) text += crockford[Number((bits >> BigInt(i * 5)) & 31n)];
  return text;
}
