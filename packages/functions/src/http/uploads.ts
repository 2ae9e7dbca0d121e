/** The route of uploaders that speak S3 themselves. */
import { Uppy } from "@image-pipeline/core/images/uppy";
import { Hono } from "hono";
import { Resource } from "sst";
import { Example } from "./examples.ts";
import { route } from "./route.ts";
import { valid } from "./valid.ts";

export const uploads = new Hono().post(
  "/uploads/sign",
  route({
    operationId: "signUpload",
    tag: "Uploads",
    summary: "Sign one request to the store",
    description:
      "What Uppy 6 calls `signRequest`: `new Uppy().use(AwsS3, { signRequest: (request) => post('/uploads/sign', request) })`. A PUT or POST without `uploadId` announces an image. Uppy does not say how large a file is: it goes as a form, or as the body of a PUT where the app adds `bytes`.",
    scope: "images:write",
    answers: {
      200: {
        description: "The request to make.",
        schema: Uppy.Signed,
        example: Example.signed,
      },
    },
    errors: [
      "invalid_request",
      "malformed_json",
      "body_too_large",
      "unsupported_media_type",
      "image_not_found",
      "image_not_ready",
      "quota_exceeded",
    ],
    body: Example.signing,
  }),
  valid("json", Uppy.Request),
  async (c) => {
    const { owner, by } = c.var.caller;
    const request = c.req.valid("json");
    return c.json(await Uppy.sign(request, { owner, by, limits: Resource.Settings }), 200);
  },
);
