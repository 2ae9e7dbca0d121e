/** Webhook endpoints: URLs that receive the events of an owner's images, signed by the Standard Webhooks specification. */
export * as Webhook from "./webhook.ts";

import { randomBytes } from "node:crypto";
import * as v from "valibot";
import { Address } from "../egress/address.ts";
import { EgressError } from "../egress/egress-error.ts";
import { Target } from "../egress/target.ts";
import { VisibleError } from "../error.ts";
import { fn } from "../fn.ts";
import { ID } from "../id.ts";
import { isConditionFailure } from "../records/record.ts";
import { WebhookEntity, type WebhookRecord, WebhookSecretEntity } from "../table/webhook-entity.ts";
import { wholeSeconds } from "../time.ts";
import { Schedule } from "./schedule.ts";
import { everyOwner, Subscriptions } from "./subscriptions.ts";
import type { Changes, Info, New, WithSecret } from "./webhook-schema.ts";

export { Changes, Info, New, WithSecret } from "./webhook-schema.ts";

/** The error of a URL that the policy refuses. */
export class RefusedURL extends VisibleError {
  constructor(message: string, options?: ErrorOptions) {
    super("invalid_request", message, options);
  }
}

/** Limits of an owner, and `egress`: the URLs that are allowed. */
export type Limits = { webhooksMax: number; egress: Target.Policy };

/** An endpoint by its id, for a caller of this owner; without an owner, for a service. */
const Reference = v.object({ id: v.string(), owner: v.optional(ID.owner) });
type Reference = v.InferOutput<typeof Reference>;

/**
 * Creates an endpoint and its secret. Without `owner` it receives the events of all owners. Throws `RefusedURL`,
 * `quota_exceeded`.
 */
export async function create(
  { url, events, description, owner }: New,
  { webhooksMax, egress }: Limits,
): Promise<WithSecret> {
  mustBeAllowed(url, egress);
  const scope = owner ?? everyOwner;
  if ((await read(scope)).length >= webhooksMax) throw tooMany(webhooksMax);
  const webhookID = ID.createWebhookID(owner);
  const now = new Date().toISOString();
  const secret = createSecret();
  await WebhookSecretEntity.put({ signer: webhookID, secret }).go();
  const { data: row } = await WebhookEntity.put({
    scope,
    webhookID,
    url,
    description,
    events,
    enabled: true,
    slow: true,
    createdAt: now,
    updatedAt: now,
  }).go();
  // Requests in parallel may each have found a free place: those above the limit take their endpoint back.
  if ((await read(scope)).length > webhooksMax) {
    await removeRows(row);
    throw tooMany(webhooksMax);
  }
  Subscriptions.forget(scope);
  return { ...serialize(row), secret };
}

/** Lists the endpoints of an owner, oldest first; without one, those that receive the events of all owners. */
export const list = fn(
  v.object({ owner: v.optional(ID.owner) }),
  async ({ owner }): Promise<Info[]> => (await read(owner ?? everyOwner)).map(serialize),
);

/** Looks an endpoint up. Throws `webhook_not_found`, for another owner's too. */
export const fromID = fn(Reference, async (reference): Promise<Info> => serialize(await find(reference)));

/** Changes an endpoint. Throws `webhook_not_found`, `RefusedURL`. */
export async function update(
  reference: Reference,
  { url, events, description, enabled }: Changes,
  { egress }: Pick<Limits, "egress">,
): Promise<Info> {
  if (url !== undefined) mustBeAllowed(url, egress);
  const { scope, webhookID, ...before } = await find(reference);
  const at = new Date().toISOString();
  const isEnabled = enabled === true && !before.enabled;
  const isDisabled = enabled === false && before.enabled;
  const failures = ["failures", "failingSince", "pausedUntil"] as const;
  const removed = [
    ...(description === null ? (["description"] as const) : []),
    ...(isEnabled ? (["disabledReason", "disabledAt", ...failures] as const) : []),
    // Another receiver begins without the failures of the old one.
    ...(url !== undefined && !isEnabled ? failures : []),
  ];
  const set = {
    updatedAt: at,
    ...(url !== undefined && { url }),
    // Unknown receivers are taken for slow ones until they accept a message.
    ...((url !== undefined || isEnabled) && { slow: true }),
    ...(events !== undefined && { events }),
    ...(typeof description === "string" && { description }),
    ...(isEnabled && { enabled: true }),
    ...(isDisabled && { enabled: false, disabledReason: "manual" as const, disabledAt: at }),
  };
  try {
    const change = WebhookEntity.patch({ scope, webhookID }).set(set);
    const { data } = await (removed.length > 0 ? change.remove(removed) : change).go({ response: "all_new" });
    Subscriptions.forget(scope);
    return serialize(data);
  } catch (error) {
    if (isConditionFailure(error)) throw notFound(webhookID);
    throw error;
  }
}

/** Removes an endpoint with its secret. Its pending deliveries are not sent. Throws `webhook_not_found`. */
export const remove = fn(Reference, async (reference): Promise<void> => {
  const row = await find(reference);
  await removeRows(row);
  Subscriptions.forget(row.scope);
});

/**
 * Replaces the secret. For a day the old one signs as well, so that receivers can change over; so do those of earlier
 * rotations within the day, because a client that lost the response repeats the request. Throws `webhook_not_found`.
 */
export const rotate = fn(Reference, async (reference): Promise<WithSecret> => {
  const row = await find(reference);
  const signer = row.webhookID;
  const secret = createSecret();
  for (;;) {
    const { data } = await WebhookSecretEntity.get({ signer }).go({ consistent: true });
    if (!data) throw notFound(reference.id);
    // The response of the write was lost, and its repetition refused.
    if (data.secret === secret) return { ...serialize(row), secret };
    const until = new Date(Date.now() + Schedule.previousSecretMs).toISOString();
    const previous = [{ secret: data.secret, until }, ...(data.previous ?? [])].slice(0, previousMax);
    try {
      // Of rotations in parallel each keeps the secret of the one before it.
      await WebhookSecretEntity.put({ signer, secret, previous })
        .where((stored, { eq }) => eq(stored.secret, data.secret))
        .go();
      return { ...serialize(row), secret };
    } catch (error) {
      if (!isConditionFailure(error)) throw error;
    }
  }
});

/** Reads an endpoint that the caller may see. Throws `webhook_not_found`. */
export async function find({ id, owner }: Reference): Promise<WebhookRecord> {
  const parsed = v.safeParse(ID.webhookID, id);
  const scope = ID.ownerOfWebhook(id) ?? everyOwner;
  if (!parsed.success || (owner !== undefined && scope !== owner)) throw notFound(id);
  const { data } = await WebhookEntity.get({ scope, webhookID: id }).go({ consistent: true });
  if (!data) throw notFound(id);
  return data;
}

async function read(scope: string): Promise<WebhookRecord[]> {
  const { data } = await WebhookEntity.query.byScope({ scope }).go({ consistent: true, pages: "all" });
  return data;
}

/** The endpoint first: a sender that finds none removes the deliveries, and needs no secret. */
async function removeRows({ scope, webhookID }: WebhookRecord): Promise<void> {
  await WebhookEntity.delete({ scope, webhookID }).go();
  await WebhookSecretEntity.delete({ signer: webhookID }).go();
}

/** Refuses URLs that the sender would refuse without a look-up of the name. Throws `RefusedURL`. */
function mustBeAllowed(text: string, policy: Target.Policy): void {
  let advice = "";
  // The URL parser removes tabs and line breaks, so that the text would not be the URL that is sent to.
  if (/[\p{C}\s]/u.test(text)) throw new RefusedURL("The URL has a space or a control character.");
  try {
    const url = Target.parse(text, policy);
    const host = Target.hostnameOf(url);
    const isInternal = /(^|\.)(localhost|local|internal)\.?$/i.test(host);
    const isAddress = /^[\d.]+$/.test(host) || host.includes(":");
    const isPublic = isAddress ? Address.isPublic(host) : !isInternal && host.includes(".");
    const isLoopback = policy.loopback && (host === "localhost" || Address.isLoopback(host));
    if (isPublic || isLoopback) return;
    advice = Target.adviceOf(url, policy);
  } catch (error) {
    if (!(error instanceof EgressError)) throw error;
    throw new RefusedURL(error.message, { cause: error });
  }
  throw new RefusedURL(
    `The URL was refused. Its host is internal; use a name or an address of the public internet.${advice}`,
  );
}

/** Most secrets that sign next to the current one. */
const previousMax = 4;

/** 256 random bits; the specification accepts 192 to 512. */
const createSecret = () => `whsec_${randomBytes(32).toString("base64")}`;

const tooMany = (max: number) =>
  new VisibleError("quota_exceeded", `The owner has ${max} webhooks already. Remove one first.`);

const notFound = (id: string) => new VisibleError("webhook_not_found", `Webhook ${id} not found.`);

function serialize(row: WebhookRecord): Info {
  const { scope, webhookID, url, events, description, enabled, disabledReason, disabledAt } = row;
  return {
    id: webhookID,
    url,
    events: [...events],
    description,
    owner: scope === everyOwner ? undefined : scope,
    enabled,
    disabledReason: enabled ? undefined : disabledReason,
    disabledAt: disabledAt && !enabled ? wholeSeconds(disabledAt) : undefined,
    failingSince: row.failingSince && wholeSeconds(row.failingSince),
    createdAt: wholeSeconds(row.createdAt),
    updatedAt: wholeSeconds(row.updatedAt),
  };
}
