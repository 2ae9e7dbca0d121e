/** Deliveries of events to an endpoint, with their attempts, as callers see them. */
export * as Delivery from "./delivery.ts";

import * as v from "valibot";
import { Queue } from "../aws/queue.ts";
import { VisibleError } from "../error.ts";
import { fn } from "../fn.ts";
import { ID } from "../id.ts";
import { Cursor } from "../images/cursor.ts";
import { Scan } from "../records/scan.ts";
import { DeliveryEntity, type DeliveryRecord, deliveryStatuses, testType } from "../table/delivery-entity.ts";
import { Table } from "../table/table.ts";
import { wholeSeconds } from "../time.ts";
import { Outbox } from "./outbox.ts";
import { Webhook } from "./webhook.ts";

const time = (description: string) => v.pipe(v.string(), v.isoTimestamp(), v.description(description));
const int32 = (description: string) =>
  v.pipe(v.number(), v.integer(), v.metadata({ format: "int32" }), v.description(description));

const Attempt = v.pipe(
  v.object({
    at: time("Time of the attempt."),
    ms: int32("Duration in milliseconds."),
    status: v.optional(int32("HTTP status of the receiver's response.")),
    error: v.optional(
      v.pipe(
        v.string(),
        v.description(
          "Reason of the failure: `status`, `redirect`, `timeout`, `unreachable`, `refused` (the URL leads to an internal address), `disabled`. More may be added.",
        ),
      ),
    ),
  }),
  v.metadata({ ref: "DeliveryAttempt" }),
);

/** A delivery as callers see it. */
export const Info = v.pipe(
  v.object({
    id: v.pipe(v.string(), v.description("Id of the delivery.")),
    messageId: v.pipe(v.string(), v.description("The header `webhook-id`, the same for every attempt.")),
    type: v.pipe(v.string(), v.description("Type of the event, or `webhook.test`.")),
    imageId: v.optional(v.pipe(v.string(), v.description("Id of the image."))),
    version: v.optional(int32("Version of the image by the event.")),
    status: v.pipe(
      v.string(),
      v.metadata({ "x-extensible-enum": deliveryStatuses }),
      v.description("`pending`, `delivered` or `failed`."),
    ),
    attempts: v.pipe(v.array(Attempt), v.description("The last 20 attempts, oldest first.")),
    nextAttemptAt: v.optional(time("Time at which the next attempt is made at the latest.")),
    createdAt: time("Time of the event."),
  }),
  v.metadata({ ref: "Delivery" }),
);
export type Info = v.InferOutput<typeof Info>;

/** Page of deliveries; `nextCursor` is absent on the last page. A page of one status may be shorter than `limit`, even empty. */
export type Page = { items: Info[]; nextCursor?: string };

/** Maximum number of deliveries in a page. */
export const limitMax = 100;

/** Lists the deliveries of an endpoint, newest first, for seven days. Throws `webhook_not_found`, `invalid_cursor`. */
export const list = fn(
  v.object({
    id: v.string(),
    owner: v.optional(ID.owner),
    status: v.optional(v.picklist(deliveryStatuses)),
    limit: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(limitMax)),
    cursor: v.optional(v.string()),
  }),
  async ({ id, owner, status, limit, cursor }): Promise<Page> => {
    const binding = { deliveries: id, owner, status };
    const [start] = cursor === undefined ? [] : Cursor.open(binding, cursor);
    await Webhook.find({ id, owner });
    const query = DeliveryEntity.query.byWebhook({ webhookID: id });
    const from = start === undefined ? query : query.lte({ deliveryID: start });
    const rows = await Scan.take<DeliveryRecord>(limit + 1, (page) =>
      from.go({ ...page, consistent: true, order: "desc" }),
    );
    const next = rows[limit];
    return {
      items: rows
        .slice(0, limit)
        .filter((row) => status === undefined || row.status === status)
        .map(serialize),
      ...(next ? { nextCursor: Cursor.issue(binding, [next.deliveryID]) } : {}),
    };
  },
);

/**
 * Sends a delivery again, now, and then by the whole schedule. Throws `webhook_not_found`, `delivery_not_found`,
 * `webhook_disabled`.
 */
export const retry = fn(
  v.object({ id: v.string(), delivery: v.string(), owner: v.optional(ID.owner) }),
  async ({ id, delivery, owner }): Promise<Info> => {
    const { webhookID, enabled } = await Webhook.find({ id, owner });
    if (!enabled) throw new VisibleError("webhook_disabled", `Webhook ${id} is disabled. Enable it first.`);
    for (;;) {
      const row = v.is(ID.deliveryID, delivery)
        ? (await DeliveryEntity.get({ webhookID, deliveryID: delivery }).go({ consistent: true })).data
        : null;
      if (!row) throw new VisibleError("delivery_not_found", `Delivery ${delivery} not found.`);
      const now = Date.now();
      const again: DeliveryRecord = {
        ...row,
        status: "pending",
        tries: 0,
        dueAt: new Date(now + Outbox.resendMs).toISOString(),
        expiresAt: Outbox.expiryOf(now),
      };
      try {
        // The result of an attempt that ends meanwhile is kept.
        await DeliveryEntity.put(again)
          .where(({ tries }, { eq }) => eq(tries, row.tries))
          .go();
        await Queue.deliver([{ webhookID, deliveryID: row.deliveryID, tries: 0 }]);
        return serialize(again);
      } catch (error) {
        if (!Table.isConditionFailure(error)) throw error;
      }
    }
  },
);

/** Sends a message of the type `webhook.test`, once, to a disabled endpoint too. Throws `webhook_not_found`. */
export const test = fn(
  v.object({ id: v.string(), owner: v.optional(ID.owner) }),
  async ({ id, owner }): Promise<Info> => {
    const { webhookID } = await Webhook.find({ id, owner });
    const now = Date.now();
    const draft = Outbox.draftOf(webhookID, now);
    const { deliveryID, createdAt } = draft;
    const row: DeliveryRecord = {
      ...draft,
      type: testType,
      at: createdAt,
      messageID: ID.messageIDOf(webhookID, deliveryID),
    };
    await DeliveryEntity.put(row).go();
    await Queue.deliver([{ webhookID, deliveryID, tries: 0 }]);
    return serialize(row);
  },
);

function serialize(row: DeliveryRecord): Info {
  const { deliveryID, messageID, type, snapshot, status, attempts = [], dueAt, createdAt } = row;
  return {
    id: deliveryID,
    messageId: messageID,
    type,
    imageId: snapshot?.imageID,
    version: snapshot?.version,
    status,
    attempts: attempts.map(({ at, ms, status, error }) => ({ at: wholeSeconds(at), ms, status, error })),
    nextAttemptAt: status === "pending" && dueAt ? wholeSeconds(dueAt) : undefined,
    createdAt: wholeSeconds(createdAt),
  };
}
