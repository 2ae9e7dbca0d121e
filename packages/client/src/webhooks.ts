/** Operations on webhooks: endpoints, their secrets and deliveries. Verify messages with the package `standardwebhooks`. */
import type { Cancel } from "./images.ts";
import type { Request } from "./request.ts";
import type {
  Deliveries,
  Delivery,
  Webhook,
  WebhookChanges,
  WebhookInput,
  WebhookWithSecret,
} from "./types.ts";

/** Query of a page of deliveries; `limit` is 1 to 100 (50). A page of one status may be shorter, even empty. */
export type DeliveryQuery = { status?: Delivery["status"]; limit?: number; cursor?: string };

/** Creates the webhook operations on top of a `Request`. */
export function createWebhooks(request: Request) {
  const page = (id: string, query: DeliveryQuery = {}, { signal }: Cancel = {}): Promise<Deliveries> =>
    request("GET", `${pathOf(id)}/deliveries`, { query, signal });

  return {
    /** Lists the caller's webhooks, oldest first; for a service without `owner`, those of the images of all owners. */
    async list({ owner, signal }: Cancel & { owner?: string } = {}): Promise<Webhook[]> {
      const { items } = await request<{ items: Webhook[] }>("GET", "/webhooks", { query: { owner }, signal });
      return items;
    },

    /**
     * Creates a webhook and returns it with its secret: store it. A failed request is not repeated, because it may have
     * succeeded: list the webhooks then. Throws `invalid_request` for a URL that is not https or not public,
     * `quota_exceeded`.
     */
    create: (input: WebhookInput, { signal }: Cancel = {}): Promise<WebhookWithSecret> =>
      request("POST", "/webhooks", { body: input, signal, tries: 1 }),

    /** Returns a webhook. Throws `webhook_not_found`. */
    get: (id: string, { signal }: Cancel = {}): Promise<Webhook> => request("GET", pathOf(id), { signal }),

    /** Changes URL, events or description, and disables or enables a webhook. Throws `webhook_not_found`, `invalid_request`. */
    update: (id: string, changes: WebhookChanges, { signal }: Cancel = {}): Promise<Webhook> =>
      request("PATCH", pathOf(id), { body: changes, signal }),

    /** Deletes a webhook with its secret. Its pending deliveries are not sent. Throws `webhook_not_found`. */
    remove: (id: string, { signal }: Cancel = {}): Promise<void> => request("DELETE", pathOf(id), { signal }),

    /** Returns the webhook with a new secret. For a day the old one signs as well. Throws `webhook_not_found`. */
    rotate: (id: string, { signal }: Cancel = {}): Promise<WebhookWithSecret> =>
      request("POST", `${pathOf(id)}/rotate`, { signal }),

    /** Sends a message of the type `webhook.test`, and returns its delivery as `pending`. Throws `webhook_not_found`. */
    test: (id: string, { signal }: Cancel = {}): Promise<Delivery> =>
      request("POST", `${pathOf(id)}/test`, { signal }),

    /** Returns a page of the deliveries of the last seven days, newest first. Throws `webhook_not_found`. */
    page,

    /** Iterates over all deliveries, and requests each page when it is needed. */
    async *deliveries(
      id: string,
      query: Omit<DeliveryQuery, "cursor"> = {},
      options: Cancel = {},
    ): AsyncGenerator<Delivery, void, undefined> {
      let cursor: string | undefined;
      do {
        const { items, nextCursor } = await page(id, { ...query, cursor }, options);
        yield* items;
        cursor = nextCursor;
      } while (cursor !== undefined);
    },

    /**
     * Sends a delivery again, with the same `webhook-id`, and by the whole schedule if it fails. Throws
     * `webhook_not_found`, `delivery_not_found`, `webhook_disabled`.
     */
    retry: (id: string, delivery: string, { signal }: Cancel = {}): Promise<Delivery> =>
      request("POST", `${pathOf(id)}/deliveries/${encodeURIComponent(delivery)}/retry`, { signal }),
  };
}

const pathOf = (id: string) => `/webhooks/${encodeURIComponent(id)}`;
