/** The routes of all images: create, list and count. */

import { Target } from "@image-pipeline/core/egress/target";
import { ID } from "@image-pipeline/core/id";
import type { Image } from "@image-pipeline/core/images/image";
import { Import } from "@image-pipeline/core/images/import";
import { List } from "@image-pipeline/core/images/list";
import { PostingLists } from "@image-pipeline/core/images/posting-lists";
import { Query } from "@image-pipeline/core/images/query";
import { Upload } from "@image-pipeline/core/images/upload";
import { type Context, Hono } from "hono";
import type { Env, Guarded } from "./auth.ts";
import { actingFor } from "./auth.ts";
import { Example } from "./examples.ts";
import { formType, receiveForm } from "./form.ts";
import { current, once } from "./idempotency.ts";
import { Created, ImageForm, ImageInput } from "./images-schema.ts";
import { Count, CountQuery, ListQuery, metadataParameter, Page } from "./list-schema.ts";
import { InvalidRequest } from "./problem.ts";
import { route } from "./route.ts";
import { validator } from "./validator.ts";

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
export function nextLink(url: string, cursor: string): string {
  const { pathname, searchParams } = new URL(url);
  searchParams.set("cursor", cursor);
  return `<${pathname}?${searchParams}>; rel="next"`;
}
