/**
 * Uploads as a form: `curl -F file=@photo.jpg`. The API passes the bytes to the bucket. For files that fit into one
 * request; presigned uploads have no such limit and cost the API nothing.
 */
import { createHash } from "node:crypto";
import { VisibleError } from "@image-pipeline/core/error";
import { ID } from "@image-pipeline/core/id";
import { Upload } from "@image-pipeline/core/images/upload";
import { Text } from "@image-pipeline/core/text";
import type { MiddlewareHandler } from "hono";
import * as v from "valibot";
import { type AppSettings, actingFor, type Guarded } from "./auth.ts";
import { once } from "./idempotency.ts";
import { FormFields } from "./images-schema.ts";
import { type Fault, InvalidRequest } from "./problem.ts";
import { faultsOf, mediaTypeOf } from "./validator.ts";

/** The media type of a form with a file. */
export const formType = "multipart/form-data";

/**
 * Bytes of a form that Lambda accepts. Its limit is 6,291,456 bytes for the event, in which the body is base64: 4.7 MB.
 * The rest is for the event itself. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
 */
export const lambdaBytesMax = 4_500_000;

/** Most bytes of a form on this machine, which holds each in memory. */
const localBytesMax = 268_435_456;

/** Bytes of a form besides its file. */
const fieldsBytesMax = 65_536;

/** Returns how many bytes a form may have in a stage. */
export const formBytesMax = ({ stage, bytesMax }: Pick<AppSettings, "stage" | "bytesMax">): number =>
  Math.min(bytesMax + fieldsBytesMax, stage === "local" ? localBytesMax : lambdaBytesMax);

/** Error for a form over the limit: no request takes the file, or a presigned upload does, which the message shows. */
export function formTooLarge(settings: Pick<AppSettings, "stage" | "bytesMax">): VisibleError {
  const { bytesMax } = settings;
  const formMax = formBytesMax(settings);
  if (formMax > bytesMax)
    return new VisibleError(
      "too_many_bytes",
      `The file has more than ${bytesMax} bytes, which is the limit here.`,
    );
  return new VisibleError(
    "body_too_large",
    `A form may have at most ${formMax} bytes here. Upload a larger file to S3 with a presigned URL: send POST /images with \`Content-Type: application/json\` and {"filename": "photo.jpg", "contentType": "image/jpeg", "bytes": 12345678}, then PUT the file to \`upload.url\` of the response with \`upload.headers\`.`,
  );
}

/**
 * Creates an image from a form and responds with it; passes a request of another media type on. Throws
 * `invalid_request` and what `Upload.receive` throws.
 */
export const receiveForm: MiddlewareHandler<Guarded> = async (c, next) => {
  if (mediaTypeOf(c.req.header("content-type")) !== formType) return next();
  const { file, fields } = await read(c.req.raw);
  const bytes = new Uint8Array(await file.arrayBuffer());
  const { owner: wanted, filename = Text.lastOf(file.name, 255), ...described } = fields;
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const upload = { filename, contentType: file.type, sha256, ...described };
  const owner = actingFor(c.var.caller, wanted) ?? ID.ownerDefault;
  const image = await once(c, { ...upload, wanted }, (imageID) =>
    Upload.receive(upload, bytes, { owner, by: c.var.caller.by, limits: c.var.settings, imageID }),
  );
  c.header("location", `/images/${image.id}`);
  return c.json(image, image.status === "ready" ? 200 : 202);
};

/** Fields of a form that hold JSON. */
const jsonFields = new Set(["metadata", "focus", "regions"]);

/** Reads a form. Throws `invalid_request` with every invalid field. */
async function read(request: Request): Promise<{ file: File; fields: v.InferOutput<typeof FormFields> }> {
  const form = await request.formData().catch((): never => {
    throw new InvalidRequest([{ pointer: "", detail: `The body could not be parsed as ${formType}.` }]);
  });
  const faults: Fault[] = [];
  const fault = (name: string, detail: string) => faults.push({ pointer: `/${name}`, detail });
  const fields = new Map<string, unknown>();
  const tags: string[] = [];
  const files: File[] = [];
  for (const [name, value] of form) {
    if (name === "file") {
      if (typeof value === "string") fault(name, "Must be a file, as `curl -F file=@photo.jpg` sends it.");
      else files.push(value);
      continue;
    }
    const text = typeof value === "string" ? value : await value.text();
    // A field that is left empty in a page is sent all the same.
    if (text === "") continue;
    if (name === "tags") tags.push(text);
    else if (fields.has(name)) fault(name, "Must be sent once.");
    else fields.set(name, jsonFields.has(name) ? parsed(text) : text);
  }
  const result = v.safeParse(FormFields, {
    ...Object.fromEntries(fields),
    ...(tags.length > 0 && { tags }),
  });
  const [file, ...others] = files;
  if (!file || others.length > 0) fault("file", "One file is required.");
  else if (file.size === 0) fault("file", "The file is empty.");
  if (!result.success) faults.push(...faultsOf("json", result.issues));
  if (!file || !result.success || faults.length > 0) throw new InvalidRequest(faults);
  return { file, fields: result.output };
}

/** Parses a JSON text; returns a text that is not JSON as it is, which the schema refuses. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
