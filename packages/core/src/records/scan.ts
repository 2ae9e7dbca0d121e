/** Every image, a page at a time, for jobs that look at all of them. */
export * as Walk from "./scan.ts";

import * as v from "valibot";
import { ID } from "../id.ts";
import { ImageEntity, type ImageRecord } from "../table/image-entity.ts";
import { Tally } from "./counters.ts";
import { readMany } from "./record.ts";

/** Where a walk goes on: data to be kept by whoever walks, and given back as it is. */
export const Place = v.object({
  shard: v.picklist(ID.shards),
  cursor: v.nullable(v.string()),
});
export type Place = v.InferOutput<typeof Place>;

/** Some images, as they stand now, and where the rest begins; without `next` they are the last. */
export type Page = { records: ImageRecord[]; next?: Place };

const pageMax = 200;

/** About how many images a whole walk comes by, as counted, and not by walking. */
export async function total(): Promise<number> {
  const counts = Object.values(await Tally.now());
  return Math.max(
    0,
    counts.reduce((sum, count) => sum + count, 0),
  );
}

/**
 * Every image that is not deleted or being deleted, newest first within a shard. What is added meanwhile may be
 * missed; nothing that was there before is.
 */
export async function* images(from?: Place): AsyncGenerator<Page> {
  const start = from ? ID.shards.indexOf(from.shard) : 0;
  for (const [offset, shard] of ID.shards.slice(start).entries()) {
    let cursor = offset === 0 ? (from?.cursor ?? null) : null;
    do {
      const page: { data: { imageID: string }[]; cursor: string | null } = await ImageEntity.query
        .recent({ shard })
        .go({ limit: pageMax, pages: 1, cursor, order: "desc", attributes: ["imageID"] });
      cursor = page.cursor;
      const following = ID.shards[start + offset + 1];
      const next = cursor ? { shard, cursor } : following && { shard: following, cursor: null };
      yield { records: await readMany(page.data.map(({ imageID }) => imageID)), ...(next ? { next } : {}) };
    } while (cursor);
  }
}
