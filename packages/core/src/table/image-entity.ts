/**
 * Image record: the state of one image.
 *
 * | index         | question                                   | partition      | order              |
 * | byID          | one image                                  | imageID        | -                  |
 * | byOwner       | images of an owner, newest first           | owner          | createdAt, imageID |
 * | byOwnerStatus | images of an owner in one status           | owner, status  | createdAt, imageID |
 * | recent        | images of all owners, trash included       | shard          | createdAt, imageID |
 * | stuck         | unfinished images, by when they are due    | shard          | dueOrder, imageID  |
 * | byContent     | ready images of an owner with these bytes  | owner, content | createdAt, imageID |
 * | byChange      | records that had bytes, tombstones too     | owner          | updatedAt, imageID |
 *
 * Keys contain only ids, hashes, times and statuses: ElectroDB does not escape its delimiters, and lower-cases keys
 * unless `casing` is `none`.
 *
 * Records are written whole, by `put` and `create`: ElectroDB does not run `set` when an update removes an attribute.
 */

import { CustomAttributeType, Entity, type EntityItem } from "electrodb";
import type { Facts, Location } from "../engine/facts.ts";
import { ID } from "../id.ts";
import { transition } from "./event-entity.ts";
import { dueOf, isInFeed, isListed, statuses, visibleStatuses, type Waiting } from "./status.ts";
import { type Variants, withShortKeys, withWholeKeys } from "./stored-variant.ts";
import { Table } from "./table.ts";
import { indexes, primary } from "./table-schema.ts";

export {
  dueOf,
  isInFeed,
  isListed,
  listedStatuses,
  type Status,
  statuses,
  visibleStatuses,
} from "./status.ts";

/** Who may read an image's files: anyone with a URL, or only callers with a signature. */
export const visibilities = ["public", "private"] as const;

/** Value of `dueOrder` and `content` without a due time or hash: ElectroDB requires every key attribute of an index. */
const absent = "-";

/** The parts of a record that the object key of an upload through the API follows from. */
type Named = { owner: string; imageID: string };

/** Attributes of a GPS position. */
const location = {
  latitude: { type: "number", required: true },
  longitude: { type: "number", required: true },
  altitude: { type: "number" },
} as const satisfies Record<keyof Location, unknown>;

/** Attributes of a point of the image, and of a rectangle. */
const point = { x: { type: "number", required: true }, y: { type: "number", required: true } } as const;
const region = {
  ...point,
  width: { type: "number", required: true },
  height: { type: "number", required: true },
  kind: { type: "string" },
} as const;

/** Attributes of `source`. ElectroDB drops what is not declared, so that this must name every fact. */
const facts = {
  format: { type: "string", required: true },
  width: { type: "number", required: true },
  height: { type: "number", required: true },
  alpha: { type: "boolean", required: true },
  frames: { type: "number", required: true },
  hdr: { type: "boolean" },
  perceptualHash: { type: "string" },
  takenAt: { type: "string" },
  camera: { type: "string" },
  lens: { type: "string" },
  location: { type: "map", properties: location },
} as const satisfies Record<keyof Facts, unknown>;

export const ImageEntity = Table.onTable(
  new Entity({
    model: { service: "images", entity: "image", version: "1" },
    attributes: {
      imageID: { type: "string", required: true },
      owner: { type: "string", required: true },
      status: { type: statuses, required: true },
      createdAt: { type: "string", required: true },
      updatedAt: { type: "string", required: true },
      processedAt: { type: "string" },

      // Derived for the index keys on every write, and not stored. Hidden: no record in memory holds an outdated value.
      shard: {
        type: "string",
        hidden: true,
        watch: ["imageID"],
        set: (_, { imageID }: { imageID: string }) => ID.shardOf(imageID),
      },
      dueOrder: {
        type: "string",
        hidden: true,
        watch: ["dueAt", "trash", "deleteAt"],
        set: (_, waiting: Waiting) => dueOf(waiting) ?? absent,
      },
      content: {
        type: "string",
        hidden: true,
        watch: ["sha256"],
        set: (_, { sha256 = absent }: { sha256?: string }) => sha256,
      },

      // Protocol: the version for the compare-and-set, the lease, and the upload that the record is about.
      version: { type: "number", required: true },
      attempt: { type: "number", required: true },
      leaseUntil: { type: "string" },
      dueAt: { type: "string" },
      // The owner's share of the processor is used up until then.
      deferredUntil: { type: "string" },
      // Stored only where it does not follow from owner and id: less to write.
      key: {
        type: "string",
        required: true,
        watch: ["owner", "imageID"],
        set: (key: string | undefined, { owner, imageID }: Named) =>
          key === ID.keyOf(owner, imageID) ? undefined : key,
        get: (key: string | undefined, { owner, imageID }: Partial<Named>) =>
          key ?? (owner && imageID && ID.keyOf(owner, imageID)),
      },
      failures: { type: "number" },
      sequencer: { type: "string" },
      etag: { type: "string" },
      // ETag of an upload that a check found and whose event has not come yet.
      found: { type: "string" },
      writeID: { type: "string", required: true },
      last: {
        type: "map",
        properties: { version: { type: "number", required: true }, ...transition },
        required: true,
      },
      // Variants that a later attempt replaced: readable until a day after `at` (ISO 8601), then removed.
      superseded: {
        type: "list",
        items: {
          type: "map",
          properties: {
            keys: { type: "list", items: { type: "string" }, required: true },
            at: { type: "string", required: true },
          },
        },
      },
      // Public files of an image that became private: `keys` are removed at once. After `until` (ISO 8601), when no worker
      // of an earlier attempt can be running, the reconciler removes what those have left.
      revoked: {
        type: "map",
        properties: {
          keys: { type: "list", items: { type: "string" }, required: true },
          until: { type: "string", required: true },
        },
      },
      // In the trash since `at` until `until` (ISO 8601). `status`, `dueAt`: of an image that is restored without processing.
      trash: {
        type: "map",
        properties: {
          at: { type: "string", required: true },
          until: { type: "string", required: true },
          status: { type: statuses, required: true },
          dueAt: { type: "string" },
        },
      },
      // The derivation of the terms whose rows exist. `terms`: those that the clean-up of a tombstone has to remove.
      indexed: { type: "number" },
      terms: { type: "list", items: { type: "string" } },
      expiresAt: { type: "number" },
      // The caller's expiry, after which the image is deleted (ISO 8601). `expiresAt` is the table's TTL.
      deleteAt: { type: "string" },
      // A permanent deletion: no object version may be left.
      purge: { type: "boolean" },
      // Rejected for its size: the reconciler removes the original, or has done so.
      discarded: { type: "boolean" },
      // The API created the image. `closed`: and it was deleted through the API, so that its key takes no upload any more.
      announced: { type: "boolean" },
      closed: { type: "boolean" },

      // Provided by the client. `declared` are hints about its file, never trusted.
      filename: { type: "string" },
      title: { type: "string" },
      alt: { type: "string" },
      tags: { type: "list", items: { type: "string" } },
      // Not a map: the client chooses the names.
      metadata: { type: CustomAttributeType<Record<string, string>>("any") },
      // Absent: public.
      visibility: { type: visibilities },
      // Coordinates from 0 to 1 of the upright image.
      focus: { type: "map", properties: point },
      regions: {
        type: "list",
        items: { type: "map", properties: region },
      },
      // The image is imported: its URL without query and fragment, which may hold secrets.
      from: { type: "map", properties: { url: { type: "string", required: true } } },
      declared: {
        type: "map",
        properties: {
          contentType: { type: "string" },
          bytes: { type: "number" },
          sha256: { type: "string" },
        },
      },

      // Results of the engine.
      bytes: { type: "number" },
      sha256: { type: "string" },
      source: { type: "map", properties: facts },
      placeholder: {
        type: "map",
        properties: {
          thumbhash: { type: "string", required: true },
          color: { type: "string", required: true },
        },
      },
      // Not a map: records of another recipe have other names, during a deployment and after a variant was removed from
      // the recipe. ElectroDB would drop those, and a deletion would leave their files.
      variants: {
        type: CustomAttributeType<Variants>("any"),
        set: (variants: Variants | undefined, { imageID }: { imageID: string }) =>
          variants && withShortKeys(variants, imageID),
        get: (variants: Variants | undefined, { imageID }: { imageID: string }) =>
          variants && withWholeKeys(variants, imageID),
      },
      recipe: { type: "string" },
      error: {
        type: "map",
        properties: {
          code: { type: "string", required: true },
          message: { type: "string", required: true },
        },
      },
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
        condition: isVisible,
        pk: { field: indexes.gsi2.pk, composite: ["owner", "status"], casing: "none" },
        sk: { field: indexes.gsi2.sk, composite: ["createdAt", "imageID"], casing: "none" },
      },
      recent: {
        index: "gsi3",
        projection: indexes.gsi3.projection,
        condition: isVisible,
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
      byChange: {
        index: "gsi6",
        projection: indexes.gsi6.projection,
        condition: isInFeed,
        // Without the labels of the other keys: only images are in this index, and each write pays for the bytes.
        // biome-ignore lint/suspicious/noTemplateCurlyInString: ElectroDB's syntax.
        pk: { field: indexes.gsi6.pk, composite: ["owner"], template: "${owner}", casing: "none" },
        sk: {
          field: indexes.gsi6.sk,
          composite: ["updatedAt", "imageID"],
          // biome-ignore lint/suspicious/noTemplateCurlyInString: ElectroDB's syntax.
          template: "${updatedAt}#${imageID}",
          casing: "none",
        },
      },
    },
  }),
  ["shard", "dueOrder", "content"],
);

/** Record as read and as written, without what is derived for the index keys. */
export type ImageRecord = EntityItem<typeof ImageEntity>;

/** Variants that a later attempt replaced, by key. */
export type Superseded = NonNullable<ImageRecord["superseded"]>[number];

/** No list contains images of a deletion. */
function isVisible({ status }: { status?: string }) {
  return visibleStatuses.some((visible) => visible === status);
}
