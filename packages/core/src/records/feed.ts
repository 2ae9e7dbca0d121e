/**
 * The position of a reader in the change feed: the records of an owner in the order of their last change, as the index
 * `byChange` has them. A record has one row there, which moves to the end with every change, so that a reader who reads
 * forwards misses none. Pure, like the rules in `protocol.ts`.
 */
export * as Feed from "./feed.ts";

import { createHash } from "node:crypto";
import type { ImageRecord } from "../table/image-entity.ts";
import { isListed } from "../table/status.ts";
import { iso } from "./draft.ts";

/** A row of the index. */
export type Row = Pick<ImageRecord, "imageID" | "updatedAt" | "status" | "version">;

/** A place in the order of the index. */
export type Place = Pick<Row, "updatedAt" | "imageID">;

/**
 * The state of a reader: the rows after `from` are to be read, except those whose marks are in `seen`, which it was
 * given before. It began to read at `startedAt` (ISO 8601).
 */
export type State = { from: Place; startedAt: string; seen: readonly string[] };

/**
 * The time in milliseconds by which a cursor trails the clock. A row may enter the index so late: a put is attempted four
 * times with 5 s each, after its time was set, and 10 s remain for the lag of the index and for clocks.
 */
export const lagMs = 30_000;

/** Most marks in a cursor. */
export const seenMax = 256;

/** Returns the state of a reader who begins at the beginning. */
export const begin = (now: number): State => ({
  from: { updatedAt: "0", imageID: "0" },
  startedAt: iso(now),
  seen: [],
});

/** Returns the mark of a version of an image: 48 bits of a hash. */
export const markOf = ({ imageID, version }: Pick<Row, "imageID" | "version">): string =>
  createHash("sha256").update(`${imageID} ${version}`).digest("base64").slice(0, 8);

/** Rule 22: a reader who has read up to `last` continues there, but no later than `lagMs` before the clock. */
export function trailed(last: Place, now: number): Place {
  const trail = { updatedAt: iso(now - lagMs), imageID: "~" };
  return isBefore(last, trail) ? last : trail;
}

/**
 * Returns true for a tombstone from before the reader began, with a margin for late rows: it was never given the image.
 */
export const isOld = (row: Row, { startedAt }: State): boolean =>
  !isListed(row) && row.updatedAt < iso(Date.parse(startedAt) - lagMs);

/** A choice of rows: those to give, the marks to keep of those given before, and if there are more rows to give. */
export type Choice = { chosen: Row[]; kept: string[]; more: boolean };

/**
 * Chooses up to `limit` rows to give. `rows` follow `from`; `isEnd`: they are all. Rows of the last `lagMs` are marked, so
 * that they are not given again. Those for which there is no mark left have to wait until they are older.
 */
export function choose(
  rows: readonly Row[],
  state: State,
  { limit, now, isEnd }: { limit: number; now: number; isEnd: boolean },
): Choice {
  const seen = new Set(state.seen);
  const recent = iso(now - lagMs);
  const chosen: Row[] = [];
  const kept: string[] = [];
  let marks = 0;
  for (const row of rows) {
    const mark = markOf(row);
    const isRecent = row.updatedAt > recent;
    if (seen.delete(mark)) {
      if (isRecent) kept.push(mark);
    } else if (!isOld(row, state)) {
      if (chosen.length === limit) return { chosen, kept: [...kept, ...seen], more: true };
      if (isRecent && kept.length + marks === seenMax) return { chosen, kept, more: false };
      if (isRecent) marks++;
      chosen.push(row);
    }
  }
  return { chosen, kept: isEnd ? kept : [...kept, ...seen], more: !isEnd };
}

/**
 * Returns the state of a reader who was given `given`, the versions of `rows` as read. Without `more` it has read
 * everything.
 */
export function advance(
  state: State,
  { last, given, kept, more }: { last: Place; given: readonly Row[]; kept: readonly string[]; more: boolean },
  now: number,
  place = trailed,
): State {
  const from = place(more ? last : { updatedAt: iso(now), imageID: "~" }, now);
  const marks = given.filter(({ updatedAt }) => updatedAt > from.updatedAt).map(markOf);
  return {
    // The clocks of two processes may differ.
    from: isBefore(from, state.from) ? state.from : from,
    startedAt: state.startedAt,
    seen: [...marks, ...kept].slice(0, seenMax),
  };
}

const isBefore = (a: Place, b: Place): boolean =>
  a.updatedAt === b.updatedAt ? a.imageID < b.imageID : a.updatedAt < b.updatedAt;
