import type { ImageRecord } from "./image-entity.ts";

const createdAt = "2026-11-23T10:00:00.000Z";

/** Ready image with the required attributes only. Written by hand. */
export const record = {
  imageID: "img_01KAR5ZJ5V0000000000000000",
  owner: "default",
  status: "ready",
  key: "photo.jpg",
  attempt: 1,
  version: 2,
  createdAt,
  updatedAt: createdAt,
  writeID: "w",
  last: { version: 2, type: "ready", at: createdAt, by: "processor" },
} as const satisfies ImageRecord;

const file = { key: "k.webp", format: "webp", bytes: 9 };

/** Image with every attribute that a record can have. Written by hand. */
export const full: Required<ImageRecord> = {
  ...record,
  last: { version: 2, type: "rejected", at: createdAt, by: "processor", detail: { attempt: 1, code: "x" } },
  processedAt: createdAt,
  leaseUntil: createdAt,
  dueAt: createdAt,
  deferredUntil: createdAt,
  failures: 1,
  sequencer: "0a",
  etag: "e",
  found: "e",
  superseded: [{ keys: ["x", "y"], at: createdAt }],
  revoked: { keys: ["z"], until: createdAt },
  indexed: 1,
  terms: ["tag:ab", "word:cat"],
  expiresAt: 4_102_444_800,
  deleteAt: "2027-01-01T00:00:00.000Z",
  purge: true,
  discarded: true,
  trash: { at: createdAt, until: "2026-11-30T10:00:00.000Z", status: "pending", dueAt: createdAt },
  announced: true,
  closed: true,
  filename: "photo.jpg",
  title: "",
  alt: "A cat",
  tags: ["a", "ü"],
  metadata: { any: "thing" },
  visibility: "private",
  focus: { x: 0.25, y: 0.5 },
  regions: [{ x: 0.1, y: 0.2, width: 0.3, height: 0.4, kind: "face" }],
  from: { url: "https://images.example/a.jpg" },
  declared: { contentType: "image/jpeg", bytes: 12, sha256: "ab" },
  bytes: 12,
  sha256: "ab",
  source: {
    format: "jpeg",
    width: 2,
    height: 1,
    alpha: false,
    frames: 1,
    hdr: true,
    perceptualHash: "00000000000000ff",
    takenAt: "2026-11-23T10:00:00",
    camera: "Camera",
    lens: "Lens",
    location: { latitude: 1.5, longitude: -2.5, altitude: 3 },
  },
  placeholder: { thumbhash: "t", color: "#fff" },
  variants: { thumbnail: { ...file, width: 2, height: 1, also: [{ ...file, format: "avif" }] } },
  recipe: "abcdef01",
  error: { code: "x", message: "m" },
};
