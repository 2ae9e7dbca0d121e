/** Paging: through one index, and through the indexes that are spread over shards. */
export * as Scan from "./scan.ts";

import * as v from "valibot";
import { ID } from "../id.ts";
import { dueOf, ImageEntity, type ImageRecord } from "../table/image-entity.ts";
import { Counters } from "./counters.ts";
import { readMany } from "./record.ts";

/** Place in a scan to resume from: plain data for a checkpoint. */
export const Place = v.object({
  shard: v.picklist(ID.shards),
  cursor: v.nullable(v.string()),
});
export type Place = v.InferOutput<typeof Place>;

/** A page of a scan and the place of the next one; the last page has no `next`. */
export type Page = { records: ImageRecord[]; next?: Place };
export type IDs = { ids: string[]; next?: Place };

/** A query of ElectroDB, given the options of one page. */
type Query<T> = (page: { limit: number; pages: 1; cursor: string | null }) => Promise<Answer<T>>;
type Answer<T> = { data: T[]; cursor: string | null };

/** Sizes of a page: of images, of only their ids, of due images. */
const imagesMax = 200;
const idsMax = 1000;
const dueMax = 100;

/**
 * Reads every image that is not deleted or being deleted (consistent reads), newest first within a shard. Returns
 * every image that existed at the start; images created meanwhile may be missed.
 */
export async function* images(from?: Place): AsyncGenerator<Page> {
  for await (const { ids, ...next } of imageIDs(from, imagesMax))
    yield { records: await readMany(ids), ...next };
}

/** Reads the ids of the same images, from the index only. */
export const imageIDs = (from?: Place, limit = idsMax): AsyncGenerator<IDs> =>
  overShards(
    (shard) => (page) =>
      ImageEntity.query.recent({ shard }).go({ ...page, order: "desc", attributes: ["imageID"] }),
    limit,
    from,
  );

/** Reads every unfinished image that was due before a time in milliseconds (consistent reads). */
export async function* due(before: number): AsyncGenerator<Page> {
  const dueOrder = new Date(before).toISOString();
  const pages = overShards(
    (shard) => (page) =>
      ImageEntity.query
        .stuck({ shard })
        .lt({ dueOrder })
        .go({ ...page, attributes: ["imageID"] }),
    dueMax,
  );
  for await (const { ids, ...next } of pages) {
    const records = await readMany(ids);
    yield { records: records.filter((record) => isDue(record, before)), ...next };
  }
}

/** Returns whether a record is unfinished and was due at a time in milliseconds. The index may lag behind. */
export function isDue(record: ImageRecord, at: number): boolean {
  const due = dueOf(record);
  return due !== undefined && Date.parse(due) <= at;
}

/** Estimates from the counters how many images a complete scan reads. */
export async function total(): Promise<number> {
  const counts = Object.values(await Counters.now());
  return Math.max(
    0,
    counts.reduce((sum, count) => sum + count, 0),
  );
}

/** Reads the first `wanted` rows of a query. */
export async function take<T>(wanted: number, query: Query<T>): Promise<T[]> {
  const rows: T[] = [];
  for await (const { data } of pages(query, (read) => wanted - read)) rows.push(...data);
  return rows;
}

/** Reads an index of image ids in every shard, one shard after the other, `limit` ids a page. */
async function* overShards(
  query: (shard: Place["shard"]) => Query<{ imageID: string }>,
  limit: number,
  from?: Place,
): AsyncGenerator<IDs> {
  const start = from ? ID.shards.indexOf(from.shard) : 0;
  for (const [offset, shard] of ID.shards.slice(start).entries()) {
    const following = ID.shards[start + offset + 1];
    const begin = offset === 0 ? (from?.cursor ?? null) : null;
    for await (const { data, cursor } of pages(query(shard), () => limit, begin)) {
      const next = cursor ? { shard, cursor } : following && { shard: following, cursor: null };
      yield { ids: data.map(({ imageID }) => imageID), ...(next ? { next } : {}) };
    }
  }
}

/**
 * Reads an index page by page, until it ends or `limit`, given the rows read so far, is 0. A page may hold fewer rows
 * than its limit, even none: DynamoDB ends one at 1 MB.
 */
async function* pages<T>(
  query: Query<T>,
  limit: (read: number) => number,
  begin: string | null = null,
): AsyncGenerator<Answer<T>> {
  let [cursor, read] = [begin, 0];
  do {
    const answer = await query({ limit: limit(read), pages: 1, cursor });
    yield answer;
    cursor = answer.cursor;
    read += answer.data.length;
  } while (cursor && limit(read) > 0);
}
