/** One example of each request and response body of the API, for the OpenAPI document and for tests. */

import type { Audit } from "@image-pipeline/core/images/audit";
import type { Changes } from "@image-pipeline/core/images/changes";
import type { Image } from "@image-pipeline/core/images/image";
import type { Stats } from "@image-pipeline/core/images/stats";
import type { Upload } from "@image-pipeline/core/images/upload";
import type { Uppy } from "@image-pipeline/core/images/uppy";
import type { Usage } from "@image-pipeline/core/images/usage";
import type { Delivery } from "@image-pipeline/core/webhooks/delivery";
import type { Webhook } from "@image-pipeline/core/webhooks/webhook";
import type { Results } from "./batch-schema.ts";

const id = "img_01M840E3836646KR31ZDGQHSZX";
const media = `https://images.example.com/media/${id}/1-05793f97`;
const sha256 = "df5b359c4515ea99ad4ad5497a1a90f9bd664272675732891526f86f5fa8c417";

const described = {
  title: "The old lighthouse",
  alt: "A white lighthouse on a cliff, seen from the sea",
  tags: ["sea", "summer"],
  metadata: { album: "42" },
  focus: { x: 0.62, y: 0.4 },
};

const newImage: Upload.New = {
  filename: "IMG_2041.jpg",
  contentType: "image/jpeg",
  bytes: 3481190,
  sha256,
  ...described,
};

const pending: Image.Info = {
  id,
  status: "pending",
  version: 1,
  owner: "default",
  filename: newImage.filename,
  ...described,
  visibility: "public",
  source: { key: `default/${id}` },
  createdAt: "2026-11-23T10:50:09Z",
  updatedAt: "2026-11-23T10:50:09Z",
};

const image: Image.Info = {
  ...pending,
  status: "ready",
  version: 3,
  source: {
    ...pending.source,
    bytes: newImage.bytes,
    format: "jpeg",
    contentType: "image/jpeg",
    width: 4032,
    height: 3024,
    alpha: false,
    frames: 1,
    perceptualHash: "c7f0f0f8f8d8f030",
    takenAt: "2026-08-02T18:41:07+02:00",
    camera: "Apple iPhone 15",
    sha256,
  },
  placeholder: { thumbhash: "IosCBYBZSH+Jh3h4eIh4eE+H91SI", color: "#7a8b9c" },
  variants: {
    thumbnail: variant("thumbnail", 200, 200, 6120),
    small: variant("small", 480, 360, 21604),
    medium: variant("medium", 1080, 810, 84380),
    large: variant("large", 1920, 1440, 214876),
  },
  updatedAt: "2026-11-23T10:50:11Z",
  processedAt: "2026-11-23T10:50:11Z",
};

const similar: Image.Info = {
  ...image,
  id: "img_01M83Z0T5Q8J2V4X6B9C1D3E5F",
  source: { ...image.source, perceptualHash: "c7f0f0f8f8d0f432" },
};

function variant(name: string, width: number, height: number, bytes: number) {
  return { url: `${media}/${name}.webp`, width, height, format: "webp", contentType: "image/webp", bytes };
}

const upload: Upload.Info = {
  method: "PUT",
  url: `https://uploads.s3.eu-central-1.amazonaws.com/default/${id}?X-Amz-Signature=…`,
  headers: { "content-type": "image/jpeg", "if-none-match": "*" },
  expiresAt: "2026-11-23T11:05:09Z",
};

const events: Audit.Info[] = [
  { type: "announced", at: pending.createdAt, by: "user:2h7q0c5w8m1x4z6n9r3t0v2y5b" },
  {
    type: "uploaded",
    at: "2026-11-23T10:50:10Z",
    by: "storage",
    detail: { etag: "05793f9740cdfc7b02866e3acbee140f" },
  },
  { type: "ready", at: image.updatedAt, by: "processor", detail: { attempt: "1" } },
];

const signing: Uppy.Request = {
  method: "PUT",
  key: "7d3f7a52-6f0c-4f53-9a54-0a3f6a1f2b11-IMG_2041.jpg",
  contentType: "image/jpeg",
};

const signed: Uppy.Signed = {
  id,
  url: "https://uploads.s3.eu-central-1.amazonaws.com",
  key: `default/${id}`,
  fields: {
    key: `default/${id}`,
    "Content-Type": "image/jpeg",
    Policy: "eyJleHBpcmF0aW9uIjoi…",
    "X-Amz-Signature": "…",
  },
};

const original = {
  url: `https://uploads.s3.eu-central-1.amazonaws.com/default/${id}?X-Amz-Signature=…`,
  expiresAt: "2026-11-23T10:55:30Z",
};

const mediaSession = {
  path: "/media/private/default/",
  cookies: {
    "CloudFront-Key-Pair-Id": "K2JCJMDEHXQW5F",
    "CloudFront-Signature": "…",
    "CloudFront-Policy": "…",
    "CloudFront-Hash-Algorithm": "SHA256",
  },
  expiresAt: "2026-11-23T13:00:00Z",
};

const stats: Stats.Info = {
  at: "2026-11-23T10:50:30Z",
  images: { pending: 1, processing: 2, ready: 1204, rejected: 3, failed: 0, trashed: 0 },
  queue: { waiting: 1, taken: 2, deadLetters: 0 },
  hours: [{ at: "2026-11-23T10:00:00Z", ready: 41, rejected: 1, failed: 0, deleted: 2 }],
  readyByMinute: Array.from({ length: 60 }, (_, minute) => (minute < 41 ? 1 : 0)),
  timeToReady: { p50: 0.7, p95: 1.8, times: [{ upTo: 1, count: 30 }, { upTo: 2, count: 11 }, { count: 0 }] },
  rejections: [{ code: "corrupt_image", count: 1 }],
};

const batch = {
  operations: [
    { op: "update", id, version: 3, changes: { tags: ["sea"] } },
    { op: "delete", id: similar.id },
    { op: "reprocess", id: "img_01M7Y5C2E4G6J8M0P2R4T6V8X0" },
  ],
};

const batchResults: Results = {
  failed: 1,
  results: [
    { id, status: 200, image: { ...image, tags: ["sea"], version: 4 } },
    { id: similar.id, status: 204 },
    {
      id: "img_01M7Y5C2E4G6J8M0P2R4T6V8X0",
      status: 404,
      problem: {
        type: "https://images.example.com/docs#image_not_found",
        title: "Image not found.",
        status: 404,
        detail: "Image img_01M7Y5C2E4G6J8M0P2R4T6V8X0 not found.",
        code: "image_not_found",
        requestId: "0b2f6a3e-5a0c-4c0e-9d59-2f4f5b1f7a10",
      },
    },
  ],
};

const usageCounts = { uploads: 12, bytes: 41_773_280, changes: 3, reprocesses: 1, runs: 14, renders: 5 };

const usage: Usage.Info = {
  owner: "default",
  month: "2026-11",
  total: usageCounts,
  days: [{ date: "2026-11-23", ...usageCounts }],
  stored: { images: 11, originalBytes: 40_518_114, variantBytes: 9_320_377 },
};

const newWebhook: Webhook.New = {
  url: "https://app.example.com/hooks/images",
  events: ["image.ready", "image.rejected", "image.deleted"],
  description: "Feed of the app",
};

const webhook: Webhook.Info = {
  id: "whk_default_01M840F1B6ZQ4T8C2V5N7X9D3H",
  ...newWebhook,
  owner: "default",
  enabled: true,
  createdAt: "2026-11-23T10:48:00Z",
  updatedAt: "2026-11-23T10:48:00Z",
};

const delivery: Delivery.Info = {
  id: "dlv_01M840E6X3V9K2R7M5Q1W8T4ZC",
  messageId: "msg_7D3R0K5W8M1X4Z6N9R3T0V2Y5B",
  type: "image.ready",
  imageId: id,
  version: 3,
  status: "pending",
  attempts: [{ at: "2026-11-23T10:50:11Z", ms: 84, status: 503, error: "status" }],
  nextAttemptAt: "2026-11-23T10:55:16Z",
  createdAt: "2026-11-23T10:50:11Z",
};

const testDelivery: Delivery.Info = {
  id: delivery.id,
  messageId: delivery.messageId,
  type: "webhook.test",
  status: "pending",
  attempts: [],
  nextAttemptAt: "2026-11-23T10:55:11Z",
  createdAt: delivery.createdAt,
};

/** The examples of the OpenAPI document, which tests reuse. */
export const Example = {
  newImage,
  image,
  pending,
  announced: { ...pending, upload },
  page: { items: [image], nextCursor: "XCcjLRkekKluljLoFodx3lsiMjAyNi0xMS0yM1Qx" },
  changesPage: {
    items: [
      { op: "upsert", id: image.id, version: image.version, at: image.updatedAt, image },
      { op: "delete", id: similar.id, version: 5, at: "2026-11-23T10:51:02Z" },
    ],
    nextCursor: "8aBLmkKpPTzCOcXi8pdcBlsiMjAyNi0xMS0yM1Qx",
    more: false,
  } satisfies Changes.Page,
  similar: { items: [{ distance: 3, image: similar }], complete: true },
  batch,
  batchResults,
  count: { count: 42, estimate: false },
  changes: { title: "The lighthouse", alt: null, focus: { x: 0.6, y: 0.35 } },
  events: { items: events },
  newWebhook,
  webhook,
  webhooks: { items: [webhook] },
  webhookWithSecret: { ...webhook, secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw…" },
  webhookChanges: { events: ["image.ready"], enabled: true },
  delivery,
  testDelivery,
  deliveries: { items: [delivery], nextCursor: "XCcjLRkekKluljLoFodx3lsiMjAyNi0xMS0yM1Qx" },
  signing,
  original,
  mediaSession,
  signed,
  stats,
  usage,
};
