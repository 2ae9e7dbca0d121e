/** The route that presigns S3 requests for uploaders such as Uppy. */
import { Uppy } from "@image-pipeline/core/images/uppy";
import { Hono } from "hono";
import type { Env } from "./auth.ts";
import { Example } from "./examples.ts";
import { route } from "./route.ts";
import { validator } from "./validator.ts";

export const uploads = new Hono<Env>().post(
  "/uploads/sign",
  route({
    operationId: "signUpload",
    tag: "Uploads",
    summary: "Presign one S3 request",
    description:
      "Implements `signRequest` of Uppy 6: `new Uppy().use(AwsS3, { signRequest: (request) => post('/uploads/sign', request) })`. A PUT or POST without `uploadId` creates an image, with its `title`, `alt`, `tags`, `metadata`, `focus` and `regions` if the app adds them. Uppy does not send the file's size: the file is then uploaded as a form, or as the body of a PUT if the app adds `bytes`. A part of a multipart upload needs its `bytes`: with Uppy's parts of 5 MiB, `Math.min(chunk, file.size - (partNumber - 1) * chunk)`. An image has one open multipart upload; the first part of another one aborts it. The parts together are never longer than the file.",
    scope: "images:write",
    responses: {
      200: { description: "The presigned request.", schema: Uppy.Signed, example: Example.signed },
    },
    errors: [
      "invalid_request",
      "malformed_json",
      "body_too_large",
      "unsupported_media_type",
      "too_many_bytes",
      "unsupported_format",
      "image_not_found",
      "image_not_ready",
      "quota_exceeded",
    ],
    body: Example.signing,
  }),
  validator("json", Uppy.Request),
  async (c) => {
    const { owner, by } = c.var.caller;
    const request = c.req.valid("json");
    return c.json(await Uppy.sign(request, { owner, by, limits: c.var.settings }), 200);
  },
);
