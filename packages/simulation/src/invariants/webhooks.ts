/** The invariant of webhooks. */
import type { ImageRecord } from "@image-pipeline/core/table/image-entity";
import { visibleStatuses } from "@image-pipeline/core/table/status";
import type { EventType } from "@image-pipeline/core/table/webhook-entity";
import type { Received } from "../receivers.ts";
import type { Announced, Delivery, Invariant } from "./invariant.ts";

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
};

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
