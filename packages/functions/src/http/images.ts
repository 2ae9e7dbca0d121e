/** The routes of images. */

import { Target } from "@image-pipeline/core/egress/target";
import { ID } from "@image-pipeline/core/id";
import { Audit } from "@image-pipeline/core/images/audit";
import { Image } from "@image-pipeline/core/images/image";
import { Import } from "@image-pipeline/core/images/import";
import { List } from "@image-pipeline/core/images/list";
import { PostingLists } from "@image-pipeline/core/images/posting-lists";
import { Query } from "@image-pipeline/core/images/query";
import { Similar } from "@image-pipeline/core/images/similar";
import { Upload } from "@image-pipeline/core/images/upload";
import { Waiting } from "@image-pipeline/core/images/waiting";
import { type Context, Hono } from "hono";
import { accepts } from "hono/accepts";
import type { Env, Guarded } from "./auth.ts";
import { actingFor } from "./auth.ts";
import { etagOf, matches, retryAfterOf, versionOf } from "./etag.ts";
import { Example } from "./examples.ts";
import { formType, receiveForm } from "./form.ts";
import { once } from "./idempotency.ts";
import {
  Count,
  CountQuery,
  Created,
  DeleteQuery,
  Events,
  EventsQuery,
  ImageForm,
  ImageInput,
  ListQuery,
  LookUpQuery,
  metadataParameter,
  Page,
  Path,
  SimilarList,
  SimilarQuery,
} from "./images-schema.ts";
import { remove, reprocess, restore, update } from "./operations.ts";
import { InvalidRequest } from "./problem.ts";
import { route } from "./route.ts";
import { mediaTypeOf, mergePatch, validator } from "./validator.ts";

/** Validity of the presigned URL of an original. */
const originalSeconds = 300;

export const images = new Hono<Env>()
  .post(
    "/images",
    route({
      operationId: "createImage",
      tag: "Images",
      summary: "Create an image",
      description:
        'Creates a `pending` image and returns it with `upload`, the presigned request that uploads its file to S3. If the owner has a `ready` image with the same `sha256`, its bytes are copied within S3, and the new image needs no upload. It is independent of the other one, and counts against the quotas like an upload.\n\nA small file may be sent in the request itself, as `multipart/form-data` with the file as `file`: `curl -F file=@photo.jpg`. `metadata`, `focus` and `regions` are JSON there, as in `-F \'focus={"x":0.5,"y":0.3}\'`, and `tags` is repeated. The response is then 202 without `upload`. With `from`, the file is imported from a URL: the response is 202 as well, and the image becomes `ready`, or `rejected` or `failed` with a code that begins with `import_`. A form has at most 4.5 MB on a deployed stage, and the limit of files in embedded mode.',
      scope: "images:write",
      responses: {
        201: {
          description: "The image was created. Upload the file with the request in `upload`.",
          schema: Created,
          example: Example.announced,
          headers: { Location: "URL path of the image." },
        },
        202: {
          description: "The form's file is stored and will be processed, or the URL will be imported.",
          schema: Created,
          example: Example.pending,
          headers: { Location: "URL path of the image." },
        },
        200: {
          description:
            "The image was created and needs no upload: its bytes were copied from another image of the owner, or an earlier request with the same idempotency key created it and they have arrived.",
          schema: Created,
          example: Example.pending,
          headers: { Location: "URL path of the image." },
        },
      },
      errors: [
        "invalid_request",
        "malformed_json",
        "body_too_large",
        "unsupported_media_type",
        "too_many_bytes",
        "unsupported_format",
        "image_not_found",
        "idempotency_key_reused",
        "request_in_progress",
        "quota_exceeded",
      ],
      headers: ["Idempotency-Key"],
      body: Example.newImage,
      bodies: { [formType]: { schema: ImageForm } },
    }),
    receiveForm,
    validator("json", ImageInput),
    async (c) => {
      const body = c.req.valid("json");
      const { owner: wanted, ...input } = body;
      const create = (imageID?: string): Promise<Upload.Created> => {
        const owner = actingFor(c.var.caller, wanted) ?? ID.ownerDefault;
        const creator = { owner, by: c.var.caller.by, limits: c.var.settings, imageID };
        return "from" in input ? importFrom(c, input, creator) : Upload.create(input, creator);
      };
      const answer = await once(c, body, create);
      // A replay outlives its presigned URL: by a day, against minutes.
      const isExpired = answer.upload && Date.parse(answer.upload.expiresAt) <= Date.now();
      const image = isExpired ? await create(answer.id) : await current(answer);
      c.header("location", `/images/${image.id}`);
      const { upload, ...known } = image;
      if (upload) return c.json({ ...known, upload }, 201);
      return "from" in input ? c.json(known, 202) : c.json(known, 200);
    },
  )
  .get(
    "/images",
    route({
      operationId: "listImages",
      tag: "Images",
      summary: "List images",
      description: `Lists images, newest first. \`status\`, \`tag\`, \`format\`, \`metadata.NAME\`, \`q\`, \`createdAfter\` and \`createdBefore\` work together, up to ${Query.listsMax} tags, words, metadata entries, formats and statuses; only images that match all of them are returned. \`orderBy=takenAt\`, \`takenAfter\` and \`takenBefore\` work together, and with \`order\` only. Without an owner, only \`createdAfter\` and \`createdBefore\`. Any other combination is \`invalid_request\`.

A page may have fewer images than \`limit\`, and even none: only a page without \`nextCursor\` is the last. A page reads the rows that it returns; a combination of filters ends a page after ${PostingLists.queriesMax} reads of an index.

With \`id\`, returns the images with these ids in one page and in their order; ids without an image are left out.`,
      scope: "images:read",
      responses: {
        200: {
          description: "One page. The last page has no `nextCursor`.",
          schema: Page,
          example: Example.page,
          headers: { Link: 'URL of the next page, with `rel="next"`.' },
        },
      },
      errors: ["invalid_request", "invalid_cursor"],
      parameters: [metadataParameter],
    }),
    validator("query", ListQuery),
    async (c) => {
      const { id, owner: wanted, ...query } = c.req.valid("query");
      const owner = actingFor(c.var.caller, wanted);
      const page: List.Page = id
        ? { items: await List.fromIDs({ ids: id, owner }) }
        : await List.list({ ...query, owner });
      if (page.nextCursor) c.header("link", nextLink(c.req.url, page.nextCursor));
      return c.json(page, 200);
    },
  )
  .get(
    "/images/count",
    route({
      operationId: "countImages",
      tag: "Images",
      summary: "Count images",
      description: `Counts the images that \`GET /images\` lists with the same filters. Counting ends at ${List.countMax.toLocaleString("en-GB")} and reads each image that it counts, which costs up to $0.0002.`,
      scope: "images:read",
      responses: {
        200: { description: "The number of images.", schema: Count, example: Example.count },
      },
      errors: ["invalid_request"],
      parameters: [metadataParameter],
    }),
    validator("query", CountQuery),
    async (c) => {
      const { owner: wanted, ...query } = c.req.valid("query");
      const owner = actingFor(c.var.caller, wanted);
      return c.json(await List.count({ ...query, owner }), 200);
    },
  )
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
      const image = wait
        ? await Waiting.whenFinal({ ...reference, seconds: wait }, c.var.settings)
        : await Image.fromID(reference);
      const etag = etagOf(image);
      c.header("etag", etag);
      const retryAfter = retryAfterOf(image, Date.now());
      if (retryAfter !== undefined) c.header("retry-after", String(retryAfter));
      return matches(c.req.header("if-none-match"), etag) ? c.body(null, 304) : c.json(image, 200);
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
      const image = await update({ ...c.req.valid("param"), version, changes, merge }, c.var);
      return c.json(image, 200, { etag: etagOf(image) });
    },
  )
  .delete(
    "/images/:id",
    route({
      operationId: "deleteImage",
      tag: "Images",
      summary: "Delete an image",
      description: `On a stage with a trash (\`TRASH_DAYS\`), puts the image into it: the image is in no list but that of \`status=trashed\`, and its variants are removed within seconds. Its original, fields and events are kept until \`trash.until\`, and \`POST /images/{id}/restore\` brings it back. After that it is deleted.

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
      const image = await restore(c.req.valid("param"), c.var);
      return c.json(image, 200, { etag: etagOf(image) });
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
      const image = await once(c, null, (request) => reprocess({ ...c.req.valid("param"), request }, c.var));
      const { upload: _, ...now } = await current(image);
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

/** Creates an import. Throws `invalid_request` for a URL that the stage refuses, and what `Import.create` throws. */
async function importFrom(
  { var: { settings } }: Context<Guarded>,
  input: Import.New,
  creator: Upload.Creator,
): Promise<Image.Info> {
  try {
    return await Import.create(input, creator, Target.policyOf(settings.stage, settings));
  } catch (error) {
    if (!(error instanceof Import.RefusedURL)) throw error;
    throw new InvalidRequest([{ pointer: "/from/url", detail: error.message }]);
  }
}

/** Returns the `Link` header of the next page. */
function nextLink(url: string, cursor: string): string {
  const { pathname, searchParams } = new URL(url);
  searchParams.set("cursor", cursor);
  return `<${pathname}?${searchParams}>; rel="next"`;
}

/**
 * Returns an image as it is now, if a response names its files. A replay is up to a day old: its signed URLs have
 * expired, and its public ones may be of an image that is private by now.
 */
async function current(image: Upload.Created): Promise<Upload.Created> {
  if (!image.variants) return image;
  const { id, owner } = image;
  return { ...image, ...(await Image.fromID({ id, owner })) };
}
