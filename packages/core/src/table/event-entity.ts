/**
 * Entry of an image's audit trail. Outlives the image.
 *
 * | index   | question                  | partition | order   |
 * | byImage | audit trail of an image   | imageID   | version |
 */
import { CustomAttributeType, Entity, type EntityItem } from "electrodb";
import { Table } from "./table.ts";
import { primary } from "./table-schema.ts";

/** Types of the transitions of an image. */
export const types = [
  "announced",
  "uploaded",
  "deferred",
  "ready",
  "rejected",
  "failed",
  "updated",
  "reprocessed",
  "trashed",
  "restored",
  "deleting",
  "deleted",
] as const;

/** Attributes of a transition, shared by the audit trail and the record's `last`. `at` is ISO 8601. */
export const transition = {
  // Not an enum, which would refuse to write a type of a newer version back.
  type: { type: CustomAttributeType<(typeof types)[number]>("string"), required: true },
  at: { type: "string", required: true },
  by: { type: "string", required: true },
  // Not a map: each type has its own names.
  detail: { type: CustomAttributeType<Record<string, string | number | boolean>>("any") },
  // The record's `writeID` by the write that made it, for deliveries to webhooks.
  writeID: { type: "string" },
} as const;

export const EventEntity = Table.onTable(
  new Entity({
    model: { service: "images", entity: "event", version: "1" },
    attributes: {
      imageID: { type: "string", required: true },
      owner: { type: "string", required: true },
      // The version, padded, because ElectroDB writes numbers into keys as they are.
      order: { type: "string", required: true },
      ...transition,
    },
    indexes: {
      byImage: {
        pk: { field: primary.pk, composite: ["imageID"], casing: "none" },
        sk: { field: primary.sk, composite: ["order"], casing: "none" },
      },
    },
  }),
);

/** Transition of an image; `version` is the record's, by the write that made it. */
export type Transition = Pick<EntityItem<typeof EventEntity>, keyof typeof transition> & { version: number };
