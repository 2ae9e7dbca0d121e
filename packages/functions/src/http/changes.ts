/** The route of the change feed. */
import { Changes } from "@image-pipeline/core/images/changes";
import { Hono } from "hono";
import * as v from "valibot";
import type { Env } from "./auth.ts";
import { actingFor } from "./auth.ts";
import { Example } from "./examples.ts";
import { owner, whole } from "./images-schema.ts";
import { InvalidRequest } from "./problem.ts";
import { route } from "./route.ts";
import { validator } from "./validator.ts";

const Query = v.strictObject({
  owner,
  since: v.optional(
    v.pipe(
      v.string(),
      v.maxLength(4096),
      v.description("`nextCursor` of the previous page. Without it, the feed begins with all images."),
    ),
  ),
  limit: v.optional(
    whole(1, Changes.limitMax, "Maximum number of changes on the page.", { default: Changes.limitMax }),
    String(Changes.limitMax),
  ),
  wait: v.optional(whole(0, Changes.waitMax, "Seconds to wait for a change if there is none.")),
});

const Page = v.pipe(
  v.object({
    items: v.array(Changes.Info),
    nextCursor: v.pipe(
      v.string(),
      v.description("Cursor of the next page, also if that has no changes yet. Valid for 30 days."),
    ),
    more: v.pipe(v.boolean(), v.description("`true` if the next page has changes already.")),
  }),
  v.metadata({ ref: "ChangeList" }),
);

export const changes = new Hono<Env>().get(
  "/changes",
  route({
    operationId: "listChanges",
    tag: "Images",
    summary: "List changes of images",
    description: `Lists the images of an owner that changed, oldest change first, for clients that keep a copy. Without \`since\` it lists all images, page after page. The last page has \`more: false\`, and its cursor is the one to continue with later.

An image is on the feed once, with its newest state: an image that changes moves to the end. One whose file was not uploaded is not on it. A change may come twice, with the same \`version\`. Apply the pages in their order. \`delete\` may name an image that the client does not know.

With \`wait\`, the response is delayed until there is a change. One such request serves a whole app, and holds one of the stage's concurrent executions. While too many other requests wait, it is not delayed.

Deletions are known for 30 days. After \`cursor_expired\` or \`invalid_cursor\`, read all images without \`since\`, and drop those that were not listed. A page has up to 4 MB, and may have fewer changes than \`limit\`, even none.`,
    scope: "images:read",
    responses: {
      200: { description: "One page.", schema: Page, example: Example.changesPage },
    },
    errors: ["invalid_request", "invalid_cursor", "cursor_expired"],
  }),
  validator("query", Query),
  async (c) => {
    const { caller, settings } = c.var;
    const { owner: wanted, ...query } = c.req.valid("query");
    const owner = actingFor(caller, wanted);
    if (owner === undefined)
      throw new InvalidRequest([
        { parameter: "owner", detail: "Required for an API key that has no owner." },
      ]);
    return c.json(await Changes.list({ ...query, owner, caller: caller.owner, limits: settings }), 200);
  },
);
