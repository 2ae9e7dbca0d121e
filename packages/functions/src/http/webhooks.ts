/** The routes of webhooks. */
import { Target } from "@image-pipeline/core/egress/target";
import { ID } from "@image-pipeline/core/id";
import { Quota } from "@image-pipeline/core/images/quota";
import { deliveryStatuses } from "@image-pipeline/core/table/delivery-entity";
import { Delivery } from "@image-pipeline/core/webhooks/delivery";
import { Webhook } from "@image-pipeline/core/webhooks/webhook";
import { type Context, Hono } from "hono";
import * as v from "valibot";
import { actingFor, type Env, type Guarded } from "./auth.ts";
import { Example } from "./examples.ts";
import { whole } from "./images-schema.ts";
import { InvalidRequest } from "./problem.ts";
import { route } from "./route.ts";
import { validator } from "./validator.ts";

const Path = v.object({ webhook: v.pipe(v.string(), v.description("Id of the endpoint.")) });
const DeliveryPath = v.object({
  ...Path.entries,
  delivery: v.pipe(v.string(), v.description("Id of the delivery.")),
});

const ListQuery = v.strictObject({
  owner: v.optional(
    v.pipe(
      ID.owner,
      v.description(
        "Owner whose endpoints to list. A service without it lists those that receive the events of all owners.",
      ),
    ),
  ),
});

const deliveriesDefault = 50;

const DeliveriesQuery = v.strictObject({
  status: v.optional(v.pipe(v.picklist(deliveryStatuses), v.description("Status of the deliveries."))),
  limit: v.optional(
    whole(1, Delivery.limitMax, "Maximum number of deliveries in the page.", { default: deliveriesDefault }),
    String(deliveriesDefault),
  ),
  cursor: v.optional(
    v.pipe(v.string(), v.maxLength(512), v.description("`nextCursor` of the previous page.")),
  ),
});

const List = v.pipe(v.object({ items: v.array(Webhook.Info) }), v.metadata({ ref: "WebhookList" }));

const Deliveries = v.pipe(
  v.object({
    items: v.array(Delivery.Info),
    nextCursor: v.optional(
      v.pipe(v.string(), v.description("Cursor of the next page. Absent on the last page.")),
    ),
  }),
  v.metadata({ ref: "DeliveryList" }),
);

/** Returns the endpoint that a request names, for its caller. */
const referenceOf = (c: Context<Guarded>, { webhook }: { webhook: string }) => ({
  id: webhook,
  owner: c.var.caller.owner,
});

/** Takes one change from the owner's quota of today: each of these requests may send others. */
async function charge(c: Context<Guarded>): Promise<void> {
  const { owner } = c.var.caller;
  if (owner !== undefined) await Quota.change({ owner, isReprocess: false }, c.var.settings);
}

const limitsOf = ({ var: { settings } }: Context<Guarded>) => ({
  webhooksMax: settings.webhooksMax,
  egress: Target.policyOf(settings.stage, settings),
});

/** Names the field of a URL that the stage refuses. Throws every other error as it is. */
function withPointer(error: unknown): never {
  throw error instanceof Webhook.RefusedURL
    ? new InvalidRequest([{ pointer: "/url", detail: error.message }])
    : error;
}

const bodyErrors = ["invalid_request", "malformed_json", "body_too_large", "unsupported_media_type"] as const;

export const webhooks = new Hono<Env>()
  .post(
    "/webhooks",
    route({
      operationId: "createWebhook",
      tag: "Webhooks",
      summary: "Create a webhook",
      description:
        "Creates an endpoint that receives the events of images, by the [Standard Webhooks](https://www.standardwebhooks.com) specification: a POST of `{type, timestamp, data}` with the headers `webhook-id`, `webhook-timestamp` and `webhook-signature`. `data` is the image; of `image.deleted`, the image as it was. It receives the events from about ten seconds after its creation. The secret is returned only here.",
      scope: "images:write",
      responses: {
        201: {
          description: "The endpoint, with its secret.",
          schema: Webhook.WithSecret,
          example: Example.webhookWithSecret,
          headers: { Location: "URL path of the endpoint." },
        },
      },
      errors: [...bodyErrors, "quota_exceeded"],
      body: Example.newWebhook,
    }),
    validator("json", Webhook.New),
    async (c) => {
      const body = c.req.valid("json");
      const owner = actingFor(c.var.caller, body.owner);
      await charge(c);
      const webhook = await Webhook.create({ ...body, owner }, limitsOf(c)).catch(withPointer);
      c.header("location", `/webhooks/${webhook.id}`);
      return c.json(webhook, 201);
    },
  )
  .get(
    "/webhooks",
    route({
      operationId: "listWebhooks",
      tag: "Webhooks",
      summary: "List webhooks",
      scope: "images:read",
      responses: {
        200: { description: "All endpoints, oldest first.", schema: List, example: Example.webhooks },
      },
      errors: ["invalid_request"],
    }),
    validator("query", ListQuery),
    async (c) => {
      const owner = actingFor(c.var.caller, c.req.valid("query").owner);
      return c.json({ items: await Webhook.list({ owner }) }, 200);
    },
  )
  .get(
    "/webhooks/:webhook",
    route({
      operationId: "getWebhook",
      tag: "Webhooks",
      summary: "Get a webhook",
      scope: "images:read",
      responses: { 200: { description: "The endpoint.", schema: Webhook.Info, example: Example.webhook } },
      errors: ["webhook_not_found"],
    }),
    validator("param", Path),
    async (c) => {
      return c.json(await Webhook.fromID(referenceOf(c, c.req.valid("param"))), 200);
    },
  )
  .patch(
    "/webhooks/:webhook",
    route({
      operationId: "updateWebhook",
      tag: "Webhooks",
      summary: "Change a webhook",
      description: "Changes URL, events or description, and disables or enables the endpoint.",
      scope: "images:write",
      responses: { 200: { description: "The endpoint.", schema: Webhook.Info, example: Example.webhook } },
      errors: [...bodyErrors, "webhook_not_found", "quota_exceeded"],
      body: Example.webhookChanges,
    }),
    validator("param", Path),
    validator("json", Webhook.Changes),
    async (c) => {
      await charge(c);
      const reference = referenceOf(c, c.req.valid("param"));
      const changes = c.req.valid("json");
      return c.json(await Webhook.update(reference, changes, limitsOf(c)).catch(withPointer), 200);
    },
  )
  .delete(
    "/webhooks/:webhook",
    route({
      operationId: "deleteWebhook",
      tag: "Webhooks",
      summary: "Delete a webhook",
      description: "Deletes the endpoint with its secret. Deliveries that are pending are not sent.",
      scope: "images:write",
      responses: { 204: { description: "Deleted." } },
      errors: ["webhook_not_found"],
    }),
    validator("param", Path),
    async (c) => {
      await Webhook.remove(referenceOf(c, c.req.valid("param")));
      return c.body(null, 204);
    },
  )
  .post(
    "/webhooks/:webhook/rotate",
    route({
      operationId: "rotateWebhookSecret",
      tag: "Webhooks",
      summary: "Rotate a webhook's secret",
      description:
        "Replaces the secret. For 24 hours messages are signed with both, so that the receiver can change over without a gap. After several rotations within that time they are signed with the last five secrets.",
      scope: "images:write",
      responses: {
        200: {
          description: "The endpoint, with its new secret.",
          schema: Webhook.WithSecret,
          example: Example.webhookWithSecret,
        },
      },
      errors: ["webhook_not_found", "quota_exceeded"],
    }),
    validator("param", Path),
    async (c) => {
      await charge(c);
      return c.json(await Webhook.rotate(referenceOf(c, c.req.valid("param"))), 200);
    },
  )
  .post(
    "/webhooks/:webhook/test",
    route({
      operationId: "testWebhook",
      tag: "Webhooks",
      summary: "Send a test message",
      description:
        "Sends one message of the type `webhook.test`, also to a disabled endpoint. The response is the delivery before its attempt; list the deliveries for the result.",
      scope: "images:write",
      responses: {
        202: { description: "The delivery.", schema: Delivery.Info, example: Example.testDelivery },
      },
      errors: ["webhook_not_found", "quota_exceeded"],
    }),
    validator("param", Path),
    async (c) => {
      await charge(c);
      return c.json(await Delivery.test(referenceOf(c, c.req.valid("param"))), 202);
    },
  )
  .get(
    "/webhooks/:webhook/deliveries",
    route({
      operationId: "listWebhookDeliveries",
      tag: "Webhooks",
      summary: "List a webhook's deliveries",
      description:
        "The deliveries of the last seven days with their attempts, newest first. A page of one status may be shorter than `limit`, even empty: the list ends where there is no `nextCursor`.",
      scope: "images:read",
      responses: {
        200: { description: "One page.", schema: Deliveries, example: Example.deliveries },
      },
      errors: ["invalid_request", "invalid_cursor", "webhook_not_found"],
    }),
    validator("param", Path),
    validator("query", DeliveriesQuery),
    async (c) => {
      const reference = referenceOf(c, c.req.valid("param"));
      return c.json(await Delivery.list({ ...reference, ...c.req.valid("query") }), 200);
    },
  )
  .post(
    "/webhooks/:webhook/deliveries/:delivery/retry",
    route({
      operationId: "retryWebhookDelivery",
      tag: "Webhooks",
      summary: "Send a delivery again",
      description:
        "Sends a delivery again, with the same `webhook-id` and body, and by the whole schedule if it fails.",
      scope: "images:write",
      responses: {
        202: { description: "The delivery.", schema: Delivery.Info, example: Example.delivery },
      },
      errors: ["webhook_not_found", "delivery_not_found", "webhook_disabled", "quota_exceeded"],
    }),
    validator("param", DeliveryPath),
    async (c) => {
      await charge(c);
      return c.json(
        await Delivery.retry({
          ...referenceOf(c, c.req.valid("param")),
          delivery: c.req.valid("param").delivery,
        }),
        202,
      );
    },
  );
