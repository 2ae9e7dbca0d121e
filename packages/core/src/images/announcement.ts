/** What a client says of a file before it sends it, and the pending image that comes of it. */
export * as Announcement from "./announcement.ts";

import * as v from "valibot";
import { Upload } from "../aws/presign.ts";
import { VisibleError } from "../error.ts";
import { fn } from "../fn.ts";
import { ID } from "../id.ts";
import { type Draft, readMany, write } from "../records/record.ts";
import { Tag } from "../records/tags.ts";
import { ImageEntity } from "../table/image-entity.ts";
import { Image } from "./image.ts";
import { Quota } from "./quota.ts";

/** The content types that an upload may be announced with. What the bytes are is decided by the bytes. */
export const contentTypes = [
  "image/jpeg",
  "image/png",
  "image/webp",
  "image/avif",
  "image/gif",
  "image/heic",
  "image/heif",
  "image/tiff",
] as const;

export const filename = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(255),
  v.description("The client's name for the file. Data, never part of a key."),
);

export const contentType = v.pipe(v.picklist(contentTypes), v.description("Signed into the upload."));

export const Info = v.pipe(
  v.strictObject({
    filename,
    contentType,
    bytes: v.pipe(
      v.number(),
      v.integer(),
      v.minValue(1),
      v.metadata({ format: "int64" }),
      v.description("Exact size of the file; signed into the upload."),
    ),
    sha256: v.optional(
      v.pipe(
        v.string(),
        v.regex(/^[0-9a-f]{64}$/, "64 lower-case hex digits."),
        v.description(
          "Of the file, in hex. The store then checks what arrives, and an image that is there already is not uploaded again.",
        ),
      ),
    ),
    method: v.optional(
      v.pipe(
        v.picklist(["PUT", "POST"]),
        v.description(
          "How the bytes will be sent: as the body of a PUT (the usual way), or as an HTML form.",
        ),
      ),
    ),
    title: v.optional(Image.title),
    alt: v.optional(Image.alt),
    tags: v.optional(Image.tags),
    metadata: v.optional(Image.metadata),
  }),
  v.metadata({ ref: "Announcement" }),
);
export type Info = v.InferOutput<typeof Info>;

/** What an owner may announce: sizes in bytes, `seconds` the life of the upload's URL. */
export type Limits = Quota.Limits & { bytesMax: number; uploadSecondsMax: number };

/** An announced image: `upload` says how to send the bytes, and is absent where they are there already. */
export type Announced = Image.Info & { upload?: Upload.Info };

/** A day after its URL has ended, an image whose bytes never came is forgotten. */
const pendingSeconds = 86_400;

/**
 * Announces an upload: writes the pending image and returns it with the request that sends the bytes; or returns the
 * ready image that this owner has of these very bytes. Throws `invalid_request` for more than `bytesMax` bytes,
 * `quota_exceeded`.
 */
export const create = fn(
  v.object({
    announcement: Info,
    owner: ID.owner,
    by: v.string(),
    limits: v.custom<Limits>(() => true),
  }),
  async ({ announcement, owner, by, limits }): Promise<Announced> => {
    const { filename, contentType, bytes, sha256, method = "PUT", ...described } = announcement;
    if (bytes > limits.bytesMax) {
      throw new VisibleError(
        "invalid_request",
        `The file has ${bytes} bytes; at most ${limits.bytesMax} are accepted.`,
      );
    }
    const known = sha256 ? await fromContent(owner, sha256) : undefined;
    if (known) return known;
    await Quota.take(owner, bytes, limits);
    const { image, terms } = await announce({
      owner,
      by,
      limits,
      filename,
      described,
      declared: { contentType, bytes, sha256 },
    });
    const range = { min: bytes, max: bytes };
    const upload =
      method === "PUT"
        ? await Upload.presign({ ...terms, contentType, bytes, sha256 })
        : await Upload.presignForm({ ...terms, contentType, range, sha256 });
    return { ...image, upload };
  },
);

/**
 * Announces an upload of which only the name is known: its bytes count as the most that they may be. Throws
 * `quota_exceeded`.
 */
export const reserve = fn(
  v.object({
    owner: ID.owner,
    by: v.string(),
    filename: v.optional(filename),
    contentType: v.optional(contentType),
    limits: v.custom<Limits>(() => true),
  }),
  async ({ owner, by, filename, contentType, limits }): Promise<Image.Info> => {
    await Quota.take(owner, limits.bytesMax, limits);
    const { image } = await announce({
      owner,
      by,
      limits,
      filename,
      described: {},
      declared: { contentType },
    });
    return image;
  },
);

type Wanted = {
  owner: string;
  by: string;
  limits: Limits;
  filename: string | undefined;
  described: Pick<Info, "title" | "alt" | "tags" | "metadata">;
  declared: NonNullable<Draft["declared"]>;
};

async function announce({ owner, by, limits, filename, described, declared }: Wanted) {
  const now = Date.now();
  const seconds = limits.uploadSecondsMax;
  const imageID = ID.createImageID();
  const key = ID.keyOf(owner, imageID);
  const createdAt = new Date(now).toISOString();
  await Tag.add({ imageID, owner, createdAt, version: 1 }, described.tags ?? []);
  const draft: Draft = {
    imageID,
    owner,
    key,
    createdAt,
    status: "pending",
    attempt: 0,
    filename,
    ...described,
    declared,
    dueAt: new Date(now + (seconds + 60) * 1000).toISOString(),
    expiresAt: Math.ceil(now / 1000) + seconds + pendingSeconds,
  };
  const record = await write(undefined, draft, { type: "announced", by });
  if (!record) throw new Error(`The new id ${imageID} is taken.`);
  return { image: Image.serialize(record), terms: { key, seconds } };
}

/** The newest ready image of this owner with these bytes. */
async function fromContent(owner: string, sha256: string): Promise<Image.Info | undefined> {
  const { data } = await ImageEntity.query
    .byContent({ owner, content: sha256 })
    .go({ limit: 5, pages: 1, order: "desc", attributes: ["imageID"] });
  // The index may lag: the records themselves decide.
  const records = await readMany(data.map(({ imageID }) => imageID));
  const ready = records.find((record) => record.status === "ready" && record.sha256 === sha256);
  return ready && Image.serialize(ready);
}
