/**
 * Checkpoint: the position of a long job, from which the next run continues.
 *
 * | index | question            | partition | order |
 * | byJob | a job's position    | job       | -     |
 */
import { Entity } from "electrodb";
import { Table } from "./table.ts";
import { primary } from "./table-schema.ts";

export const CheckpointEntity = Table.onTable(
  new Entity({
    model: { service: "images", entity: "checkpoint", version: "1" },
    attributes: {
      job: { type: "string", required: true },
      after: { type: "string", required: true },
      savedAt: { type: "string", required: true },
    },
    indexes: {
      byJob: {
        pk: { field: primary.pk, composite: ["job"], casing: "none" },
        sk: { field: primary.sk, composite: [], casing: "none" },
      },
    },
  }),
);
