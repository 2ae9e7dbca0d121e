/**
 * A request that must be answered once, however often it comes.
 *
 * | index | question                      | partition      | order |
 * | byKey | has this been answered?       | owner, keyHash | -     |
 *
 * Keys hold the key's hash, because the key is the client's own words.
 */
import { CustomAttributeType, Entity } from "electrodb";
import { Table } from "./table.ts";
import { primary } from "./table-schema.ts";

export const IdempotencyEntity = Table.onTable(
  new Entity({
    model: { service: "images", entity: "idempotency", version: "1" },
    attributes: {
      owner: { type: "string", required: true },
      keyHash: { type: "string", required: true },
      requestHash: { type: "string", required: true },
      claimID: { type: "string", required: true },
      leaseUntil: { type: "string", required: true },
      answer: { type: CustomAttributeType<Record<string, unknown>>("any") },
      expiresAt: { type: "number", required: true },
    },
    indexes: {
      byKey: {
        pk: { field: primary.pk, composite: ["owner", "keyHash"], casing: "none" },
        sk: { field: primary.sk, composite: [], casing: "none" },
      },
    },
  }),
);
