/** The route of statistics, for the operations page and monitoring. */
import { Stats } from "@image-pipeline/core/images/stats";
import { Hono } from "hono";
import * as v from "valibot";
import { Example } from "./examples.ts";
import { whole } from "./images-schema.ts";
import { route } from "./route.ts";
import { validator } from "./validator.ts";

const hoursDefault = 24;

const Query = v.strictObject({
  hours: v.optional(
    whole(1, Stats.hoursMax, "How many hours to look back, including the current one.", {
      default: hoursDefault,
    }),
    String(hoursDefault),
  ),
});

export const stats = new Hono().get(
  "/stats",
  route({
    operationId: "getStats",
    tag: "Service",
    summary: "Get statistics of the pipeline",
    description:
      "Read from counters, so the cost does not depend on the number of images. A count that a crash lost is corrected within a day.",
    scope: "service",
    responses: {
      200: { description: "Current counts and the last hours.", schema: Stats.Info, example: Example.stats },
    },
    errors: ["invalid_request"],
  }),
  validator("query", Query),
  async (c) => c.json(await Stats.read(c.req.valid("query").hours), 200),
);
