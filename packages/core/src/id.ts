/** Identifiers of images, owners and shards. Of free text database keys contain only hashes, and words of letters and digits. */
export * as ID from "./id.ts";

import { createHash } from "node:crypto";
import { ulid } from "ulid";
import * as v from "valibot";

/** Crockford's base32, the alphabet of ULIDs: no I, L, O or U. */
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** Image id: `img_` and 26 characters of Crockford base32. */
export const imageID = v.pipe(
  v.string(),
  v.regex(/^img_[0-9A-HJKMNP-TV-Z]{26}$/, "An image id is img_ followed by 26 letters and digits."),
);

/** Owner: 1–26 lower-case letters and digits. `default` owns objects that were put into the bucket directly. */
export const owner = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9]{1,26}$/, "An owner is 1 to 26 lower-case letters and digits."),
);

/** Owner of images that were not created through the API. */
export const ownerDefault = "default";

/** Characters of a ULID, as in a regular expression. */
const ulidPattern = "[0-9A-HJKMNP-TV-Z]{26}";

/**
 * Webhook id: `whk_`, the owner and `_` unless the endpoint receives the events of all owners, and a ULID. The owner is
 * in it because it is in the key of the endpoint's row.
 */
export const webhookID = v.pipe(
  v.string(),
  v.regex(new RegExp(`^whk_([a-z0-9]{1,26}_)?${ulidPattern}$`), "A webhook id begins with whk_."),
);

/** Creates the id of a webhook of an owner, or of all owners. */
export const createWebhookID = (owner?: string) => `whk_${owner === undefined ? "" : `${owner}_`}${ulid()}`;

/** Returns the owner in a webhook id; undefined if it is of all owners. */
export const ownerOfWebhook = (id: string): string | undefined => /^whk_([a-z0-9]{1,26})_/.exec(id)?.[1];

/** Delivery id: `dlv_` and a ULID. */
export const deliveryID = v.pipe(
  v.string(),
  v.regex(new RegExp(`^dlv_${ulidPattern}$`), "A delivery id is dlv_ followed by 26 letters and digits."),
);

/** Creates a delivery id, sortable by time of creation. */
export const createDeliveryID = () => `dlv_${ulid()}`;

/** Derives the id of a message to a receiver from what it is about: the same for every attempt. */
export const messageIDOf = (...parts: readonly (string | number)[]): string =>
  `msg_${base32(createHash("sha256").update(JSON.stringify(parts)).digest())}`;

/** Creates an image id, sortable by time of creation. */
export const createImageID = () => `img_${ulid()}`;

/** Derives the image id of an object key: the same key is always the same image. */
export const imageIDFromKey = (bucket: string, key: string) =>
  `img_${base32(createHash("sha256").update(bucket).update("\0").update(key).digest())}`;

/** Returns the object key of an upload. */
export const keyOf = (owner: string, imageID: string) => `${owner}/${imageID}`;

/** Parses the object key of an upload; undefined for any other key. */
export function parseKey(key: string): { owner: string; imageID: string } | undefined {
  const [, owner, imageID] = /^([a-z0-9]{1,26})\/(img_[0-9A-HJKMNP-TV-Z]{26})$/.exec(key) ?? [];
  return owner && imageID ? { owner, imageID } : undefined;
}

/**
 * Returns the message group of an object key, by which the queue shares the processor fairly: the owner of an upload.
 * Objects that were put into the bucket directly are one group, as they are one owner, so that an import of many
 * folders cannot delay a user.
 */
export const groupOf = (key: string): string => parseKey(key)?.owner ?? ownerDefault;

/**
 * Derives the owner from a JWT's issuer and subject. Hashed, because raw claims may contain delimiters or differ only
 * by case, and must never name another owner's key.
 */
export const ownerFromClaims = (issuer: string, subject: string) =>
  base32(createHash("sha256").update(issuer).update("\n").update(subject).digest()).toLowerCase();

/** Partitions of the table-wide indexes (1,000 writes a second each). */
export const shards = ["0", "1", "2", "3", "4", "5", "6", "7"] as const;

/** Returns the partition of an image in the table-wide indexes. */
export const shardOf = (imageID: string) =>
  shards[createHash("sha256").update(imageID).digest().readUInt8(0) % shards.length] ?? shards[0];

/** Encodes the first 130 bits in Crockford base32: 26 characters. */
function base32(bytes: Buffer) {
  let bits = 0n;
  for (const byte of bytes.subarray(0, 17)) bits = (bits << 8n) | BigInt(byte);
  bits >>= 6n; // 17 bytes are 136 bits: keep the first 130
  let text = "";
  for (let i = 25; i >= 0; i--) text += crockford[Number((bits >> BigInt(i * 5)) & 31n)];
  return text;
}
