/**
 * Webhook endpoint of an owner, and its signing secret as an item apart: writers of images read endpoints, and only the
 * API and the sender may read secrets.
 *
 * | index     | question                        | partition | order     |
 * | byScope   | the endpoints of an owner       | scope     | webhookID |
 * | bySigner  | the secrets of an endpoint      | signer    | -         |
 */
import { CustomAttributeType, Entity, type EntityItem } from "electrodb";
import { Table } from "./table.ts";
import { primary } from "./table-schema.ts";

/** Types of the events that endpoints subscribe to. */
export const eventTypes = [
  "image.ready",
  "image.rejected",
  "image.failed",
  "image.updated",
  "image.deleted",
] as const;
export type EventType = (typeof eventTypes)[number];

/** Reasons why an endpoint is disabled: by a caller, by 410 Gone, or because every delivery failed for days. */
export const disabledReasons = ["manual", "gone", "failing"] as const;

export const WebhookEntity = Table.onTable(
  new Entity({
    model: { service: "images", entity: "webhook", version: "1" },
    attributes: {
      // The owner, or `-` for the images of all owners.
      scope: { type: "string", required: true },
      webhookID: { type: "string", required: true },
      url: { type: "string", required: true },
      description: { type: "string" },
      events: {
        type: "list",
        // Not an enum, which would refuse to write a type of a newer version back.
        items: { type: CustomAttributeType<EventType>("string") },
        required: true,
      },
      enabled: { type: "boolean", required: true },
      disabledReason: { type: CustomAttributeType<(typeof disabledReasons)[number]>("string") },
      disabledAt: { type: "string" },
      // Since the last delivery that succeeded: failed attempts, and the time of the first.
      failures: { type: "number" },
      failingSince: { type: "string" },
      // The receiver took long for an attempt, or has accepted none yet: its deliveries go through another queue.
      slow: { type: "boolean" },
      // Until then no delivery is attempted.
      pausedUntil: { type: "string" },
      createdAt: { type: "string", required: true },
      updatedAt: { type: "string", required: true },
    },
    indexes: {
      byScope: {
        pk: { field: primary.pk, composite: ["scope"], casing: "none" },
        sk: { field: primary.sk, composite: ["webhookID"], casing: "none" },
      },
    },
  }),
);

export type WebhookRecord = EntityItem<typeof WebhookEntity>;

export const WebhookSecretEntity = Table.onTable(
  new Entity({
    model: { service: "images", entity: "secret", version: "1" },
    attributes: {
      // The endpoint's id.
      signer: { type: "string", required: true },
      secret: { type: "string", required: true },
      // Secrets of before a rotation, newest first, each of which signs as well until then.
      previous: { type: CustomAttributeType<{ secret: string; until: string }[]>("any") },
    },
    indexes: {
      bySigner: {
        pk: { field: primary.pk, composite: ["signer"], casing: "none" },
        sk: { field: primary.sk, composite: [], casing: "none" },
      },
    },
  }),
);
