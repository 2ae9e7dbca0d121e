/** Audit trail: every transition of an image with time and actor, kept after its deletion. */
export * as Audit from "./audit.ts";

import * as v from "valibot";
import { VisibleError } from "../error.ts";
import { fn } from "../fn.ts";
import { ID } from "../id.ts";
import { orderOf, read } from "../records/record.ts";
import { Scan } from "../records/scan.ts";
import { EventEntity, type Transition, types } from "../table/event-entity.ts";
import { wholeSeconds } from "../time.ts";
import { Cursor } from "./cursor.ts";

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

/** Maximum number of transitions in a page. */
export const limitMax = 1_000;

/** Page of an audit trail; `nextCursor` is absent on the last page. */
export type Page = { items: Info[]; nextCursor?: string };

/**
 * Lists a page of an image's transitions, oldest first, also after its deletion. `owner` limits it to that owner's
 * images. Throws `image_not_found`, `invalid_cursor`.
 */
export const list = fn(
  v.object({
    id: ID.imageID,
    owner: v.optional(ID.owner),
    limit: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(limitMax)), limitMax),
    cursor: v.optional(v.string()),
  }),
  async ({ id, owner, limit, cursor }): Promise<Page> => {
    const list = { events: id, owner };
    const [start = ""] = cursor === undefined ? [] : Cursor.open(list, cursor);
    // In this order: every transition before the record's newest is in the audit trail by then.
    const record = await read(id);
    const query = EventEntity.query.byImage({ imageID: id }).gte({ order: start });
    const rows = await Scan.take<Row>(limit + 1, (page) =>
      query.go({ ...page, consistent: true, order: "asc" }),
    );
    const of = record?.owner ?? rows[0]?.owner;
    if (of === undefined || (owner !== undefined && of !== owner)) {
      throw new VisibleError("image_not_found", `Image ${id} not found.`);
    }
    // The record holds its newest transition until the next one moves it into the audit trail.
    if (record && rows.length <= limit) {
      const newest = orderOf(record.last.version);
      if (newest > (rows.at(-1)?.order ?? "")) rows.push({ ...record.last, owner: of, order: newest });
    }
    const next = rows[limit];
    return {
      items: rows.slice(0, limit).map(serialize),
      ...(next ? { nextCursor: Cursor.issue(list, [next.order]) } : {}),
    };
  },
);

type Row = Omit<Transition, "version"> & { owner: string; order: string };

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
