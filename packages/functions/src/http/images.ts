/** The routes of images. */

import { ID } from "@image-pipeline/core/id";
import { Audit } from "@image-pipeline/core/images/audit";
import { Image } from "@image-pipeline/core/images/image";
import { fromIDs, type Page as ListPage, list } from "@image-pipeline/core/images/list";
import { Upload } from "@image-pipeline/core/images/upload";
import { Hono } from "hono";
import { Resource } from "sst";
import { actingFor } from "./caller.ts";
import { etagOf, has, versionOf } from "./conditions.ts";
import { Example } from "./examples.ts";
import { Announced, Events, ListQuery, LookUpQuery, NewImage, Page, Path } from "./images-schema.ts";
import { once } from "./once.ts";
import { route } from "./route.ts";
import { valid } from "./valid.ts";

/** How long the address of an original works. */
const originalSeconds = 300;

export const images = new Hono()
  .post(
    "/images",
    route({
      operationId: "createImage",
      tag: "Images",
      summary: "Announce an upload",
      description:
        "Returns the pending image and the request that sends its bytes to the store. If the owner has a ready image of these very bytes (by `sha256`), that one is returned instead.",
      scope: "images:write",
      answers: {
        201: {
          description: "Announced. Now send the bytes as `upload` says.",
          schema: Announced,
          example: Example.announced,
          headers: { Location: "The image's address." },
        },
        200: {
          description: "These bytes are there already; nothing needs to be sent.",
          schema: Image.Info,
          example: Example.image,
          headers: { Location: "The image's address." },
        },
      },
      errors: [
        "invalid_request",
        "malformed_json",
        "body_too_large",
        "unsupported_media_type",
        "idempotency_key_reused",
        "request_in_progress",
        "quota_exceeded",
      ],
      headers: ["Idempotency-Key"],
      body: Example.newImage,
    }),
    valid("json", NewImage),
    async (c) => {
      const body = c.req.valid("json");
      const image = await once(c, body, () => {
        const { owner: wanted, ...upload } = body;
        const owner = actingFor(c.var.caller, wanted) ?? ID.ownerDefault;
        return Upload.create(upload, { owner, by: c.var.caller.by, limits: Resource.Settings });
      });
      c.header("location", `/images/${image.id}`);
      const { upload, ...known } = image;
      return upload ? c.json({ ...known, upload }, 201) : c.json(known, 200);
    },
  )
  .get(
    "/images",
    route({
      operationId: "listImages",
      tag: "Images",
      summary: "List images",
      description:
        "Newest first. `status` and `tag` cannot be combined. With `id`, the images of these ids in one answer, in their order and without pages; what is not there is left out.",
      scope: "images:read",
      answers: {
        200: {
          description: "A page. Without `nextCursor` it is the last one.",
          schema: Page,
          example: Example.page,
          headers: { Link: 'The next page, as `rel="next"`.' },
        },
      },
      errors: ["invalid_request", "invalid_cursor"],
    }),
    valid("query", ListQuery),
    async (c) => {
      const { id, owner: wanted, ...query } = c.req.valid("query");
      const owner = actingFor(c.var.caller, wanted);
      const page: ListPage = id
        ? { items: await fromIDs({ ids: id, owner }) }
        : await list({ ...query, owner });
      if (page.nextCursor) c.header("link", nextLink(c.req.url, page.nextCursor));
      return c.json(page, 200);
    },
  )
  .get(
    "/images/:id",
    route({
      operationId: "getImage",
      tag: "Images",
      summary: "Look an image up",
      description: "With `wait`, the answer is held back until the image is finished.",
      scope: "images:read",
      answers: {
        200: {
          description: "The image as it is now.",
          schema: Image.Info,
          example: Example.image,
          headers: {
            ETag: "The image's version.",
            "Retry-After": "Seconds after which to look again, while the image is unfinished.",
          },
        },
        304: {
          description: "Still the version of `If-None-Match`.",
          headers: { ETag: "The image's version." },
        },
      },
      errors: ["invalid_request", "image_not_found"],
      headers: ["If-None-Match"],
    }),
    valid("param", Path),
    valid("query", LookUpQuery),
    async (c) => {
      const reference = { ...c.req.valid("param"), owner: c.var.caller.owner };
      const { wait } = c.req.valid("query");
      const image = wait
        ? await Image.whenFinal({ ...reference, seconds: wait })
        : await Image.fromID(reference);
      const etag = etagOf(image);
      c.header("etag", etag);
      if (image.status === "pending" || image.status === "processing") c.header("retry-after", "1");
      return has(c.req.header("if-none-match"), etag) ? c.body(null, 304) : c.json(image, 200);
    },
  )
  .patch(
    "/images/:id",
    route({
      operationId: "updateImage",
      tag: "Images",
      summary: "Change what is said of an image",
      description: "Only the fields that are given change; `null` takes a field away.",
      scope: "images:write",
      answers: {
        200: {
          description: "The image as it is now.",
          schema: Image.Info,
          example: Example.image,
          headers: { ETag: "The image's version." },
        },
      },
      errors: [
        "invalid_request",
        "malformed_json",
        "body_too_large",
        "unsupported_media_type",
        "image_not_found",
        "version_conflict",
      ],
      headers: ["If-Match"],
      body: Example.changes,
    }),
    valid("param", Path),
    valid("json", Image.Changes),
    async (c) => {
      const { owner, by } = c.var.caller;
      const version = versionOf(c.req.header("if-match"));
      const changes = c.req.valid("json");
      const image = await Image.update({ ...c.req.valid("param"), owner, by, version, changes });
      return c.json(image, 200, { etag: etagOf(image) });
    },
  )
  .delete(
    "/images/:id",
    route({
      operationId: "deleteImage",
      tag: "Images",
      summary: "Delete an image",
      description: "Original, variants and record; what happened to it stays readable.",
      scope: "images:write",
      answers: { 204: { description: "Deleted." } },
      errors: ["image_not_found", "version_conflict"],
      headers: ["If-Match"],
    }),
    valid("param", Path),
    async (c) => {
      const { owner, by } = c.var.caller;
      const version = versionOf(c.req.header("if-match"));
      await Image.remove({ ...c.req.valid("param"), owner, by, version });
      return c.body(null, 204);
    },
  )
  .post(
    "/images/:id/reprocess",
    route({
      operationId: "reprocessImage",
      tag: "Images",
      summary: "Make an image's variants anew",
      description: "The variants that it has stay readable until the new ones are there.",
      scope: "images:write",
      answers: { 200: { description: "On its way again.", schema: Image.Info, example: Example.image } },
      errors: [
        "invalid_request",
        "image_not_found",
        "image_not_ready",
        "idempotency_key_reused",
        "request_in_progress",
      ],
      headers: ["Idempotency-Key"],
    }),
    valid("param", Path),
    async (c) => {
      const { owner, by } = c.var.caller;
      const reference = { ...c.req.valid("param"), owner, by };
      return c.json(await once(c, null, () => Image.reprocess(reference)), 200);
    },
  )
  .get(
    "/images/:id/original",
    route({
      operationId: "getOriginal",
      tag: "Images",
      summary: "Download an image's original",
      description: `Leads to an address that works for ${originalSeconds / 60} minutes. Originals hold what cameras write into them, such as places.`,
      scope: "images:read",
      answers: {
        302: { description: "The original is there.", headers: { Location: "The address. A secret." } },
      },
      errors: ["image_not_found", "image_not_ready"],
    }),
    valid("param", Path),
    async (c) => {
      const reference = { ...c.req.valid("param"), owner: c.var.caller.owner };
      return c.redirect(await Image.original({ ...reference, seconds: originalSeconds }), 302);
    },
  )
  .get(
    "/images/:id/events",
    route({
      operationId: "listImageEvents",
      tag: "Images",
      summary: "What happened to an image",
      description: "Oldest first. Stays readable after the image is deleted.",
      scope: "images:read",
      answers: { 200: { description: "Every transition.", schema: Events, example: Example.events } },
      errors: ["image_not_found"],
    }),
    valid("param", Path),
    async (c) => {
      const items = await Audit.list({ ...c.req.valid("param"), owner: c.var.caller.owner });
      return c.json({ items }, 200);
    },
  );

/** The address of the next page: this one's with another cursor. */
function nextLink(url: string, cursor: string): string {
  const { pathname, searchParams } = new URL(url);
  searchParams.set("cursor", cursor);
  return `<${pathname}?${searchParams}>; rel="next"`;
}
