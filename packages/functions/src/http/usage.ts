/** The route of an owner's usage. */
import { ID } from "@image-pipeline/core/id";
import { Usage } from "@image-pipeline/core/images/usage";
import { Hono } from "hono";
import * as v from "valibot";
import type { Env } from "./auth.ts";
import { actingFor } from "./auth.ts";
import { Example } from "./examples.ts";
import { owner } from "./images-schema.ts";
import { route } from "./route.ts";
import { validator } from "./validator.ts";

const Query = v.strictObject({
  owner,
  month: v.optional(
    v.pipe(Usage.month, v.description("Month in UTC, such as `2026-11`. Default: this month.")),
  ),
});

export const usage = new Hono<Env>().get(
  "/usage",
  route({
    operationId: "getUsage",
    tag: "Service",
    summary: "Get an owner's usage",
    description:
      "The numbers that quotas are counted by, of each day (UTC) and of the month, for the last 13 months, and what is stored now. Without `owner`, those of the caller's owner; for an API key without one, those of `default`. A number is counted only while the stage has a limit for it (`UPLOADS_PER_DAY_MAX` and so on), and changes only if the caller has an owner: they are not counted for keys that act for every owner. The owner `default` has no quotas and is counted always; a day of its usage may begin up to 15 minutes late. They are no invoice: a request that failed after it was counted stays counted.\n\n`stored` is what the owner has stored now.",
    scope: "images:read",
    responses: { 200: { description: "The usage.", schema: Usage.Info, example: Example.usage } },
    errors: ["invalid_request"],
  }),
  validator("query", Query),
  async (c) => {
    const { owner: wanted, month } = c.req.valid("query");
    const owner = actingFor(c.var.caller, wanted) ?? ID.ownerDefault;
    return c.json(await Usage.read({ owner, month }), 200);
  },
);
