/**
 * Usage of one owner in one day (UTC), for quotas, the owner's share of the processor and `GET /usage`. Kept for 13 months.
 *
 * | index | question                          | partition  | order |
 * | byDay | an owner's usage of a day         | owner, day | -     |
 */
import { Entity } from "electrodb";
import { Table } from "./table.ts";
import { primary } from "./table-schema.ts";

export const UsageEntity = Table.onTable(
  new Entity({
    model: { service: "images", entity: "usage", version: "1" },
    attributes: {
      owner: { type: "string", required: true },
      day: { type: "string", required: true },
      uploads: { type: "number" },
      bytes: { type: "number" },
      reprocesses: { type: "number" },
      changes: { type: "number" },
      // Runs of the processor for the owner's images.
      runs: { type: "number" },
      // Lazy files that were made of the owner's images, and of all images (in the row of the owner `default`).
      renders: { type: "number" },
      rendersOfAll: { type: "number" },
      // Hashes of the replayed uploads that are in `uploads` and `bytes`: an event that comes twice counts once.
      // Removed when the row of a day that has passed is read.
      replays: { type: "set", items: "string" },
      expiresAt: { type: "number" },
    },
    indexes: {
      byDay: {
        pk: { field: primary.pk, composite: ["owner", "day"], casing: "none" },
        sk: { field: primary.sk, composite: [], casing: "none" },
      },
    },
  }),
);
