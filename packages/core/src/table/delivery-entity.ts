/**
 * Delivery of one event to one endpoint. Written before the image's record, so that no transition is without it:
 * `webhooks/outbox.ts`.
 *
 * | index     | question                                  | partition | order                |
 * | byWebhook | deliveries of an endpoint, newest first   | webhookID | deliveryID           |
 * | due       | deliveries to attempt, by when            | lane      | dueOrder, deliveryID |
 */
import { CustomAttributeType, Entity, type EntityItem } from "electrodb";
import { shardOf } from "../id.ts";
import type { ImageRecord } from "./image-entity.ts";
import { Table } from "./table.ts";
import { indexes, primary } from "./table-schema.ts";
import type { EventType } from "./webhook-entity.ts";

/** `pending → delivered | failed`; a retry makes a delivery `pending` again. */
export const deliveryStatuses = ["pending", "delivered", "failed"] as const;

/** Type of an event that a caller requested, to test its receiver. */
export const testType = "webhook.test";

/** Attempt: its time, duration in milliseconds, and the HTTP status or the reason why there is none. */
export type Attempt = { at: string; ms: number; status?: number; error?: string };

/** Value of `dueOrder` without a due time: ElectroDB requires every key attribute of an index. */
const absent = "-";

export const DeliveryEntity = Table.onTable(
  new Entity({
    model: { service: "images", entity: "delivery", version: "1" },
    attributes: {
      webhookID: { type: "string", required: true },
      deliveryID: { type: "string", required: true },
      // The receiver's idempotency key: derived from endpoint, image, version and event.
      messageID: { type: "string", required: true },
      type: { type: CustomAttributeType<EventType | typeof testType>("string"), required: true },
      // Time of the transition.
      at: { type: "string", required: true },
      // The image as this version has it. Not a map: it is a record's content.
      snapshot: { type: CustomAttributeType<ImageRecord>("any") },
      status: { type: deliveryStatuses, required: true },
      // The write of the record that makes the transition, until it is known to have succeeded.
      writeID: { type: "string" },
      tries: { type: "number", required: true },
      attempts: { type: CustomAttributeType<Attempt[]>("any") },
      dueAt: { type: "string" },
      createdAt: { type: "string", required: true },
      expiresAt: { type: "number", required: true },

      // Derived for the index keys.
      lane: {
        type: "string",
        hidden: true,
        watch: ["deliveryID"],
        set: (_, { deliveryID }: { deliveryID: string }) => shardOf(deliveryID),
      },
      dueOrder: {
        type: "string",
        hidden: true,
        watch: ["dueAt"],
        set: (_, { dueAt = absent }: { dueAt?: string }) => dueAt,
      },
    },
    indexes: {
      byWebhook: {
        pk: { field: primary.pk, composite: ["webhookID"], casing: "none" },
        sk: { field: primary.sk, composite: ["deliveryID"], casing: "none" },
      },
      due: {
        index: "gsi4",
        // Only the keys of a delivery are in the index.
        projection: "keys_only",
        condition: ({ dueOrder }: { dueOrder?: string }) => dueOrder !== absent,
        pk: { field: indexes.gsi4.pk, composite: ["lane"], casing: "none" },
        sk: { field: indexes.gsi4.sk, composite: ["dueOrder", "deliveryID"], casing: "none" },
      },
    },
  }),
);

export type DeliveryRecord = EntityItem<typeof DeliveryEntity>;
