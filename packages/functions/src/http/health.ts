/** Whether the API is there. */
import { Hono } from "hono";
import * as v from "valibot";
import { route } from "./route.ts";

export const Health = v.pipe(
  v.object({ status: v.pipe(v.picklist(["ok"]), v.description("How it is.")) }),
  v.metadata({ ref: "Health" }),
);

/** Asks nothing of the table or the buckets: a check that others may call as often as they like must cost nothing. */
export const health = new Hono().get(
  "/health",
  route({
    operationId: "getHealth",
    tag: "Service",
    summary: "Whether the API is there",
    scope: "open",
    answers: { 200: { description: "It is.", schema: Health, example: { status: "ok" } } },
    errors: [],
  }),
  (c) => c.json({ status: "ok" as const }, 200),
);
