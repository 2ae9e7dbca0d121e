/**
 * The change feed of an owner: the images that changed and those that are gone, for clients that keep a copy. A page reads
 * the index of changes, and the records of the images that it contains.
 */
export * as Changes from "./changes.ts";

import { setTimeout } from "node:timers/promises";
import * as v from "valibot";
import { VisibleError } from "../error.ts";
import { fn } from "../fn.ts";
import { ID } from "../id.ts";
import { Deletion } from "../records/deletion.ts";
import { Feed } from "../records/feed.ts";
import { Protocol } from "../records/protocol.ts";
import { readMany } from "../records/record.ts";
import { Scan } from "../records/scan.ts";
import { ImageEntity, type ImageRecord, isInFeed, isListed } from "../table/image-entity.ts";
import { wholeSeconds } from "../time.ts";
import { Cursor } from "./cursor.ts";
import { Image } from "./image.ts";
import { Waiting } from "./waiting.ts";

/** Most changes on a page. */
export const limitMax = 500;

/** Longest wait for a change, in seconds. */
export const waitMax = 20;

/** A change: the image as it is now, or that it is gone. */
export const Info = v.pipe(
  v.object({
    op: v.pipe(
      v.picklist(["upsert", "delete"]),
      v.description(
        "`upsert`: `image` is new or changed. `delete`: the image was deleted, put into the trash or has expired.",
      ),
    ),
    id: ID.imageID,
    version: v.pipe(
      v.number(),
      v.integer(),
      v.metadata({ format: "int32" }),
      v.description("Version of the image. A change may come twice, with the same version."),
    ),
    at: v.pipe(v.string(), v.isoTimestamp(), v.description("Time of the change.")),
    image: v.optional(v.pipe(Image.Info, v.description("The image as it is now; absent from a `delete`."))),
  }),
  v.metadata({ ref: "Change" }),
);
export type Info = v.InferOutput<typeof Info>;

/** A page. `more`: the next one has changes already. */
export type Page = { items: Info[]; nextCursor: string; more: boolean };

/**
 * Reads the changes of an owner after the cursor `since`, or all of its images. Waits up to `wait` seconds for a change if
 * there is none. `caller`: the owner whose requests may wait, undefined for one that may act for any. Throws
 * `invalid_cursor`, `cursor_expired`.
 */
export const list = fn(
  v.object({
    owner: ID.owner,
    caller: v.optional(ID.owner),
    since: v.optional(v.string()),
    limit: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(limitMax)),
    wait: v.optional(v.number(), 0),
    limits: v.object({ waitingMax: v.number(), waitingPerOwnerMax: v.number() }),
  }),
  async ({ owner, caller, since, limit, wait, limits }): Promise<Page> => {
    const state = since === undefined ? Feed.begin(Date.now()) : open(owner, since);
    const first = await read(owner, state, limit);
    if (first.items.length > 0 || first.more || wait === 0) return issue(owner, first);
    const later = () => whenChanged(owner, first, { limit, end: Date.now() + wait * 1000 });
    return issue(owner, (await Waiting.limited({ owner: caller, seconds: wait }, limits, later)) ?? first);
  },
);

/** A page, and the state of its reader after it. */
type Read = { items: Info[]; state: Feed.State; more: boolean };

async function whenChanged(owner: string, first: Read, { limit, end }: { limit: number; end: number }) {
  let page = first;
  for (let pauseMs = 250; page.items.length === 0 && !page.more; pauseMs = Math.min(pauseMs * 1.5, 1000)) {
    const leftMs = end - Date.now();
    if (leftMs <= 0) break;
    await setTimeout(Math.min(pauseMs, leftMs));
    page = await read(owner, page.state, limit);
  }
  return page;
}

/** Most bytes of a page's items, of the 6 MB that Lambda returns. */
const bytesMax = 4_000_000;

/** Images whose records are read at once. */
const batchMax = 100;

async function read(owner: string, state: Feed.State, limit: number): Promise<Read> {
  const now = Date.now();
  const { rows, isEnd } = await rowsAfter(owner, state, limit);
  const { chosen, kept, more } = Feed.choose(rows, state, { limit, now, isEnd });
  const items: Info[] = [];
  const given: Feed.Row[] = [];
  let bytes = 0;
  const pageOf = (last: Feed.Place, more: boolean): Read => ({
    items,
    state: Feed.advance(state, { last, given, kept, more }, now, Protocol.rules.trailed),
    more,
  });
  for (let start = 0; start < chosen.length; start += batchMax) {
    const batch = chosen.slice(start, start + batchMax);
    const ids = batch.filter(isListed).map(({ imageID }) => imageID);
    const records = new Map((await readMany(ids)).map((record) => [record.imageID, record]));
    for (const row of batch) {
      const record = records.get(row.imageID);
      const item = itemOf(row, record);
      bytes += Buffer.byteLength(JSON.stringify(item));
      if (bytes > bytesMax && items.length > 0) return pageOf(given.at(-1) ?? state.from, true);
      items.push(item);
      // Its next row, if it changed since the index was read.
      if (record && record.version !== row.version) given.push(record);
      given.push(row);
    }
  }
  const last = chosen.length === limit ? chosen.at(-1) : rows.at(-1);
  return pageOf(last ?? state.from, more);
}

function itemOf(row: Feed.Row, record: ImageRecord | undefined): Info {
  const { imageID: id, version, updatedAt } = record ?? row;
  const at = wholeSeconds(updatedAt);
  const isThere = record && Image.isVisible(record) && isListed(record) && isInFeed(record);
  return isThere
    ? { op: "upsert", id, version, at, image: Image.serialize(record) }
    : { op: "delete", id, version, at };
}

/** Most reads of the index for a page, which are more than one where an owner has deleted many images. */
const readsMax = 10;

/** Reads the rows after a place of the index until `limit` can be given. `isEnd`: there are no others. */
async function rowsAfter(
  owner: string,
  state: Feed.State,
  limit: number,
): Promise<{ rows: Feed.Row[]; isEnd: boolean }> {
  const wanted = limit + Feed.seenMax + 1;
  const rows: Feed.Row[] = [];
  let from = state.from;
  for (let reads = 0; reads < readsMax; reads++) {
    const query = ImageEntity.query.byChange({ owner }).gt(from);
    const block = await Scan.take<Feed.Row>(wanted, (page) =>
      query.go({ ...page, attributes: ["imageID", "updatedAt", "status", "version"] }),
    );
    rows.push(...block);
    if (block.length < wanted) return { rows, isEnd: true };
    from = block.at(-1) ?? from;
    if (rows.filter((row) => !Feed.isOld(row, state)).length >= wanted) break;
  }
  return { rows, isEnd: false };
}

const bindingOf = (owner: string) => ["changes", owner];

/** A cursor expires an hour before the tombstones that its reader has to see. */
const lifeMs = Deletion.tombstoneMs - 3_600_000;

function issue(owner: string, { items, more, state }: Read): Page {
  const { from, startedAt, seen } = state;
  const since = Math.max(Date.parse(from.updatedAt), Date.parse(startedAt));
  const position = [from.updatedAt, from.imageID, startedAt, seen.join("")];
  const nextCursor = Cursor.issue(bindingOf(owner), position, since + lifeMs);
  return { items, nextCursor, more };
}

function open(owner: string, cursor: string): Feed.State {
  const expired = new VisibleError(
    "cursor_expired",
    "The cursor is over 30 days old, and deletions since then are no longer known. Read all images again, without `since`, and drop those that are not named.",
  );
  const [updatedAt = "", imageID = "", startedAt = "", seen = ""] = Cursor.open(
    bindingOf(owner),
    cursor,
    expired,
  );
  return { from: { updatedAt, imageID }, startedAt, seen: seen.match(/.{8}/g) ?? [] };
}
