import type { ImageRecord } from "./image-entity.ts";

const createdAt = "2026-11-23T10:00:00.000Z";

/** The record of a ready image with only the required attributes, written by hand. */
export const record = {
  imageID: "img_01KAR5ZJ5V0000000000000000",
  owner: "default",
  shard: "3",
  status: "ready",
  key: "photo.jpg",
  attempt: 1,
  version: 2,
  createdAt,
  updatedAt: createdAt,
  writeID: "w",
  dueOrder: "-",
  content: "-",
  last: { version: 2, type: "ready", at: createdAt, by: "processor" },
} as const satisfies ImageRecord;
