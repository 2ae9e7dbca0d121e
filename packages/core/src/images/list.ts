/**
 * Lists of images. Every list is a range of an index, or an intersection of such ranges; the owner is a key, never a
 * filter. A page costs what it returns, and of an intersection at most `PostingLists.queriesMax` queries and those of
 * one step.
 */
export * as List from "./list.ts";

import * as v from "valibot";
import { VisibleError } from "../error.ts";
import { fn } from "../fn.ts";
import { ID } from "../id.ts";
import { Counters } from "../records/counters.ts";
import { Protocol } from "../records/protocol.ts";
import { readMany } from "../records/record.ts";
import { Scan } from "../records/scan.ts";
import { Term } from "../records/terms.ts";
import { ImageEntity, type ImageRecord, isListed, listedStatuses } from "../table/image-entity.ts";
import { TermEntity } from "../table/term-entity.ts";
import { Cursor } from "./cursor.ts";
import { Image } from "./image.ts";
import { PostingLists } from "./posting-lists.ts";
import { Query } from "./query.ts";

/** Page of a list; `nextCursor` is absent on the last page. A page may be shorter than `limit`, and even empty. */
export type Page = { items: Image.Info[]; nextCursor?: string };

/** Lists a page of images. Throws `invalid_cursor`, `invalid_request` for filters that no index serves together. */
export const list = fn(
  v.object({
    ...Query.Filters.entries,
    limit: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(100)),
    cursor: v.optional(v.string()),
  }),
  async ({ limit, cursor, ...given }): Promise<Page> => {
    mustBeServed(given);
    const which = canonical(given);
    const start = cursor === undefined ? undefined : Cursor.open(which, cursor);
    const { rows, stoppedAt } = await find(which, limit + 1, start);
    const records = await confirmed(which, rows.slice(0, limit));
    const next = rows[limit]?.position ?? stoppedAt;
    return {
      items: records.map(Image.serialize),
      ...(next ? { nextCursor: Cursor.issue(which, next) } : {}),
    };
  },
);

/** Most images that are counted one by one. */
export const countMax = 1_000;

/**
 * Counts the images of a list, up to `countMax`. `estimate`: there are at least so many, or of all owners about so many.
 * Throws `invalid_request` for filters that no index serves together.
 */
export const count = fn(Query.Filters, async (given): Promise<{ count: number; estimate: boolean }> => {
  const which = canonical(given);
  const { owner, status, createdAfter, createdBefore } = which;
  if (owner === undefined && createdAfter === undefined && createdBefore === undefined) {
    const { status: _, ...rest } = given;
    mustBeServed(rest);
    const census = await Counters.now();
    const counted =
      status === "trashed"
        ? (["trashed"] as const)
        : listedStatuses.filter((each) => status === undefined || each === status);
    const sum = counted.reduce((all, each) => all + census[each], 0);
    return { count: Math.max(0, sum), estimate: true };
  }
  mustBeServed(given);
  const { rows, stoppedAt } = await find(which, countMax + 1);
  const records = await confirmed(which, rows.slice(0, countMax));
  return { count: records.length, estimate: rows.length > countMax || stoppedAt !== undefined };
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

/** A row of an index: its image, and its place as in a cursor. Some indexes project the record. */
type Row = PostingLists.Place & { position: string[]; record?: ImageRecord };
type Found = { rows: Row[]; stoppedAt?: string[] };

/** Filters in one form, so that a cursor holds for every way to write them. */
function canonical({ tag, metadata, orderBy, ...which }: Query.Filters): Query.Filters {
  const entries = Object.entries(metadata ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    ...which,
    ...(Query.isTimeline({ orderBy, ...which }) && { orderBy: "takenAt" as const }),
    ...(tag && tag.length > 0 && { tag: [...new Set(tag)].sort() }),
    ...(entries.length > 0 && { metadata: Object.fromEntries(entries) }),
  };
}

function mustBeServed(which: Query.Filters): void {
  const fault = Query.faultOf(which) ?? Query.faultWithoutOwner(which);
  if (fault) throw new VisibleError("invalid_request", fault.detail);
}

/** Reads the first `wanted` rows of a list, from the position of a cursor. */
async function find(which: Query.Filters, wanted: number, start?: readonly string[]): Promise<Found> {
  const { owner, status, order } = which;
  if (owner !== undefined && Query.isTimeline(which))
    return { rows: await timeline({ ...which, owner }, wanted, start) };
  const [createdAt = "", imageID = ""] = start ?? [];
  const range = rangeOf(which, start && { createdAt, imageID });
  // DynamoDB rejects a range that ends before it begins; callers get an empty page.
  if (range[0].createdAt > range[1].createdAt) return { rows: [] };
  if (owner === undefined) return { rows: await ofAll(order, range, wanted) };
  const { terms, prefix } = Query.termsOf(which);
  if (terms.length === 0 && prefix === undefined)
    return { rows: await ofOwner({ owner, status }, order, range, wanted) };
  const words = prefix === undefined ? undefined : await wordsWith(owner, prefix, start !== undefined);
  const lists = terms.length + Number(words !== undefined) + Number(status !== undefined);
  const block = lists > 1 ? Math.min(wanted, blockMax) : wanted;
  const walk = { owner, order, range };
  const { places, stoppedAt } = await PostingLists.intersect(walk, { terms, status, words }, wanted, block);
  return { rows: places.map(rowOf), ...(stoppedAt && { stoppedAt: positionOf(stoppedAt) }) };
}

/** Most rows that an intersection reads of a list at a time. */
const blockMax = 101;

/** Returns the words with a prefix. Later pages may find more of them, because images arrive meanwhile. */
async function wordsWith(owner: string, prefix: string, isContinued: boolean): Promise<string[]> {
  const most = PostingLists.wordsMax * (isContinued ? 2 : 1);
  const words = await PostingLists.wordsWith(owner, prefix, most + 1);
  if (words.length <= most) return words;
  throw new VisibleError(
    "invalid_request",
    `\`q\`: more than ${most} words begin with ${JSON.stringify(prefix)}. Search for a longer prefix, or for a whole word without \`*\`.`,
  );
}

/** Returns both ends of the range, inclusive. A cursor is the first image of its page, and replaces one end. */
function rangeOf(
  { createdAfter, createdBefore, order }: Query.Filters,
  start: PostingLists.Place | undefined,
): [PostingLists.End, PostingLists.End] {
  const lower = { createdAt: createdAfter ? iso(Date.parse(createdAfter)) : "0" };
  const upper = { createdAt: createdBefore ? iso(Date.parse(createdBefore) - 1) : "9" };
  if (!start) return [lower, upper];
  return order === "asc" ? [start, upper] : [lower, start];
}

/** Reads the images of all owners, by the time of their creation. */
async function ofAll(
  order: Query.Filters["order"],
  [lower, upper]: [PostingLists.End, PostingLists.End],
  wanted: number,
): Promise<Row[]> {
  const parts = await Promise.all(
    ID.shards.map((shard) => {
      const query = ImageEntity.query.recent({ shard }).between(lower, upper);
      return Scan.take<PostingLists.Place>(wanted, (page) =>
        query.go({ ...page, order, attributes: ["imageID", "createdAt"] }),
      );
    }),
  );
  const sign = order === "asc" ? 1 : -1;
  return parts
    .flat()
    .sort((a, b) => sign * PostingLists.compare(a, b))
    .slice(0, wanted)
    .map(rowOf);
}

/** Reads an owner's images, or those in one status, by the time of their creation. The indexes project the records. */
async function ofOwner(
  { owner, status }: { owner: string; status: Query.Filters["status"] },
  order: Query.Filters["order"],
  [lower, upper]: [PostingLists.End, PostingLists.End],
  wanted: number,
): Promise<Row[]> {
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
  return records.map((record) => ({ ...rowOf(record), record }));
}

/** Reads an owner's images by the time of capture, and after them those without one. */
async function timeline(
  { owner, order, takenAfter, takenBefore }: Query.Filters & { owner: string },
  wanted: number,
  start: readonly string[] | undefined,
): Promise<Row[]> {
  const lower = takenAfter ? iso(Date.parse(takenAfter)) : "0";
  const upper = takenBefore ? iso(Date.parse(takenBefore) - 1) : "9";
  const ranges: [string, string][] = lower > upper ? [] : [[lower, upper]];
  if (takenAfter === undefined && takenBefore === undefined) ranges.push([Term.undated, Term.undated]);
  const [term, createdAt = "", imageID = ""] = start ?? [];
  const rows: Row[] = [];
  for (const [low, high] of ranges) {
    if (rows.length >= wanted) break;
    let from = { term: low, createdAt: "0", imageID: "0" };
    let to = { term: high, createdAt: "~", imageID: "~" };
    if (term !== undefined && rows.length === 0) {
      // The cursor of an image without a time is past the first range.
      if (term < low || term > high) continue;
      if (order === "asc") from = { term, createdAt, imageID };
      else to = { term, createdAt, imageID };
    }
    const query = TermEntity.query.byTerm({ kind: "taken", owner }).between(from, to);
    const found = await Scan.take<PostingLists.Place & { term: string }>(wanted - rows.length, (page) =>
      query.go({ ...page, order, consistent: true }),
    );
    for (const row of found) rows.push({ ...row, position: [row.term, ...positionOf(row)] });
  }
  return rows;
}

/**
 * Returns the visible records of rows; reads missing ones in batches. Leaves out those that no longer are what their row
 * says.
 */
async function confirmed(which: Query.Filters, rows: readonly Row[]): Promise<ImageRecord[]> {
  const missing = rows.filter(({ record }) => !record).map(({ imageID }) => imageID);
  const found = new Map((await readMany(missing)).map((record) => [record.imageID, record]));
  const { terms, prefix } = Query.termsOf(which);
  return rows.flatMap((row) => {
    const record = row.record ?? found.get(row.imageID);
    if (!record || !Image.isVisible(record)) return [];
    if (which.status === undefined ? !isListed(record) : record.status !== which.status) return [];
    const [taken] = Query.isTimeline(which) ? row.position : [];
    const isSought = (all: readonly Term.Term[]) =>
      terms.every((term) => all.includes(term)) &&
      (prefix === undefined || all.some((term) => term.startsWith(Term.ofWord(prefix)))) &&
      (taken === undefined || all.includes(`taken:${taken}`));
    return row.record || Protocol.rules.confirms(record, row, isSought) ? [record] : [];
  });
}

const positionOf = ({ createdAt, imageID }: PostingLists.Place) => [createdAt, imageID];
const rowOf = ({ createdAt, imageID }: PostingLists.Place): Row => ({
  createdAt,
  imageID,
  position: [createdAt, imageID],
});

const iso = (ms: number) => new Date(ms).toISOString();
