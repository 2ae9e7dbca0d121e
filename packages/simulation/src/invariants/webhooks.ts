/** The invariants of webhooks. */
import { createHmac } from "node:crypto";
import type { ImageRecord } from "@image-pipeline/core/table/image-entity";
import { visibleStatuses } from "@image-pipeline/core/table/status";
import type { EventType } from "@image-pipeline/core/table/webhook-entity";
import type { Received } from "../receivers.ts";
import type { Announced, Delivery, Endpoint, Invariant } from "./invariant.ts";

/** By number. */
export const webhooks: Readonly<Record<string, Invariant>> = {
  I23: {
    promise:
      "An enabled endpoint receives each committed transition that it is subscribed to at least once, and no other. Receivers and workers may fail at any time. Repeated messages have one `webhook-id`, and `version` orders those of an image.",
    heldBy: ["simulation", "webhooks.test.ts"],
    async *atRest({ observer, environment }, { reconciler }) {
      const { endpoints, transitions, deliveries } = observer;
      const given = Map.groupBy(deliveries.values(), ({ webhookID }) => webhookID);
      for (const { id, owner, events, since, receiver } of endpoints) {
        const received = Map.groupBy(receiver.received, keyOf);
        const ids = new Set<string>();
        for (const [key, messages] of received) {
          const transition = transitions.get(key);
          if (!transition || messages.some((message) => !isOfWrite(message, transition)))
            yield "an event was received of a write that never happened";
          else if (
            !events.includes(transition.type) ||
            (owner ?? transition.after.owner) !== transition.after.owner
          )
            yield "an event was received without a subscription";
          const [first, ...more] = new Set(messages.map(({ messageID }) => messageID));
          if (more.length > 0) yield "a repeated message has another id";
          if (first !== undefined && ids.has(first)) yield "two events have one id";
          ids.add(first ?? "");
        }
        if (!reconciler || !(await environment.webhooks.find({ id })).enabled) continue;
        for (const [key, { type, after, startedAt }] of transitions) {
          if (!events.includes(type) || (owner ?? after.owner) !== after.owner) continue;
          if (Date.parse(startedAt) < since || received.has(key)) continue;
          const failed = given.get(id)?.find((row) => row.status === "failed" && isAbout(row, key));
          if (!failed || failed.tries < attemptsMax) yield `a committed ${type} was never received`;
        }
      }
    },
  },
  I29: {
    promise:
      "Every secret that a response returned signs the messages of its endpoint for a day after it was replaced, up to five at once. A delivery that is sent again is received or makes all its attempts, unless its endpoint is disabled.",
    heldBy: ["simulation", "races.test.ts"],
    async *atRest({ observer, environment }, { reconciler }) {
      for (const endpoint of observer.endpoints) {
        if (endpoint.receiver.received.some((message) => !isSigned(message, endpoint, observer.endpoints)))
          yield "a message is not signed by a secret that a response returned";
        const { id, since, retried } = endpoint;
        if (!reconciler || !(await environment.webhooks.find({ id })).enabled) continue;
        for (const [deliveryID, at] of retried) {
          if (at < since) continue;
          const { status, tries = 0 } = observer.deliveries.get(`${id} ${deliveryID}`) ?? {};
          if (status !== "delivered" && (status !== "failed" || tries < attemptsMax))
            yield `a delivery that was sent again is ${status} after ${tries} attempts`;
        }
      }
    },
  },
};

const dayMs = 86_400_000;

/** Milliseconds by which the clocks of two processes differ at most. */
const skewMs = 10_000;

/** Secrets that sign at once. */
const secretsMax = 5;

/**
 * Returns true if each secret that must sign a message did. Several endpoints may have one receiver: then the message is
 * of one of them.
 */
function isSigned(message: Received, { receiver }: Endpoint, endpoints: readonly Endpoint[]): boolean {
  const { messageID, timestamp, body, signatures } = message;
  const given = signatures.split(" ");
  const sentAt = timestamp * 1000;
  return endpoints
    .filter((endpoint) => endpoint.receiver === receiver)
    .some(({ secrets }) =>
      secrets.every(({ secret, startedAt, endedAt = Number.POSITIVE_INFINITY }) => {
        if (secret === undefined || endedAt > sentAt - skewMs) return true;
        const later = secrets.filter(
          (each) => each.secret !== secret && (each.endedAt ?? Number.POSITIVE_INFINITY) >= startedAt,
        );
        const isOver =
          later.length >= secretsMax || later.some((each) => each.startedAt < sentAt - dayMs + skewMs);
        return isOver || given.includes(signatureOf(secret, `${messageID}.${timestamp}.${body}`));
      }),
    );
}

/** Returns a signature by the Standard Webhooks specification. */
const signatureOf = (secret: string, content: string) =>
  `v1,${createHmac("sha256", Buffer.from(secret.replace("whsec_", ""), "base64"))
    .update(content)
    .digest("base64")}`;

/** Attempts at a delivery, after which it is failed. */
const attemptsMax = 10;

const isVisible = (record: ImageRecord | undefined) =>
  visibleStatuses.some((visible) => visible === record?.status);

/** Returns the event of a transition, if endpoints can subscribe to it. */
export function eventOf(before: ImageRecord | undefined, after: ImageRecord): EventType | undefined {
  if (isVisible(before) && !isVisible(after)) return "image.deleted";
  const { type } = after.last;
  if (type === "ready" || type === "rejected" || type === "failed" || type === "updated")
    return `image.${type}`;
  return type === "trashed" || type === "restored" ? "image.updated" : undefined;
}

const keyOf = ({ imageID, version }: { imageID: string; version: number }) => `${imageID} ${version}`;

const isAbout = ({ snapshot }: Delivery, key: string) => snapshot !== undefined && keyOf(snapshot) === key;

/** Returns true for a message of this very transition, and not of another write that tried to make the version. */
function isOfWrite({ type, title, status }: Received, transition: Announced): boolean {
  const { before, after } = transition;
  const { title: written, status: reached } = type === "image.deleted" && before ? before : after;
  return type === transition.type && title === written && status === reached;
}
