/** Lists of images. A page is one query and costs what it returns; the owner is a key, never a filter. */
import * as v from "valibot";
import { VisibleError } from "../error.ts";
import { fn } from "../fn.ts";
import { ID } from "../id.ts";
import { readMany } from "../records/record.ts";
import { Scan } from "../records/scan.ts";
import { Tag } from "../records/tags.ts";
import { ImageEntity, type ImageRecord, statuses } from "../table/image-entity.ts";
import { TagEntity } from "../table/tag-entity.ts";
import { Cursor } from "./cursor.ts";
import { Image } from "./image.ts";

/** Query of a list: from `createdAfter` (inclusive) to `createdBefore` (exclusive), ISO 8601. */
export const Query = v.object({
  /** Absent: images of all owners, for callers that may act for any owner. */
  owner: v.optional(ID.owner),
  status: v.optional(v.picklist(statuses)),
  tag: v.optional(Tag.Info),
  createdAfter: v.optional(v.pipe(v.string(), v.isoTimestamp())),
  createdBefore: v.optional(v.pipe(v.string(), v.isoTimestamp())),
  order: v.optional(v.picklist(["asc", "desc"]), "desc"),
  limit: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(100)),
  cursor: v.optional(v.string()),
});
export type Query = v.InferOutput<typeof Query>;

/** Page of a list; `nextCursor` is absent on the last page. */
export type Page = { items: Image.Info[]; nextCursor?: string };

/** Lists a page of images. Throws `invalid_cursor`, `invalid_request` for filters that no index supports together. */
export const list = fn(Query, async ({ limit, cursor, ...which }): Promise<Page> => {
  const { owner, status, tag } = which;
  if (status && tag) throw invalid("`status` and `tag` cannot be combined.");
  if (owner === undefined && (status || tag)) throw invalid("`status` and `tag` need an `owner`.");
  const [createdAt = "", imageID = ""] = cursor === undefined ? [] : Cursor.open(which, cursor);
  const start = cursor === undefined ? undefined : { createdAt, imageID };
  const [lower, upper] = rangeOf(which, start);
  // DynamoDB rejects a range that ends before it begins; callers get an empty page.
  const rows = lower.createdAt > upper.createdAt ? [] : await rowsOf(which, [lower, upper], limit + 1);
  const records = await recordsOf(which, rows.slice(0, limit));
  const next = rows[limit];
  return {
    items: records.filter(Image.isVisible).map(Image.serialize),
    ...(next ? { nextCursor: Cursor.issue(which, [next.createdAt, next.imageID]) } : {}),
  };
});

/** Looks up to 100 images up, in the order of their ids; leaves out unknown ones and those of other owners. */
export const fromIDs = fn(
  v.object({ ids: v.pipe(v.array(ID.imageID), v.maxLength(100)), owner: v.optional(ID.owner) }),
  async ({ ids, owner }): Promise<Image.Info[]> => {
    const records = await readMany([...new Set(ids)]);
    return records
      .filter((record) => Image.isVisible(record) && (owner === undefined || record.owner === owner))
      .map(Image.serialize);
  },
);

type Which = Omit<Query, "limit" | "cursor">;
type Position = { createdAt: string; imageID: string };
type Row = Position & { record?: ImageRecord };
type End = { createdAt: string; imageID?: string };

/** Returns both ends of the range, inclusive. A cursor is the first image of its page, and replaces one end. */
function rangeOf({ createdAfter, createdBefore, order }: Which, start: Position | undefined): [End, End] {
  const lower = { createdAt: createdAfter ? iso(Date.parse(createdAfter)) : "0" };
  const upper = { createdAt: createdBefore ? iso(Date.parse(createdBefore) - 1) : "9" };
  if (!start) return [lower, upper];
  return order === "asc" ? [start, upper] : [lower, start];
}

/** Reads the first `wanted` rows of a list, with their records if the index projects them. */
async function rowsOf(
  { owner, status, tag, order }: Which,
  [lower, upper]: [End, End],
  wanted: number,
): Promise<Row[]> {
  if (owner === undefined) {
    const parts = await Promise.all(
      ID.shards.map((shard) => {
        const query = ImageEntity.query.recent({ shard }).between(lower, upper);
        return Scan.take<Row>(wanted, (page) =>
          query.go({ ...page, order, attributes: ["imageID", "createdAt"] }),
        );
      }),
    );
    const sign = order === "asc" ? 1 : -1;
    return parts
      .flat()
      .sort((a, b) => sign * (compare(a.createdAt, b.createdAt) || compare(a.imageID, b.imageID)))
      .slice(0, wanted);
  }
  if (tag !== undefined) {
    const query = TagEntity.query.byTag({ owner, tagHash: Tag.hashOf(tag) }).between(lower, upper);
    return Scan.take<Row>(wanted, (page) => query.go({ ...page, order }));
  }
  const records =
    status === undefined
      ? await Scan.take<ImageRecord>(wanted, (page) =>
          ImageEntity.query
            .byOwner({ owner })
            .between(lower, upper)
            .go({ ...page, order }),
        )
      : await Scan.take<ImageRecord>(wanted, (page) =>
          ImageEntity.query
            .byOwnerStatus({ owner, status })
            .between(lower, upper)
            .go({ ...page, order }),
        );
  return records.map((record) => ({ createdAt: record.createdAt, imageID: record.imageID, record }));
}

/**
 * Returns the records of rows; reads missing ones in a batch. Skips images that no longer have the tag of their row.
 */
async function recordsOf({ tag }: Which, rows: readonly Row[]): Promise<ImageRecord[]> {
  const missing = rows.filter(({ record }) => !record).map(({ imageID }) => imageID);
  const found = new Map((await readMany(missing)).map((record) => [record.imageID, record]));
  return rows.flatMap(({ imageID, record = found.get(imageID) }) =>
    record && (tag === undefined || record.tags?.includes(tag)) ? [record] : [],
  );
}

const invalid = (message: string) => new VisibleError("invalid_request", message);

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
const iso = (ms: number) => new Date(ms).toISOString();
