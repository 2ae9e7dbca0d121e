/** The routes of one image, and of what belongs to it: its original, similar images and events. */

import { Audit } from "@image-pipeline/core/images/audit";
import { Image } from "@image-pipeline/core/images/image";
import { Similar } from "@image-pipeline/core/images/similar";
import { Waiting } from "@image-pipeline/core/images/waiting";
import { Hono } from "hono";
import { accepts } from "hono/accepts";
import type { Env } from "./auth.ts";
import { etagOf, matches, retryAfterOf, versionOf } from "./etag.ts";
import { Example } from "./examples.ts";
import { current, once } from "./idempotency.ts";
import { nextLink } from "./images.ts";
import {
  DeleteQuery,
  Events,
  EventsQuery,
  LookUpQuery,
  Path,
  SimilarList,
  SimilarQuery,
} from "./images-schema.ts";
import { remove, reprocess, restore, update } from "./operations.ts";
import { route } from "./route.ts";
import { mediaTypeOf, mergePatch, validator } from "./validator.ts";

/** Validity of the presigned URL of an original. */
const originalSeconds = 300;

export const image = new Hono<Env>()
  .get(
    "/images/:id",
    route({
      operationId: "getImage",
      tag: "Images",
      summary: "Get an image",
      description:
        "An image in the trash has the status `trashed` and no variants. To wait until an image is `ready`, `rejected` or `failed`, send the request again after `Retry-After` seconds, with the ETag in `If-None-Match`. With `wait`, the response is delayed instead, which suits scripts: such a request holds one of the stage's concurrent executions. While too many other requests wait, it is not delayed.",
      scope: "images:read",
      responses: {
        200: {
          description: "The current image.",
          schema: Image.Info,
          example: Example.image,
          headers: {
            ETag: "Version of the image.",
            "Retry-After":
              "Seconds until the next request, while the image is `pending` or `processing`: a tenth of the time since its last change, from 1 to 10.",
          },
        },
        304: {
          description:
            "The image still has the version in `If-None-Match`, and its signed URLs are the same.",
          headers: { ETag: "Version of the image.", "Retry-After": "As in the response 200." },
        },
      },
      errors: ["invalid_request", "image_not_found"],
      headers: ["If-None-Match"],
    }),
    validator("param", Path),
    validator("query", LookUpQuery),
    async (c) => {
      const reference = { ...c.req.valid("param"), owner: c.var.caller.owner };
      const { wait } = c.req.valid("query");
      const found = wait
        ? await Waiting.whenFinal({ ...reference, seconds: wait }, c.var.settings)
        : await Image.fromID(reference);
      const etag = etagOf(found);
      c.header("etag", etag);
      const retryAfter = retryAfterOf(found, Date.now());
      if (retryAfter !== undefined) c.header("retry-after", String(retryAfter));
      return matches(c.req.header("if-none-match"), etag) ? c.body(null, 304) : c.json(found, 200);
    },
  )
  .patch(
    "/images/:id",
    route({
      operationId: "updateImage",
      tag: "Images",
      summary: "Update an image",
      description: `Changes only the fields that are sent. \`null\` removes a field. \`tags\` are replaced as a whole, and so is \`metadata\` in a body of type \`application/json\`. As a merge patch (RFC 7396, \`${mergePatch}\`) \`metadata\` is merged: entries that are not sent stay, and an entry that is \`null\` is removed.

Another \`focus\`, or other \`regions\` without one, sends a \`ready\` image through the pipeline again: it is \`pending\` until its cropped variants exist under new URLs. The other variants keep theirs, and the old ones stay readable for a day.

Another \`visibility\` makes all files again at another place. From the response on, a \`private\` image has no public URL any more: its public files are removed within seconds, and shared caches drop them like those of a deleted image. Signed URLs of an image that becomes \`public\` stay valid until they expire.`,
      scope: "images:write",
      responses: {
        200: {
          description: "The current image.",
          schema: Image.Info,
          example: Example.image,
          headers: { ETag: "Version of the image." },
        },
      },
      errors: [
        "invalid_request",
        "malformed_json",
        "body_too_large",
        "unsupported_media_type",
        "image_not_found",
        "image_trashed",
        "version_conflict",
        "quota_exceeded",
      ],
      headers: ["If-Match"],
      body: Example.changes,
      bodies: { [mergePatch]: { schema: Image.Changes } },
    }),
    validator("param", Path),
    validator("json", Image.Changes, ["application/json", mergePatch]),
    async (c) => {
      const version = versionOf(c.req.header("if-match"));
      const changes = c.req.valid("json");
      const merge = mediaTypeOf(c.req.header("content-type")) === mergePatch;
      const updated = await update({ ...c.req.valid("param"), version, changes, merge }, c.var);
      return c.json(updated, 200, { etag: etagOf(updated) });
    },
  )
  .delete(
    "/images/:id",
    route({
      operationId: "deleteImage",
      tag: "Images",
      summary: "Delete an image",
      description: `On a stage with a trash (\`trashDays\` of \`GET /health\` is not 0), puts the image into it: the image is in no list but that of \`status=trashed\`, and its variants are removed within seconds. Its original, fields and events are kept until \`trash.until\`, and \`POST /images/{id}/restore\` brings it back. After that it is deleted.

Without a trash, or with \`permanent=true\`, deletes the record and the original at once, and the variants within seconds. The events stay readable. The image does not come back: a presigned URL that is used later uploads bytes that are removed. A repeated request continues the first one and is a 204 too.

Shared caches drop the variants within about five minutes where the stage invalidates them, else within a week. A browser that has shown an image may keep it for a year. A production stage keeps noncurrent versions of both objects for 30 days. With \`permanent=true\` they are removed too, within about half an hour, also of an image that is already deleted.`,
      scope: "images:write",
      responses: { 204: { description: "Deleted, or in the trash." } },
      errors: ["invalid_request", "image_not_found", "version_conflict"],
      headers: ["If-Match"],
    }),
    validator("param", Path),
    validator("query", DeleteQuery),
    async (c) => {
      const version = versionOf(c.req.header("if-match"));
      const permanent = c.req.valid("query").permanent === "true";
      await remove({ ...c.req.valid("param"), version, permanent }, c.var);
      return c.body(null, 204);
    },
  )
  .post(
    "/images/:id/restore",
    route({
      operationId: "restoreImage",
      tag: "Images",
      summary: "Restore an image from the trash",
      description:
        "Takes an image out of the trash. It is `pending` until its variants exist again, under new URLs. One that was rejected, or whose file had not come, has its status again. An image that is not in the trash stays as it is, so that a repeated request changes nothing.",
      scope: "images:write",
      responses: {
        200: {
          description: "The current image.",
          schema: Image.Info,
          example: Example.pending,
          headers: { ETag: "Version of the image." },
        },
      },
      errors: ["image_not_found", "quota_exceeded"],
    }),
    validator("param", Path),
    async (c) => {
      const restored = await restore(c.req.valid("param"), c.var);
      return c.json(restored, 200, { etag: etagOf(restored) });
    },
  )
  .post(
    "/images/:id/reprocess",
    route({
      operationId: "reprocessImage",
      tag: "Images",
      summary: "Reprocess an image",
      description:
        "Makes the variants again, with the current recipe. The old variants stay readable until the new ones exist.",
      scope: "images:write",
      responses: {
        200: { description: "The image is queued again.", schema: Image.Info, example: Example.image },
      },
      errors: [
        "invalid_request",
        "image_not_found",
        "image_not_ready",
        "image_trashed",
        "idempotency_key_reused",
        "request_in_progress",
        "quota_exceeded",
      ],
      headers: ["Idempotency-Key"],
    }),
    validator("param", Path),
    async (c) => {
      const queued = await once(c, null, (request) => reprocess({ ...c.req.valid("param"), request }, c.var));
      const { upload: _, ...now } = await current(queued);
      return c.json(now, 200);
    },
  )
  .get(
    "/images/:id/original",
    route({
      operationId: "getOriginal",
      tag: "Images",
      summary: "Download an image's original",
      description: `Redirects to a presigned URL that is valid for ${originalSeconds / 60} minutes; with \`Accept: application/json\`, returns that URL instead, for clients that authenticate but let a browser download. An original contains what the camera wrote into it, such as the location.`,
      scope: "images:read",
      responses: {
        200: {
          description: "The presigned URL, for `Accept: application/json`. Keep it secret.",
          schema: Image.Original,
          example: Example.original,
        },
        302: {
          description: "Redirect to the original.",
          headers: { Location: "Presigned URL of the original. Keep it secret." },
        },
      },
      errors: ["image_not_found", "image_not_ready", "image_trashed"],
    }),
    validator("param", Path),
    async (c) => {
      const reference = { ...c.req.valid("param"), owner: c.var.caller.owner };
      const original = await Image.original({ ...reference, seconds: originalSeconds });
      c.header("vary", "Accept", { append: true });
      const type = accepts(c, { header: "Accept", supports: ["*/*", "application/json"], default: "*/*" });
      return type === "application/json" ? c.json(original, 200) : c.redirect(original.url, 302);
    },
  )
  .get(
    "/images/:id/similar",
    route({
      operationId: "listSimilarImages",
      tag: "Images",
      summary: "List similar images",
      description: `Lists the images of the same owner that look like this one, the closest first, and of those the newest: copies that were resized, re-encoded or slightly edited, not crops or rotated ones. Compares perceptual hashes, \`source.perceptualHash\`, which an image has once it was processed.

A search reads at most about ${Similar.queriesMax} blocks of \`limit\` rows. \`complete\` is \`false\` if it ended there, or if there are more than \`limit\` images.`,
      scope: "images:read",
      responses: {
        200: { description: "The similar images.", schema: SimilarList, example: Example.similar },
      },
      errors: ["invalid_request", "image_not_found", "image_not_ready"],
    }),
    validator("param", Path),
    validator("query", SimilarQuery),
    async (c) => {
      const reference = { ...c.req.valid("param"), owner: c.var.caller.owner };
      return c.json(await Similar.find({ ...reference, ...c.req.valid("query") }), 200);
    },
  )
  .get(
    "/images/:id/events",
    route({
      operationId: "listImageEvents",
      tag: "Images",
      summary: "List the events of an image",
      description: "The audit trail, oldest event first. It stays readable after the image is deleted.",
      scope: "images:read",
      responses: {
        200: {
          description: "One page. The last page has no `nextCursor`.",
          schema: Events,
          example: Example.events,
          headers: { Link: 'URL of the next page, with `rel="next"`.' },
        },
      },
      errors: ["invalid_request", "invalid_cursor", "image_not_found"],
    }),
    validator("param", Path),
    validator("query", EventsQuery),
    async (c) => {
      const reference = { ...c.req.valid("param"), owner: c.var.caller.owner };
      const page = await Audit.list({ ...reference, ...c.req.valid("query") });
      if (page.nextCursor) c.header("link", nextLink(c.req.url, page.nextCursor));
      return c.json(page, 200);
    },
  );
