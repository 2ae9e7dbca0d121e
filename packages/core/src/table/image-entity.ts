/**
 * The record of an image.
 *
 * | index         | question                                    | partition        | order                |
 * | byID          | an image by id                              | imageID          | -                    |
 * | byOwner       | an owner's images, newest first             | owner            | createdAt, imageID   |
 * | byOwnerStatus | the same in one status                      | owner, status    | createdAt, imageID   |
 * | recent        | all images, newest first                    | shard            | createdAt, imageID   |
 * | stuck         | unfinished images that are due for a check  | shard            | dueOrder, imageID    |
 * | byContent     | an owner's images with the same original    | owner, content   | createdAt, imageID   |
 *
 * Keys contain only ids, hashes, times and statuses: ElectroDB does not escape its delimiters. `casing: "none"` because
 * ElectroDB lower-cases keys by default.
 */

import { CustomAttributeType, Entity, type EntityItem } from "electrodb";
import type { Facts } from "../engine/facts.ts";
import type { Name } from "../engine/recipe.ts";
import type { Transition } from "./event-entity.ts";
import { Table } from "./table.ts";
import { indexes, primary } from "./table-schema.ts";

/** `pending → processing → ready | rejected | failed`; `deleting → deleted`, a tombstone kept for 30 days. */
export const statuses = [
  "pending",
  "processing",
  "ready",
  "rejected",
  "failed",
  "deleting",
  "deleted",
] as const;
export type Status = (typeof statuses)[number];

/** The statuses of images that callers may see; images in the others are being deleted. */
export const visibleStatuses = ["pending", "processing", "ready", "rejected", "failed"] as const;

/** A file of a variant: its key in the processed bucket, format and size. */
export type StoredFile = { key: string; contentType: string; format: string; bytes: number };

/** A variant, with its size in pixels: the file in the most widely supported format, and those in other formats. */
export type StoredVariant = StoredFile & { width: number; height: number; also?: StoredFile[] };

/** Variants that a later attempt replaced: readable until a day after `at` (ISO 8601), then swept. */
export type Superseded = { keys: string[]; at: string };

/** The client's description of its file: hints, never trusted. */
export type Declared = { contentType?: string; bytes?: number; sha256?: string };

/** Value of `dueOrder` and `content` for an image that is not in the index. */
const absent = "-";

/** The attributes of the sparse indexes, from `dueAt` and the SHA-256; `absent` if the image has none. */
export const indexed = ({ dueAt, sha256 }: { dueAt?: string; sha256?: string }) => ({
  dueOrder: dueAt ?? absent,
  content: sha256 ?? absent,
});

export const ImageEntity = Table.onTable(
  new Entity({
    model: { service: "images", entity: "image", version: "1" },
    attributes: {
      imageID: { type: "string", required: true },
      owner: { type: "string", required: true },
      status: { type: statuses, required: true },
      shard: { type: "string", required: true },
      createdAt: { type: "string", required: true },
      updatedAt: { type: "string", required: true },
      processedAt: { type: "string" },

      // The protocol: the lease of the current attempt, and its upload.
      version: { type: "number", required: true },
      attempt: { type: "number", required: true },
      leaseUntil: { type: "string" },
      dueAt: { type: "string" },
      // The same for the indexes, which require a value even if their condition excludes the item.
      dueOrder: { type: "string", required: true },
      content: { type: "string", required: true },
      key: { type: "string", required: true },
      failures: { type: "number" },
      sequencer: { type: "string" },
      etag: { type: "string" },
      writeID: { type: "string", required: true },
      last: { type: CustomAttributeType<Transition>("any"), required: true },
      superseded: { type: CustomAttributeType<Superseded[]>("any") },
      expiresAt: { type: "number" },
      // A permanent deletion: the object versions are still to be removed.
      purge: { type: "boolean" },

      // The client's description.
      filename: { type: "string" },
      title: { type: "string" },
      alt: { type: "string" },
      tags: { type: CustomAttributeType<string[]>("any") },
      metadata: { type: CustomAttributeType<Record<string, string>>("any") },
      declared: { type: CustomAttributeType<Declared>("any") },

      // The engine's output.
      bytes: { type: "number" },
      sha256: { type: "string" },
      source: { type: CustomAttributeType<Facts>("any") },
      placeholder: { type: CustomAttributeType<{ thumbhash: string; color: string }>("any") },
      variants: { type: CustomAttributeType<Partial<Record<Name, StoredVariant>>>("any") },
      recipe: { type: "string" },
      error: { type: CustomAttributeType<{ code: string; message: string }>("any") },
    },
    indexes: {
      byID: {
        pk: { field: primary.pk, composite: ["imageID"], casing: "none" },
        sk: { field: primary.sk, composite: [], casing: "none" },
      },
      byOwner: {
        index: "gsi1",
        condition: isListed,
        pk: { field: indexes.gsi1.pk, composite: ["owner"], casing: "none" },
        sk: { field: indexes.gsi1.sk, composite: ["createdAt", "imageID"], casing: "none" },
      },
      byOwnerStatus: {
        index: "gsi2",
        condition: isListed,
        pk: { field: indexes.gsi2.pk, composite: ["owner", "status"], casing: "none" },
        sk: { field: indexes.gsi2.sk, composite: ["createdAt", "imageID"], casing: "none" },
      },
      recent: {
        index: "gsi3",
        projection: indexes.gsi3.projection,
        condition: isListed,
        pk: { field: indexes.gsi3.pk, composite: ["shard"], casing: "none" },
        sk: { field: indexes.gsi3.sk, composite: ["createdAt", "imageID"], casing: "none" },
      },
      stuck: {
        index: "gsi4",
        projection: indexes.gsi4.projection,
        condition: ({ dueOrder }: { dueOrder?: string }) => dueOrder !== absent,
        pk: { field: indexes.gsi4.pk, composite: ["shard"], casing: "none" },
        sk: { field: indexes.gsi4.sk, composite: ["dueOrder", "imageID"], casing: "none" },
      },
      byContent: {
        index: "gsi5",
        projection: indexes.gsi5.projection,
        condition: ({ status, content }: { status?: string; content?: string }) =>
          status === "ready" && content !== absent,
        pk: { field: indexes.gsi5.pk, composite: ["owner", "content"], casing: "none" },
        sk: { field: indexes.gsi5.sk, composite: ["createdAt", "imageID"], casing: "none" },
      },
    },
  }),
);

/** A complete record, as read and as written. */
export type ImageRecord = EntityItem<typeof ImageEntity>;

/** Returns false for an image that is being or has been deleted: lists leave it out. */
function isListed({ status }: { status?: string }) {
  return status !== "deleting" && status !== "deleted";
}
