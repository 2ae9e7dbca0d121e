/**
 * Signs the requests of uploaders that speak S3 themselves, one request at a time: Uppy 6's `signRequest`, and
 * multipart uploads that can be resumed. https://uppy.io/docs/aws-s3/
 */
export * as Signing from "./uppy.ts";

import * as v from "valibot";
import { Upload } from "../aws/presign.ts";
import { VisibleError } from "../error.ts";
import { fn } from "../fn.ts";
import { ID } from "../id.ts";
import { Announcement } from "./announcement.ts";
import { Image } from "./image.ts";

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

/** On whose behalf; `owner` is absent for callers that may act for any owner. */
const Behalf = v.object({
  owner: v.optional(ID.owner),
  by: v.string(),
  limits: v.custom<Announcement.Limits>(() => true),
});
type Behalf = v.InferOutput<typeof Behalf>;

/**
 * Signs one request. A new upload is announced by it: its image is pending from then on. Throws `invalid_request`,
 * `image_not_found` for a key that is not the caller's, `image_not_ready`, `quota_exceeded`, `forbidden` for what
 * uploaders have no business doing.
 */
export const sign = fn(
  v.object({ ...Behalf.entries, request: Request }),
  async ({ request, ...behalf }): Promise<Signed> => {
    const { method, key, uploadId: uploadID } = request;
    const seconds = Math.min(
      request.expiresIn ?? behalf.limits.uploadSecondsMax,
      behalf.limits.uploadSecondsMax,
    );
    if (uploadID !== undefined) {
      await mustOwn(key, behalf, method === "PUT");
      return Upload.step(key, stepOf(request, uploadID, behalf.limits.bytesMax), seconds);
    }
    if (method === "PUT") return whole(request, behalf, seconds);
    if (method === "POST") {
      const to = ID.parseKey(key)
        ? await mustOwn(key, behalf, true)
        : (await reserve(key, undefined, behalf)).source.key;
      return { ...(await Upload.step(to, { is: "create" }, seconds)), key: to };
    }
    if (method === "DELETE")
      throw new VisibleError("forbidden", "Images are deleted by DELETE /images/{id}.");
    throw invalid("A GET needs the `uploadId` whose parts it lists.");
  },
);

/** A whole file. Where its size is not known it goes as a form: only a policy can set a limit. */
async function whole({ key, contentType, bytes }: Request, behalf: Behalf, seconds: number): Promise<Signed> {
  const type = v.safeParse(Announcement.contentType, contentType);
  if (!type.success) throw invalid(`\`contentType\` must be one of ${Announcement.contentTypes.join(", ")}.`);
  const { bytesMax } = behalf.limits;
  if (bytes !== undefined && bytes > bytesMax) throw invalid(`At most ${bytesMax} bytes are accepted.`);
  const image = await reserve(key, type.output, behalf);
  const to = image.source.key;
  if (bytes !== undefined) {
    const { url, headers } = await Upload.presign({ key: to, contentType: type.output, bytes, seconds });
    return { url, headers, key: to };
  }
  const range = { min: 1, max: bytesMax };
  const { url, fields } = await Upload.presignForm({ key: to, contentType: type.output, range, seconds });
  return { url, fields, key: to };
}

function stepOf({ method, partNumber, bytes }: Request, uploadID: string, bytesMax: number): Upload.Step {
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
async function mustOwn(key: string, { owner }: Behalf, open: boolean): Promise<string> {
  const parts = ID.parseKey(key);
  if (!parts || (owner !== undefined && parts.owner !== owner)) {
    throw new VisibleError("image_not_found", "No image of yours was announced under this key.");
  }
  const { status } = await Image.fromID({ id: parts.imageID, owner: parts.owner });
  if (open && status !== "pending") throw new VisibleError("image_not_ready", "Its bytes have come already.");
  return key;
}

/** Uppy puts a UUID before the file's name. */
const reserve = (key: string, contentType: Announcement.Info["contentType"] | undefined, behalf: Behalf) => {
  const name = key.slice(key.lastIndexOf("/") + 1).replace(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-/, "");
  const { owner = ID.ownerDefault, by, limits } = behalf;
  return Announcement.reserve({ owner, by, limits, contentType, filename: name.slice(-255) || undefined });
};

const invalid = (message: string) => new VisibleError("invalid_request", message);
