/**
 * One entry of an image's audit trail. Kept when the image is deleted.
 *
 * | index   | question                        | partition | order   |
 * | byImage | an image's audit trail          | imageID   | version |
 */
import { CustomAttributeType, Entity } from "electrodb";
import { Table } from "./table.ts";
import { primary } from "./table-schema.ts";

/** The types of transitions. */
export const types = [
  "announced",
  "uploaded",
  "ready",
  "rejected",
  "failed",
  "updated",
  "reprocessed",
  "deleting",
  "deleted",
] as const;

/** One entry; `version` is that of the record after the transition, `at` is ISO 8601. */
export type Transition = {
  version: number;
  type: (typeof types)[number];
  at: string;
  by: string;
  detail?: Record<string, string | number | boolean>;
};

export const EventEntity = Table.onTable(
  new Entity({
    model: { service: "images", entity: "event", version: "1" },
    attributes: {
      imageID: { type: "string", required: true },
      owner: { type: "string", required: true },
      // Zero-padded, because ElectroDB does not pad numbers in keys.
      order: { type: "string", required: true },
      type: { type: CustomAttributeType<Transition["type"]>("string"), required: true },
      at: { type: "string", required: true },
      by: { type: "string", required: true },
      detail: { type: CustomAttributeType<NonNullable<Transition["detail"]>>("any") },
    },
    indexes: {
      byImage: {
        pk: { field: primary.pk, composite: ["imageID"], casing: "none" },
        sk: { field: primary.sk, composite: ["order"], casing: "none" },
      },
    },
  }),
);
