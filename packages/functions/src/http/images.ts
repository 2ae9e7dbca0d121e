/** The routes of images. */
import { Event } from "@image-pipeline/core/event";
import { ID } from "@image-pipeline/core/id";
import { Image } from "@image-pipeline/core/image";
import { list } from "@image-pipeline/core/image-list";
import { Hono } from "hono";
import { Resource } from "sst";
import * as v from "valibot";
import { Announced, Events, ListQuery, Page } from "./images-schema.ts";
import { route } from "./route.ts";
import { valid } from "./valid.ts";

const Path = v.object({ id: ID.imageID });

export const images = new Hono()
  .post(
    "/images",
    route({
      operationId: "createImage",
      tag: "Images",
      summary: "Announce an upload",
      description: "Returns the pending image and the request that sends its bytes to the store.",
      scope: "images:write",
      answers: {
        201: {
          description: "Announced: now send the bytes as `upload` says.",
          schema: Announced,
          headers: { Location: "The image's address." },
        },
      },
      errors: ["invalid_request", "malformed_json", "body_too_large", "unsupported_media_type"],
    }),
    valid("json", Image.Announcement),
    async (c) => {
      const { owner = ID.ownerDefault, by } = c.var.caller;
      const { bytesMax, uploadSecondsMax: seconds } = Resource.Settings;
      const image = await Image.create({ announcement: c.req.valid("json"), owner, by, bytesMax, seconds });
      return c.json(image, 201, { location: `/images/${image.id}` });
    },
  )
  .get(
    "/images",
    route({
      operationId: "listImages",
      tag: "Images",
      summary: "List images, newest first",
      scope: "images:read",
      answers: {
        200: {
          description: "A page. Without `nextCursor` it is the last one.",
          schema: Page,
          headers: { Link: 'The next page, as `rel="next"`.' },
        },
      },
      errors: ["invalid_request", "invalid_cursor"],
    }),
    valid("query", ListQuery),
    async (c) => {
      const page = await list({ ...c.req.valid("query"), owner: c.var.caller.owner });
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
      scope: "images:read",
      answers: {
        200: {
          description: "The image as it is now.",
          schema: Image.Info,
          headers: {
            ETag: "Its version.",
            "Retry-After": "Seconds after which to look again; only while the image is unfinished.",
          },
        },
        304: { description: "Nothing has changed since the version in `If-None-Match`." },
      },
      errors: ["image_not_found"],
    }),
    valid("param", Path),
    async (c) => {
      const image = await Image.fromID({ ...c.req.valid("param"), owner: c.var.caller.owner });
      const etag = `W/"v${image.version}"`;
      c.header("etag", etag);
      if (image.status === "pending" || image.status === "processing") c.header("retry-after", "1");
      if (c.req.header("if-none-match") === etag) return c.body(null, 304);
      return c.json(image, 200);
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
      answers: { 200: { description: "Every transition.", schema: Events } },
      errors: ["image_not_found"],
    }),
    valid("param", Path),
    async (c) =>
      c.json({ items: await Event.list({ ...c.req.valid("param"), owner: c.var.caller.owner }) }, 200),
  )
  .delete(
    "/images/:id",
    route({
      operationId: "deleteImage",
      tag: "Images",
      summary: "Delete an image",
      description: "Original, variants and record; the audit trail stays.",
      scope: "images:write",
      answers: { 204: { description: "Deleted." } },
      errors: ["image_not_found"],
    }),
    valid("param", Path),
    async (c) => {
      const { owner, by } = c.var.caller;
      await Image.remove({ ...c.req.valid("param"), owner, by });
      return c.body(null, 204);
    },
  );

/** The address of the next page: this one's with another cursor. */
function nextLink(url: string, cursor: string): string {
  const { pathname, searchParams } = new URL(url);
  searchParams.set("cursor", cursor);
  return `<${pathname}?${searchParams}>; rel="next"`;
}
