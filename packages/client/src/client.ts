/**
 * Typed client of the images API for browsers, Node and React Native. No dependency at run time.
 *
 * ```ts
 * const { upload, images } = createClient({ baseUrl: "https://images.example.com", token });
 * const image = await upload(file, { onProgress, signal });
 * for await (const image of images.list({ tag: "holiday" })) ...
 * ```
 */
import { createImages } from "./images.ts";
import { createRequest, type Options } from "./request.ts";
import type { Health, Stats, Usage } from "./types.ts";
import { createUpload } from "./upload.ts";
import { createWebhooks } from "./webhooks.ts";

export type { ChangeQuery, Changes, Filters, ImportOptions, Query } from "./images.ts";
export { isFinal } from "./images.ts";
export { ClientError, type Code } from "./problem.ts";
export type { Init, Options } from "./request.ts";
export type {
  BatchResults,
  Change,
  ChangePage,
  Count,
  CreatedImage,
  Deliveries,
  Delivery,
  Event,
  Fault,
  Health,
  Image,
  MediaSession,
  Operation,
  Page,
  Similar,
  SourceFormat,
  Stats,
  Status,
  Usage,
  Variant,
  VariantName,
  Webhook,
  WebhookChanges,
  WebhookInput,
  WebhookWithSecret,
} from "./types.ts";
export type { Progress, Source, Ticket, UploadOptions } from "./upload.ts";
export type { DeliveryQuery } from "./webhooks.ts";

/**
 * Creates a client of the API at `baseUrl`. Makes no request. Every method rejects with a `ClientError`, or with the
 * signal's reason when its signal aborts.
 */
export function createClient(options: Options) {
  const request = createRequest(options);
  const images = createImages(request);
  return {
    images,
    upload: createUpload(request, images),
    webhooks: createWebhooks(request),
    /** Makes a request for which the client has no method: `request("GET", "/images", { query: { limit: 1 } })`. */
    request,
    /**
     * Sets signed cookies for the private files of the caller's `owner` in a browser of the API's site, and returns them
     * for apps that send `Cookie` themselves. The URLs then need no signature: use `url` up to the `?`.
     */
    mediaSession: ({ owner, signal }: { owner?: string; signal?: AbortSignal } = {}): Promise<MediaSession> =>
      request("POST", "/media-session", { query: { owner }, signal }),
    /** Returns whether the API responds, and in `trashDays` for how long a deleted image can be restored: 0 without a trash. */
    health: ({ signal }: { signal?: AbortSignal } = {}): Promise<Health> =>
      request("GET", "/health", { signal }),
    /** Returns counters, queue depths and rates of the last `hours` (1 to 48, default 24). Needs the scope `service`. */
    stats: ({ hours, signal }: { hours?: number; signal?: AbortSignal } = {}): Promise<Stats> =>
      request("GET", "/stats", { query: { hours }, signal }),
    /**
     * Returns the usage of an owner in a month such as `2026-11`, by day and in total: by default of the caller's owner and
     * this month. Kept for 13 months.
     */
    usage: ({
      owner,
      month,
      signal,
    }: {
      owner?: string;
      month?: string;
      signal?: AbortSignal;
    } = {}): Promise<Usage> => request("GET", "/usage", { query: { owner, month }, signal }),
  };
}

/** The object that `createClient` returns. */
export type Client = ReturnType<typeof createClient>;
