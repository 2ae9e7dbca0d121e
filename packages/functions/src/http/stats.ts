/** How the pipeline is doing, for the operations page and for whoever watches over it. */
import { Stats } from "@image-pipeline/core/images/stats";
import { Hono } from "hono";
import * as v from "valibot";
import { Example } from "./examples.ts";
import { route } from "./route.ts";
import { valid } from "./valid.ts";

const hoursDefault = 24;

const Query = v.strictObject({
  hours: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^\d{1,2}$/, `A whole number from 1 to ${Stats.hoursMax}.`),
      v.metadata({
        jsonSchema: {
          type: "integer",
          format: "int32",
          minimum: 1,
          maximum: Stats.hoursMax,
          default: hoursDefault,
        },
      }),
      v.description("How many hours to look back, the present one included."),
      v.transform(Number),
      v.minValue(1, "At least 1."),
      v.maxValue(Stats.hoursMax, `At most ${Stats.hoursMax}.`),
    ),
    String(hoursDefault),
  ),
});

export const stats = new Hono().get(
  "/stats",
  route({
    operationId: "getStats",
    tag: "Service",
    summary: "How the pipeline is doing",
    description:
      "From counters, whatever the number of images. A count that was lost in a crash is put right within a day.",
    scope: "service",
    answers: {
      200: { description: "Now, and in the last hours.", schema: Stats.Info, example: Example.stats },
    },
    errors: ["invalid_request"],
  }),
  valid("query", Query),
  async (c) => c.json(await Stats.read(c.req.valid("query").hours), 200),
);
