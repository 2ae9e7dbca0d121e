/**
 * Remote signing for uploaders that send S3 requests themselves: presigns one request at a time, as Uppy 6's
 * `signRequest` expects, and those of resumable multipart uploads. https://uppy.io/docs/aws-s3/
 */
export * as Uppy from "./uppy.ts";

import * as v from "valibot";
import { Presign } from "../aws/presign.ts";
import { VisibleError } from "../error.ts";
import { ID } from "../id.ts";
import { read } from "../records/record.ts";
import { Text } from "../text.ts";
import { ContentType } from "./content-type.ts";
import { Image } from "./image.ts";
import { Multipart } from "./multipart.ts";
import { Upload } from "./upload.ts";

const integer = (min: number, max: number, format: "int32" | "int64") =>
  v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max), v.metadata({ format }));

/** S3's minimum size of a part but the last, and its maximum number of parts. */
const partBytesMin = 5_242_880;
const partsMax = 10_000;

/** Request to presign, in Uppy's terms. */
export const Request = v.pipe(
  v.strictObject({
    method: v.pipe(v.picklist(["PUT", "POST", "GET", "DELETE"]), v.description("Method of the request.")),
    key: v.pipe(
      v.string(),
      v.minLength(1),
      v.maxLength(1024),
      v.description(
        "For a new upload any name; the response has the actual key. The key of a pending image (`source.key`) starts a multipart upload of that image.",
      ),
    ),
    contentType: v.optional(
      v.pipe(
        v.string(),
        v.maxLength(255),
        v.description("Content type of the file; required for a PUT of a whole file."),
      ),
    ),
    uploadId: v.optional(
      v.pipe(v.string(), v.minLength(1), v.maxLength(1024), v.description("Id of the multipart upload.")),
    ),
    partNumber: v.optional(
      v.pipe(integer(1, partsMax, "int32"), v.description("Number of the part, from 1.")),
    ),
    bytes: v.optional(
      v.pipe(
        integer(1, 5_000_000_000, "int64"),
        v.description(
          "Exact size of the part or the whole file, which is then signed. Required for a part. A whole file without it is sent as a form; a multipart upload that is created without it counts as the largest file that is accepted.",
        ),
      ),
    ),
    expiresIn: v.optional(
      v.pipe(integer(1, 604_800, "int32"), v.description("Life of the signature, in seconds.")),
    ),
    ...Upload.description,
  }),
  v.metadata({ ref: "SigningRequest" }),
);
export type Request = v.InferOutput<typeof Request>;

/** Presigned request: a form if it has `fields`, otherwise a request with these `headers`. */
export const Signed = v.pipe(
  v.object({
    url: v.pipe(v.string(), v.description("Presigned URL. Treat it as a secret.")),
    id: v.pipe(ID.imageID, v.description("Id of the image that the upload belongs to.")),
    key: v.optional(
      v.pipe(v.string(), v.description("Actual key of the upload; use it in all further requests.")),
    ),
    headers: v.optional(v.record(v.string(), v.string())),
    fields: v.optional(v.record(v.string(), v.string())),
  }),
  v.metadata({ ref: "SignedRequest" }),
);
export type Signed = v.InferOutput<typeof Signed>;

/** The caller; `owner` is absent for callers that may act for any owner. */
type Caller = { owner?: string; by: string; limits: Upload.Limits };

/**
 * Presigns one request. A new upload creates its pending image. Throws `invalid_request`, `image_not_found` for a key
 * that is not the caller's, `image_not_ready`, `unsupported_format`, `too_many_bytes`, `quota_exceeded`, `forbidden` for
 * requests that no uploader needs.
 */
export async function sign(request: Request, caller: Caller): Promise<Signed> {
  const signed = await presign(request, caller);
  const { imageID: id } = ID.parseKey(signed.key ?? request.key) ?? {};
  if (!id) throw new Error(`The signed key ${signed.key} is not of an image.`);
  return { id, ...signed };
}

async function presign(request: Request, caller: Caller): Promise<Omit<Signed, "id">> {
  const { method, key, uploadId: uploadID } = request;
  const { bytesMax, uploadSecondsMax } = caller.limits;
  const seconds = Math.min(request.expiresIn ?? uploadSecondsMax, uploadSecondsMax);
  const isNew = uploadID === undefined && (method === "PUT" || (method === "POST" && !ID.parseKey(key)));
  const [field] = Object.keys(descriptionOf(request));
  if (field !== undefined && !isNew)
    throw invalid(
      `\`${field}\` describes a new image, and this request creates none. Send it with the first request of the upload, or change the image with PATCH /images/{id}.`,
    );
  if (uploadID !== undefined) {
    await mustOwn(key, caller, method === "PUT");
    return Presign.step(key, await stepOf(request, uploadID, bytesMax), seconds);
  }
  if (method === "PUT") return whole(request, caller, seconds);
  if (method === "POST") {
    const to = ID.parseKey(key)
      ? await mustOwn(key, caller, true)
      : (await reserve(request, { bytes: request.bytes }, caller)).source.key;
    return { ...(await Presign.step(to, { is: "create" }, seconds)), key: to };
  }
  if (method === "DELETE") throw new VisibleError("forbidden", "Delete images with DELETE /images/{id}.");
  throw invalid("A GET lists the parts of a multipart upload and needs its `uploadId`.");
}

/** Presigns a whole file. One of unknown size is sent as a form: only a POST policy can limit the size. */
async function whole(request: Request, caller: Caller, seconds: number): Promise<Omit<Signed, "id">> {
  const { contentType, bytes } = request;
  if (contentType === undefined) throw invalid("A PUT of a whole file needs its `contentType`.");
  const { bytesMax, formats } = caller.limits;
  const type = ContentType.parse(contentType, formats);
  const image = await reserve(request, { contentType: type, bytes }, caller);
  const to = image.source.key;
  if (bytes !== undefined) {
    const { url, headers } = await Presign.put({ key: to, contentType: type, bytes, seconds });
    return { url, headers, key: to };
  }
  const range = { min: 1, max: bytesMax };
  const { url, fields } = await Presign.form({ key: to, contentType: type, range, seconds });
  return { url, fields, key: to };
}

/** Returns the step of a request; enters a part before it is signed. */
async function stepOf(request: Request, uploadID: string, bytesMax: number): Promise<Presign.Step> {
  const { method, key, partNumber, bytes } = request;
  if (method === "GET") return { is: "list", uploadID };
  if (method === "DELETE") return { is: "abort", uploadID };
  const { imageID } = ID.parseKey(key) ?? {};
  if (!imageID) throw invalid(`${key} is not the key of an upload.`);
  if (method === "POST") {
    const signed = await Multipart.signedBytes(imageID, uploadID);
    if (signed === undefined)
      throw invalid("No part of this multipart upload was signed, or another one of the image replaced it.");
    return { is: "complete", uploadID, bytes: (await declaredBytes(imageID)) ?? signed };
  }
  if (partNumber === undefined) throw invalid("A PUT of a part needs its `partNumber`.");
  if (bytes === undefined)
    throw invalid(
      "A PUT of a part needs its exact size in `bytes`: S3 limits the parts by their signature alone.",
    );
  const most = (await declaredBytes(imageID)) ?? bytesMax;
  const last = Math.ceil(most / partBytesMin);
  if (partNumber > last) throw invalid(`A file of at most ${most} bytes has at most ${last} parts.`);
  await Multipart.enter({ imageID, key, uploadID, partNumber, bytes, bytesMax: most });
  return { is: "part", uploadID, partNumber, bytes };
}

/** Returns the size with which an upload was created. */
const declaredBytes = async (imageID: string): Promise<number | undefined> =>
  (await read(imageID))?.declared?.bytes;

/** Lets through only the key of an upload of this owner; `open`: only one whose bytes have not arrived. */
async function mustOwn(key: string, { owner }: Caller, open: boolean): Promise<string> {
  const parts = ID.parseKey(key);
  if (!parts || (owner !== undefined && parts.owner !== owner)) {
    throw new VisibleError("image_not_found", `No upload with the key ${key}.`);
  }
  const { status } = await Image.fromID({ id: parts.imageID, owner: parts.owner });
  if (open && status !== "pending")
    throw new VisibleError(
      "image_not_ready",
      `The image is ${status} and takes no upload any more; create a new one.`,
    );
  return key;
}

/** Creates an upload named like the file. Uppy prefixes a UUID. */
const reserve = (
  request: Request,
  file: Partial<Pick<Upload.New, "contentType" | "bytes">>,
  { owner = ID.ownerDefault, by, limits }: Caller,
) => {
  const { key } = request;
  const name = key.slice(key.lastIndexOf("/") + 1).replace(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-/, "");
  const filename = Text.lastOf(name, 255) || undefined;
  return Upload.reserve({ ...file, filename, ...descriptionOf(request) }, { owner, by, limits });
};

const described = v.object(Upload.description);

/** Returns the fields of a request that describe the image. They are valid already. */
const descriptionOf = (request: Request): v.InferOutput<typeof described> => v.parse(described, request);

const invalid = (message: string) => new VisibleError("invalid_request", message);
