/** Uploads: a `pending` image and the presigned request that sends its bytes. */
export * as Upload from "./upload.ts";

import * as v from "valibot";
import { Presign } from "../aws/presign.ts";
import { VisibleError } from "../error.ts";
import { ID } from "../id.ts";
import { Imports } from "../records/imports.ts";
import { type Draft, type Entry, read, readMany, write } from "../records/record.ts";
import { ImageEntity, type ImageRecord } from "../table/image-entity.ts";
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

/** Fields that describe a new image. */
export const description = {
  title: v.optional(Image.title),
  alt: v.optional(Image.alt),
  tags: v.optional(Image.tags),
  metadata: v.optional(Image.metadata),
  focus: v.optional(Image.focus),
  regions: v.optional(Image.regions),
  visibility: v.optional(Image.visibility),
  expiresAt: v.optional(Image.expiresAt),
};

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
          "SHA-256 of the file, in hex. S3 then verifies the upload, and bytes of another ready image of the owner are copied instead of uploaded.",
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
    ...description,
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
  /** Visibility of images that are created without one. */
  privateByDefault: boolean;
};

/**
 * The owner of a new upload, and who creates it. `imageID` is that of the request's idempotency key: an image with it
 * is of an earlier run of the same request, which is continued.
 */
export type Creator = { owner: string; by: string; limits: Limits; imageID?: string };

/** A created image. `upload` is absent if its bytes are there: copied from another image, or sent meanwhile. */
export type Created = Image.Info & { upload?: Info };

/** An image whose bytes never came expires a day after its URL. */
const pendingSeconds = 86_400;

/**
 * Creates an upload: writes the pending image and presigns the request for its bytes. If this owner has a ready image
 * with the same SHA-256, its bytes are copied within S3 instead. Throws `unsupported_format`, `too_many_bytes`,
 * `quota_exceeded`, `image_not_found` if an earlier run's image was deleted.
 */
export async function create(upload: New, creator: Creator): Promise<Created> {
  const { filename, contentType: declared, bytes, sha256, method = "PUT", ...described } = upload;
  const { owner, limits } = creator;
  const contentType = ContentType.parse(declared, limits.formats);
  mustFit(bytes, limits);
  const pending = { filename, declared: { contentType, bytes, sha256 }, ...described };
  const record = (await begun(creator)) ?? (await createPending(pending, creator, bytes));
  const image = Image.serialize(record);
  const { key } = record;
  if (record.etag !== undefined) return image;
  const source = sha256 ? await fromContent(owner, sha256, bytes) : undefined;
  if (source && (await Presign.copy(source, key))) return image;
  const seconds = limits.uploadSecondsMax;
  const terms = { key, contentType, sha256, seconds };
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
 * Creates a pending image for a client that presigns each request by itself. One of unknown size counts as `bytesMax`
 * bytes against the quota. Throws `quota_exceeded`, `too_many_bytes`.
 */
export async function reserve(
  { contentType, bytes, ...described }: Partial<Omit<New, "sha256" | "method">>,
  creator: Creator,
): Promise<Image.Info> {
  if (bytes !== undefined) mustFit(bytes, creator.limits);
  const { bytesMax } = creator.limits;
  const declared = { contentType, bytes };
  return Image.serialize(await createPending({ declared, ...described }, creator, bytes ?? bytesMax));
}

/** Reads the image that an earlier run of the request created. Throws `image_not_found` if it was deleted since. */
export async function begun({ owner, imageID }: Creator): Promise<ImageRecord | undefined> {
  const record = imageID === undefined ? undefined : await read(imageID);
  if (!record || (record.owner === owner && Image.isVisible(record))) return record;
  throw new VisibleError(
    "image_not_found",
    `The image ${imageID}, which this idempotency key created, was deleted. Use a new key for a new image.`,
  );
}

type Pending = Pick<
  Draft,
  "filename" | "from" | "declared" | Exclude<keyof typeof description, "expiresAt">
> & {
  expiresAt?: string;
};

/**
 * Takes an upload of `bytes` from the owner's quota and writes its pending record. Returns the one that another run of
 * the request wrote first.
 */
export async function createPending(
  { expiresAt: deleteAt, ...pending }: Pending,
  creator: Creator,
  bytes: number,
): Promise<ImageRecord> {
  const { owner, by, limits, imageID = ID.createImageID() } = creator;
  const now = Date.now();
  const { from } = pending;
  const seconds = from ? Imports.importMs / 1000 : limits.uploadSecondsMax;
  await Quota.take({ owner, imageID, bytes, seconds: seconds + pendingSeconds }, limits);
  const createdAt = new Date(now).toISOString();
  const draft: Draft = {
    imageID,
    owner,
    key: ID.keyOf(owner, imageID),
    createdAt,
    status: "pending",
    announced: true,
    attempt: 0,
    ...pending,
    ...(deleteAt && { deleteAt }),
    visibility: pending.visibility ?? (limits.privateByDefault ? "private" : undefined),
    dueAt: new Date(now + (seconds + 60) * 1000).toISOString(),
    // An import ends with its bytes or with an error, which stays visible.
    ...(!from && { expiresAt: Math.ceil(now / 1000) + seconds + pendingSeconds }),
  };
  const entry: Entry = { type: "announced", by, ...(from && { detail: { from: from.url } }) };
  const record = await write(undefined, draft, entry);
  const first = record ?? (await begun({ ...creator, imageID }));
  if (!first) throw new Error(`The new id ${imageID} is taken.`);
  return first;
}

/** Returns the newest ready image of this owner with this SHA-256 and size, and with its original. */
async function fromContent(
  owner: string,
  sha256: string,
  bytes: number,
): Promise<Presign.Source | undefined> {
  const { data } = await ImageEntity.query
    .byContent({ owner, content: sha256 })
    .go({ limit: 5, pages: 1, order: "desc", attributes: ["imageID"] });
  // The index may lag: the records themselves decide.
  const records = await readMany(data.map(({ imageID }) => imageID));
  const ready = records.find(
    (record) => record.status === "ready" && record.sha256 === sha256 && record.bytes === bytes,
  );
  return ready?.etag === undefined ? undefined : { key: ready.key, etag: ready.etag };
}
