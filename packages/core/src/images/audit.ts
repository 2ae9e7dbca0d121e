/** Audit trail: every transition of an image with time and actor, kept after its deletion. */
export * as Audit from "./audit.ts";

import * as v from "valibot";
import { VisibleError } from "../error.ts";
import { fn } from "../fn.ts";
import { ID } from "../id.ts";
import { read } from "../records/record.ts";
import { EventEntity, type Transition, types } from "../table/event-entity.ts";
import { wholeSeconds } from "../time.ts";

export const Info = v.pipe(
  v.object({
    type: v.pipe(v.picklist(types), v.description("Type of the transition. More types may be added.")),
    at: v.pipe(v.string(), v.isoTimestamp(), v.description("Time, in UTC.")),
    by: v.pipe(
      v.string(),
      v.description("Actor: `api`, `storage`, `processor`, `dead-letter`, `reconciler`, or a caller."),
    ),
    detail: v.optional(
      v.pipe(
        v.record(v.string(), v.string()),
        v.description("Details, such as the attempt or the code of a rejection."),
      ),
    ),
  }),
  v.metadata({ ref: "Event" }),
);
export type Info = v.InferOutput<typeof Info>;

/**
 * Lists an image's transitions, oldest first, also after its deletion: at most 1,000, a few for each upload. `owner`
 * limits it to that owner's images. Throws `image_not_found`.
 */
export const list = fn(
  v.object({ id: ID.imageID, owner: v.optional(ID.owner) }),
  async ({ id, owner }): Promise<Info[]> => {
    // In this order: every transition before the record's newest is in the audit trail by then.
    const record = await read(id);
    const { data: rows } = await EventEntity.query
      .byImage({ imageID: id })
      .go({ consistent: true, limit: 1000, order: "asc" });
    const of = record?.owner ?? rows[0]?.owner;
    if (of === undefined || (owner !== undefined && of !== owner)) {
      throw new VisibleError("image_not_found", `Image ${id} not found.`);
    }
    const newest = rows.at(-1);
    const isKept = !record || (newest !== undefined && Number(newest.order) >= record.last.version);
    return (isKept ? rows : [...rows, record.last]).map(serialize);
  },
);

function serialize({ type, at, by, detail }: Omit<Transition, "version">): Info {
  return {
    type,
    at: wholeSeconds(at),
    by,
    ...(detail
      ? { detail: Object.fromEntries(Object.entries(detail).map(([name, value]) => [name, String(value)])) }
      : {}),
  };
}
