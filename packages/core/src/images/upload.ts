/** Uploads: a `pending` image and the presigned request that sends its bytes. */
export * as Upload from "./upload.ts";

import * as v from "valibot";
import { Presign } from "../aws/presign.ts";
import { VisibleError } from "../error.ts";
import { ID } from "../id.ts";
import { type Draft, readMany, write } from "../records/record.ts";
import { Tag } from "../records/tags.ts";
import { ImageEntity } from "../table/image-entity.ts";
import { wholeSeconds } from "../time.ts";
import { ContentType } from "./content-type.ts";
import { Image } from "./image.ts";
import { Quota } from "./quota.ts";

/** Declared content type, of which `ContentType.parse` makes the one that is signed. */
export const contentType = v.pipe(
  v.string(),
  v.maxLength(255),
  v.description(
    "Content type of the file, such as `image/jpeg`, or `application/octet-stream` if it is unknown. A hint, because the bytes decide. Its canonical form is signed into the upload.",
  ),
);

/** A request for an upload. */
export const New = v.pipe(
  v.strictObject({
    filename: Image.filename,
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
          "SHA-256 of the file, in hex. S3 then verifies the upload, and an image with the same bytes is not uploaded again.",
        ),
      ),
    ),
    method: v.optional(
      v.pipe(
        v.picklist(["PUT", "POST"]),
        v.description(
          "Method of the upload: a PUT with the file as its body (default), or a POST as an HTML form.",
        ),
      ),
    ),
    title: v.optional(Image.title),
    alt: v.optional(Image.alt),
    tags: v.optional(Image.tags),
    metadata: v.optional(Image.metadata),
  }),
);
export type New = v.InferOutput<typeof New>;

/** A presigned request, to be sent exactly as it is. */
export const Info = v.pipe(
  v.object({
    method: v.pipe(v.picklist(["PUT", "POST"]), v.description("More methods may come.")),
    url: v.pipe(v.string(), v.description("Presigned URL, valid until `expiresAt`. Treat it as a secret.")),
    headers: v.optional(
      v.pipe(
        v.record(v.string(), v.string()),
        v.description("For a PUT: headers to send exactly as they are, because they are signed."),
      ),
    ),
    fields: v.optional(
      v.pipe(
        v.record(v.string(), v.string()),
        v.description("For a POST: fields of the form, to send before the `file`."),
      ),
    ),
    expiresAt: v.pipe(v.string(), v.isoTimestamp(), v.description("Expiry of the URL.")),
  }),
  v.metadata({ ref: "Upload" }),
);
export type Info = v.InferOutput<typeof Info>;

/** Limits of an owner's uploads: sizes in bytes, `uploadSecondsMax` the life of a presigned URL. */
export type Limits = Quota.Limits & {
  bytesMax: number;
  uploadSecondsMax: number;
  /** Accepted formats. */
  formats: readonly string[];
};

/** The owner of a new upload, and who creates it. */
type Creator = { owner: string; by: string; limits: Limits };

/** A created image. `upload` is absent if the owner has a ready image with the same bytes: this one. */
export type Created = Image.Info & { upload?: Info };

/** An image whose bytes never came expires a day after its URL. */
const pendingSeconds = 86_400;

/**
 * Creates an upload: writes the pending image and presigns the request for its bytes. Returns the ready image instead
 * if this owner has one with the same SHA-256. Throws `unsupported_format`, `too_many_bytes`,
 * `quota_exceeded`.
 */
export async function create(upload: New, creator: Creator): Promise<Created> {
  const { filename, contentType: declared, bytes, sha256, method = "PUT", ...described } = upload;
  const { owner, limits } = creator;
  const contentType = ContentType.parse(declared, limits.formats);
  mustFit(bytes, limits);
  const known = sha256 ? await fromContent(owner, sha256) : undefined;
  if (known) return known;
  const image = await createPending(
    { filename, declared: { contentType, bytes, sha256 }, ...described },
    creator,
    bytes,
  );
  const seconds = limits.uploadSecondsMax;
  const terms = { key: image.source.key, contentType, sha256, seconds };
  const expiresAt = wholeSeconds(new Date(Date.now() + seconds * 1000).toISOString());
  const presigned =
    method === "PUT"
      ? await Presign.put({ ...terms, bytes })
      : await Presign.form({ ...terms, range: { min: bytes, max: bytes } });
  return { ...image, upload: { method, ...presigned, expiresAt } };
}

/**
 * Creates an image and uploads its bytes from this process, for clients that cannot use a presigned request. Returns
 * the image that `create` returns. Throws what `create` throws, and S3's errors.
 */
export async function receive(
  upload: Omit<New, "bytes" | "method">,
  bytes: Uint8Array,
  creator: Creator,
): Promise<Image.Info> {
  const { upload: target, ...image } = await create({ ...upload, bytes: bytes.length }, creator);
  if (target) await Presign.send(target, bytes);
  return image;
}

/** Refuses a file that the gate would reject for its size. Throws `too_many_bytes`. */
export function mustFit(bytes: number, { bytesMax }: Pick<Limits, "bytesMax">): void {
  if (bytes <= bytesMax) return;
  throw new VisibleError(
    "too_many_bytes",
    `The file has ${bytes} bytes; at most ${bytesMax} are accepted. Scale it down, or compress it more.`,
  );
}

/**
 * Creates a pending image of unknown size for a client that presigns each request by itself. It counts as `bytesMax`
 * bytes against the quota. Throws `quota_exceeded`.
 */
export async function reserve(
  { filename, contentType }: Partial<Pick<New, "filename" | "contentType">>,
  creator: Creator,
): Promise<Image.Info> {
  return createPending({ filename, declared: { contentType } }, creator, creator.limits.bytesMax);
}

type Pending = Pick<Draft, "filename" | "declared" | "title" | "alt" | "tags" | "metadata">;

/** Takes an upload of `bytes` from the owner's quota and writes its pending record. */
async function createPending(
  pending: Pending,
  { owner, by, limits }: Creator,
  bytes: number,
): Promise<Image.Info> {
  const now = Date.now();
  const seconds = limits.uploadSecondsMax;
  const imageID = ID.createImageID();
  await Quota.take({ owner, imageID, bytes, seconds: seconds + pendingSeconds }, limits);
  const createdAt = new Date(now).toISOString();
  await Tag.add({ imageID, owner, createdAt, version: 1 }, pending.tags ?? []);
  const draft: Draft = {
    imageID,
    owner,
    key: ID.keyOf(owner, imageID),
    createdAt,
    status: "pending",
    attempt: 0,
    ...pending,
    dueAt: new Date(now + (seconds + 60) * 1000).toISOString(),
    expiresAt: Math.ceil(now / 1000) + seconds + pendingSeconds,
  };
  const record = await write(undefined, draft, { type: "announced", by });
  if (!record) throw new Error(`The new id ${imageID} is taken.`);
  return Image.serialize(record);
}

/** Returns the newest ready image of this owner with this SHA-256. */
async function fromContent(owner: string, sha256: string): Promise<Image.Info | undefined> {
  const { data } = await ImageEntity.query
    .byContent({ owner, content: sha256 })
    .go({ limit: 5, pages: 1, order: "desc", attributes: ["imageID"] });
  // The index may lag: the records themselves decide.
  const records = await readMany(data.map(({ imageID }) => imageID));
  const ready = records.find((record) => record.status === "ready" && record.sha256 === sha256);
  return ready && Image.serialize(ready);
}
