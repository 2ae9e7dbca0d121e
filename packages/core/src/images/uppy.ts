/**
 * Remote signing for uploaders that send S3 requests themselves: presigns one request at a time, as Uppy 6's
 * `signRequest` expects, and those of resumable multipart uploads. https://uppy.io/docs/aws-s3/
 */
export * as Uppy from "./uppy.ts";

import * as v from "valibot";
import { Presign } from "../aws/presign.ts";
import { VisibleError } from "../error.ts";
import { ID } from "../id.ts";
import { Image } from "./image.ts";
import { Upload } from "./upload.ts";

const integer = (min: number, max: number, format: "int32" | "int64") =>
  v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max), v.metadata({ format }));

/** S3's smallest part; only the last may be smaller. Its most parts. */
const partBytesMin = 5_242_880;
const partsMax = 10_000;

/** What is to be signed, in Uppy's words. */
export const Request = v.pipe(
  v.strictObject({
    method: v.pipe(v.picklist(["PUT", "POST", "GET", "DELETE"]), v.description("Of the request to sign.")),
    key: v.pipe(
      v.string(),
      v.minLength(1),
      v.maxLength(1024),
      v.description(
        "For a new upload, any name; the answer says where it really goes. The key of a pending image (`source.key`) begins a multipart upload of that one.",
      ),
    ),
    contentType: v.optional(
      v.pipe(v.string(), v.description("Of the file; needed for a PUT of a whole file.")),
    ),
    uploadId: v.optional(
      v.pipe(v.string(), v.minLength(1), v.maxLength(1024), v.description("Of a multipart upload.")),
    ),
    partNumber: v.optional(v.pipe(integer(1, partsMax, "int32"), v.description("Of a part, from 1."))),
    bytes: v.optional(
      v.pipe(
        integer(1, 5_000_000_000, "int64"),
        v.description(
          "Exact size of the part or the whole file; then signed into it. A whole file without it goes as a form.",
        ),
      ),
    ),
    expiresIn: v.optional(
      v.pipe(integer(1, 604_800, "int32"), v.description("Seconds that the signature is wanted for.")),
    ),
  }),
  v.metadata({ ref: "SigningRequest" }),
);
export type Request = v.InferOutput<typeof Request>;

/** The request to make: with `fields` as a form, otherwise with `headers` just as they are. */
export const Signed = v.pipe(
  v.object({
    url: v.pipe(v.string(), v.description("A secret until it ends.")),
    key: v.optional(v.pipe(v.string(), v.description("Where the upload really goes; use it from now on."))),
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
 * that is not the caller's, `image_not_ready`, `quota_exceeded`, `forbidden` for requests that no uploader needs.
 */
export async function sign(request: Request, caller: Caller): Promise<Signed> {
  const { method, key, uploadId: uploadID } = request;
  const { bytesMax, uploadSecondsMax } = caller.limits;
  const seconds = Math.min(request.expiresIn ?? uploadSecondsMax, uploadSecondsMax);
  if (uploadID !== undefined) {
    await mustOwn(key, caller, method === "PUT");
    return Presign.step(key, stepOf(request, uploadID, bytesMax), seconds);
  }
  if (method === "PUT") return whole(request, caller, seconds);
  if (method === "POST") {
    const to = ID.parseKey(key)
      ? await mustOwn(key, caller, true)
      : (await reserve(key, undefined, caller)).source.key;
    return { ...(await Presign.step(to, { is: "create" }, seconds)), key: to };
  }
  if (method === "DELETE") throw new VisibleError("forbidden", "Delete images with DELETE /images/{id}.");
  throw invalid("A GET lists the parts of a multipart upload and needs its `uploadId`.");
}

/** A whole file. Where its size is not known it goes as a form: only a policy can set a limit. */
async function whole({ key, contentType, bytes }: Request, caller: Caller, seconds: number): Promise<Signed> {
  const type = v.safeParse(Upload.contentType, contentType);
  if (!type.success) throw invalid(`\`contentType\` must be one of ${Upload.contentTypes.join(", ")}.`);
  const { bytesMax } = caller.limits;
  if (bytes !== undefined && bytes > bytesMax) throw invalid(`At most ${bytesMax} bytes are accepted.`);
  const image = await reserve(key, type.output, caller);
  const to = image.source.key;
  if (bytes !== undefined) {
    const { url, headers } = await Presign.put({ key: to, contentType: type.output, bytes, seconds });
    return { url, headers, key: to };
  }
  const range = { min: 1, max: bytesMax };
  const { url, fields } = await Presign.form({ key: to, contentType: type.output, range, seconds });
  return { url, fields, key: to };
}

function stepOf({ method, partNumber, bytes }: Request, uploadID: string, bytesMax: number): Presign.Step {
  if (method === "GET") return { is: "list", uploadID };
  if (method === "POST") return { is: "complete", uploadID };
  if (method === "DELETE") return { is: "abort", uploadID };
  if (partNumber === undefined) throw invalid("A PUT of a part needs its `partNumber`.");
  // The sum of the parts is nobody's to check before the end; their number at least is.
  const last = Math.ceil(bytesMax / partBytesMin);
  if (partNumber > last) throw invalid(`A file of at most ${bytesMax} bytes has at most ${last} parts.`);
  return { is: "part", uploadID, partNumber, bytes };
}

/** Lets through only a key that was announced by this very owner; `open`: and whose bytes have not come yet. */
async function mustOwn(key: string, { owner }: Caller, open: boolean): Promise<string> {
  const parts = ID.parseKey(key);
  if (!parts || (owner !== undefined && parts.owner !== owner)) {
    throw new VisibleError("image_not_found", "No image of yours was announced under this key.");
  }
  const { status } = await Image.fromID({ id: parts.imageID, owner: parts.owner });
  if (open && status !== "pending") throw new VisibleError("image_not_ready", "Its bytes have come already.");
  return key;
}

/** Uppy puts a UUID before the file's name. */
const reserve = (key: string, contentType: Upload.New["contentType"] | undefined, caller: Caller) => {
  const name = key.slice(key.lastIndexOf("/") + 1).replace(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-/, "");
  const { owner = ID.ownerDefault, by, limits } = caller;
  return Upload.reserve({ contentType, filename: name.slice(-255) || undefined }, { owner, by, limits });
};

const invalid = (message: string) => new VisibleError("invalid_request", message);
