/**
 * How an image lies in the table.
 *
 * | index         | question                                    | partition        | order                |
 * | byID          | this image                                  | imageID          | -                    |
 * | byOwner       | an owner's images, newest first             | owner            | createdAt, imageID   |
 * | byOwnerStatus | the same in one status                      | owner, status    | createdAt, imageID   |
 * | recent        | everybody's images, newest first            | shard            | createdAt, imageID   |
 * | stuck         | what is unfinished and due for a look       | shard            | dueOrder, imageID    |
 * | byContent     | has this owner this very picture already?   | owner, content   | createdAt, imageID   |
 *
 * Keys hold ids, hashes, times and statuses alone: ElectroDB does not escape its delimiters, and lower-cases keys
 * unless told otherwise.
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

/** The statuses of images that callers may see; the others are on their way out. */
export const visibleStatuses = ["pending", "processing", "ready", "rejected", "failed"] as const;

/** A file as recorded: where it lies in the processed bucket and what it is. */
export type StoredFile = { key: string; contentType: string; format: string; bytes: number };

/** A variant as recorded, in pixels: the file that most clients can show, and the same in other formats. */
export type StoredVariant = StoredFile & { width: number; height: number; also?: StoredFile[] };

/** Variants that a later attempt replaced: readable until a day after `at` (ISO 8601), then swept. */
export type Superseded = { keys: string[]; at: string };

/** What the announcing client said of its file; hints, never trusted. */
export type Declared = { contentType?: string; bytes?: number; sha256?: string };

/** Stands in `dueOrder` and `content` where there is nothing to order or find by. */
const absent = "-";

/** What the sparse indexes are built from: `dueAt` and the SHA-256, or a sign that there is none. */
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

      // The protocol: who may write next, and about which upload.
      version: { type: "number", required: true },
      attempt: { type: "number", required: true },
      leaseUntil: { type: "string" },
      dueAt: { type: "string" },
      // The same for the indexes, which want a value even where their condition leaves the item out.
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

      // What the client said.
      filename: { type: "string" },
      title: { type: "string" },
      alt: { type: "string" },
      tags: { type: CustomAttributeType<string[]>("any") },
      metadata: { type: CustomAttributeType<Record<string, string>>("any") },
      declared: { type: CustomAttributeType<Declared>("any") },

      // What the engine found and made.
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

/** A whole record, as read and as written. */
export type ImageRecord = EntityItem<typeof ImageEntity>;

/** What is being or has been deleted is in no list. */
function isListed({ status }: { status?: string }) {
  return status !== "deleting" && status !== "deleted";
}
