/**
 * Key schema and indexes of the table, as data. The entities use it, `infra/table.ts` deploys it and the embedded mode
 * creates it, so that the three cannot differ.
 */

/** An index: its two key attributes (strings) and its projection, which is everything or these attributes and the keys. */
export type Index = {
  readonly pk: string;
  readonly sk: string;
  readonly projection: "all" | readonly string[];
};

/** The attributes that locate an image in a list. They never change, so their projection costs only one write. */
const place = ["imageID", "createdAt"] as const;

/** The table's key attributes, both strings. */
export const primary = { pk: "pk", sk: "sk" } as const;

/** The attribute, in seconds since 1970, after which DynamoDB removes an item (up to some days later). */
export const ttl = "expiresAt";

/** Indexes for lists of complete images project everything; the others project little, because each write pays for it. */
export const indexes = {
  /** An owner's images and an owner's tagged images, by time. */
  gsi1: { pk: "gsi1pk", sk: "gsi1sk", projection: "all" },
  /** An owner's images in one status, by time. */
  gsi2: { pk: "gsi2pk", sk: "gsi2sk", projection: "all" },
  /** All images by time, spread over shards. */
  gsi3: { pk: "gsi3pk", sk: "gsi3sk", projection: place },
  /** The images that the reconciler must check, by the time when they are due; finished images are not in it. */
  gsi4: { pk: "gsi4pk", sk: "gsi4sk", projection: place },
  /** An owner's ready images by the SHA-256 of the original. */
  gsi5: { pk: "gsi5pk", sk: "gsi5sk", projection: place },
  /** An owner's records by their last change, tombstones included. */
  gsi6: { pk: "gsi6pk", sk: "gsi6sk", projection: ["imageID", "updatedAt", "status", "version"] },
} as const satisfies Record<string, Index>;
