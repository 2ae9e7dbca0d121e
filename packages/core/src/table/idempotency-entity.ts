/**
 * Idempotency key: the claim of a request, and its response for retries.
 *
 * | index | question                      | partition      | order |
 * | byKey | response to a request         | owner, keyHash | -     |
 *
 * Keys contain the idempotency key's hash, because the key is free text of the client.
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
      // An image id: of the image that the request creates, or else the request's name in the audit trail.
      workID: { type: "string" },
      leaseUntil: { type: "string", required: true },
      // Not a map: each operation has its own response.
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
