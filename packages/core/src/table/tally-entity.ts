/**
 * Counters of transitions: a row for each shard and hour, and for each shard a row with the number of images by
 * status. That one also has the usage of the owner `default` and what it has stored. Any other owner has its stored totals
 * in a partition of its name, and `default` there the numbers with which each day began.
 *
 * | index  | question                                             | partition    | order                           |
 * | bySlot | the transitions since an hour, and the current count | shard        | `2026-11-23T10`, ... then `now` |
 * | bySlot | what an owner has stored                             | `of-` owner  | `now`                           |
 * | bySlot | the usage of the owner `default` before a day        | `of-default` | `2026-11-23`                    |
 */
import { Entity, type EntityItem } from "electrodb";
import { codes } from "../engine/rejection.ts";
import { importCodes } from "../records/message.ts";
import { visibleStatuses } from "./image-entity.ts";
import { Table } from "./table.ts";
import { primary } from "./table-schema.ts";

type Digit = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;

/** The counter of images that became ready in one minute of the hour: `m00`–`m59`. */
export type Minute = `m${0 | 1 | 2 | 3 | 4 | 5}${Digit}`;

/** The counter of images that became ready within one of the times of `counters.ts`. */
export type Time = `t${Digit}`;

const minutes = Array.from({ length: 60 }, (_, minute) => `m${String(minute).padStart(2, "0")}` as Minute);
const times = Array.from({ length: 10 }, (_, index) => `t${index}` as Time);

/** Codes of rejected images: of their bytes, of imports, and of a presigned form that was used above the quota. */
export const rejectionCodes = [...codes, ...importCodes, "quota_exceeded"] as const;

/** A row of `now` counts images by status; a row of an hour counts transitions, and rejections by code. */
const counters = [
  ...visibleStatuses,
  "deleted",
  ...minutes,
  ...times,
  ...rejectionCodes,
  // Usage of `default`, since the stage exists.
  "uploads",
  "bytes",
  "changes",
  "reprocesses",
  "runs",
  // Stored by `default`, or by the owner of the row; and the sums of all changes of these, regardless of their sign.
  "images",
  "originalBytes",
  "variantBytes",
  "movedImages",
  "movedBytes",
] as const;
export type Counter = (typeof counters)[number];

const attributes = Object.fromEntries(counters.map((name) => [name, { type: "number" }])) as Record<
  Counter,
  { type: "number" }
>;

export const TallyEntity = Table.onTable(
  new Entity({
    model: { service: "images", entity: "tally", version: "1" },
    attributes: {
      shard: { type: "string", required: true },
      slot: { type: "string", required: true },
      expiresAt: { type: "number" },
      ...attributes,
    },
    indexes: {
      bySlot: {
        pk: { field: primary.pk, composite: ["shard"], casing: "none" },
        sk: { field: primary.sk, composite: ["slot"], casing: "none" },
      },
    },
  }),
);

export type Row = EntityItem<typeof TallyEntity>;
