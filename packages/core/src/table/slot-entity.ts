/**
 * One row for each slot that an owner holds: of pending uploads, or of requests that wait.
 *
 * | index   | question                             | partition   | order |
 * | byOwner | the slots of one kind of an owner    | owner, kind | slot  |
 */
import { Entity } from "electrodb";
import { Table } from "./table.ts";
import { primary } from "./table-schema.ts";

export const SlotEntity = Table.onTable(
  new Entity({
    model: { service: "images", entity: "slot", version: "1" },
    attributes: {
      owner: { type: "string", required: true },
      kind: { type: ["pending", "waiting"] as const, required: true },
      slot: { type: "string", required: true },
      // The image id of a pending upload, or the id of a waiting request.
      holder: { type: "string", required: true },
      // In milliseconds since 1970, for slots whose life is a few seconds.
      takenAt: { type: "number", required: true },
      endsAt: { type: "number", required: true },
      expiresAt: { type: "number", required: true },
    },
    indexes: {
      byOwner: {
        pk: { field: primary.pk, composite: ["owner", "kind"], casing: "none" },
        sk: { field: primary.sk, composite: ["slot"], casing: "none" },
      },
    },
  }),
);
