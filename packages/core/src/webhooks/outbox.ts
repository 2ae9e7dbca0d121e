/**
 * Transactional outbox of webhooks without transactions. The write of a record first writes a delivery for each
 * subscribed endpoint, which names that write, and sends them once it has succeeded. A crash in between leaves
 * deliveries that are due: the reconciler sends them, and the sender looks up whether the write succeeded. Images of
 * owners without endpoints cost no write.
 */
export * as Outbox from "./outbox.ts";

import { Queue } from "../aws/queue.ts";
import { ID } from "../id.ts";
import { DeliveryEntity, type DeliveryRecord } from "../table/delivery-entity.ts";
import { type ImageRecord, visibleStatuses } from "../table/image-entity.ts";
import type { EventType } from "../table/webhook-entity.ts";
import { Subscriptions } from "./subscriptions.ts";

/** Time after which the reconciler sends a delivery again that was sent to the queue. */
export const resendMs = 300_000;

/** Days for which a delivery is kept: longer than its retries take. */
const keptDays = 7;

/** Writes the deliveries of the transition that a write from `before` to `after` makes, and returns them. */
export async function prepare(
  before: ImageRecord | undefined,
  after: ImageRecord,
): Promise<DeliveryRecord[]> {
  const type = eventOf(before, after);
  if (!type) return [];
  const endpoints = await Subscriptions.of(after.owner);
  const { imageID, version, writeID, updatedAt } = after;
  const snapshot = snapshotOf(type === "image.deleted" && before ? before : after, after);
  const rows = endpoints
    .filter(({ events }) => events.includes(type))
    .map(({ webhookID }) => ({
      ...draftOf(webhookID, Date.parse(updatedAt)),
      messageID: ID.messageIDOf(webhookID, imageID, version, type),
      type,
      at: updatedAt,
      snapshot,
      writeID,
    }));
  await Promise.all(rows.map((row) => DeliveryEntity.put(row).go()));
  return rows;
}

/** Returns a new pending delivery to an endpoint, without its content. */
export function draftOf(webhookID: string, now: number) {
  return {
    webhookID,
    deliveryID: ID.createDeliveryID(),
    status: "pending" as const,
    tries: 0,
    dueAt: new Date(now + resendMs).toISOString(),
    createdAt: new Date(now).toISOString(),
    expiresAt: expiryOf(now),
  };
}

/** Returns the time in seconds after which a delivery is removed. */
export const expiryOf = (now: number): number => Math.ceil(now / 1000) + keptDays * 86_400;

/** Sends the deliveries of a write that succeeded. Never throws: the reconciler sends what is left. */
export async function send(rows: readonly DeliveryRecord[]): Promise<void> {
  const attempts = rows.map(({ webhookID, deliveryID }) => ({ webhookID, deliveryID, tries: 0 }));
  await Promise.allSettled([Queue.deliver(attempts.map((attempt) => ({ ...attempt, committed: true })))]);
}

/** Removes the deliveries of a write that failed. */
export async function discard(rows: readonly DeliveryRecord[]): Promise<void> {
  await Promise.all(
    rows.map(({ webhookID, deliveryID }) => DeliveryEntity.delete({ webhookID, deliveryID }).go()),
  );
}

/** Returns the event of a write; undefined if it makes none that endpoints subscribe to. */
function eventOf(before: ImageRecord | undefined, { last, status }: ImageRecord): EventType | undefined {
  switch (last.type) {
    case "ready":
    case "rejected":
    case "failed":
    case "updated":
      return `image.${last.type}`;
    case "trashed":
    case "restored":
      return "image.updated";
    case "deleting":
    case "deleted":
      return before && isVisible(before.status) && !isVisible(status) ? "image.deleted" : undefined;
    default:
      return undefined;
  }
}

const isVisible = (status: ImageRecord["status"]) => visibleStatuses.some((visible) => visible === status);

/** Returns a record as callers may see it; of a deletion, as it was before, with the version of the deletion. */
function snapshotOf(record: ImageRecord, { version, updatedAt }: ImageRecord): ImageRecord {
  const { superseded, revoked, terms, leaseUntil, dueAt, expiresAt, ...kept } = record;
  return { ...kept, version, updatedAt };
}
