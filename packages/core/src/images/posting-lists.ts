/**
 * Posting lists: an owner's images with a term or status, in the order of creation, and their intersection by leapfrog
 * (zig-zag join). Each list is asked for its next image at or after a place; the furthest answer is the next place, so
 * that no list is read where another has nothing.
 */
export * as PostingLists from "./posting-lists.ts";

import { Scan } from "../records/scan.ts";
import { Term } from "../records/terms.ts";
import { ImageEntity, type Status } from "../table/image-entity.ts";
import { TermEntity } from "../table/term-entity.ts";

/** An image's place in a list. */
export type Place = { createdAt: string; imageID: string };

/** One end of a range, inclusive; without an id it holds every image of its time. */
export type End = { createdAt: string; imageID?: string };

/** A walk through the range of an owner's lists in one direction. */
export type Walk = { owner: string; order: "asc" | "desc"; range: [lower: End, upper: End] };

/** Number of index queries after which an intersection ends early; those of one step more may follow. */
export const queriesMax = 100;

/** Most words that begin with a prefix. */
export const wordsMax = 50;

/** Most rows that are read at a time of a status: its index projects whole records, which are ten times as large. */
const recordsMax = 25;

/** Fewest rows that are read at a time of a word with a prefix: they are as expensive as one, which is billed as 4 KB. */
const shareMin = 10;

/** A list, read forward in blocks: its first image at or after a place, or after it if `past`. */
type List = { seek(at: Place, past: boolean): Promise<Place | undefined> };
type Budget = { queries: number };
type Read = (range: [End, End], wanted: number) => Promise<Place[]>;

/** An intersection's first places; `stoppedAt` if it ended early, the place from which to continue. */
export type Found = { places: Place[]; stoppedAt?: Place };

/** Lists to intersect: one of each term and status, and the union of the words with a prefix. */
export type Sought = { terms: readonly Term.Term[]; status?: Status; words?: readonly string[] };

/** Returns the first `wanted` places that are in all of these lists, reading `block` rows of one at a time. */
export async function intersect(
  walk: Walk,
  { terms, status, words }: Sought,
  wanted: number,
  block: number,
): Promise<Found> {
  const budget = { queries: 0 };
  const sign = walk.order === "asc" ? 1 : -1;
  const listOf = (read: Read, rows = block) => inBlocks(walk, read, rows, budget);
  // Of many words each gives few of the rows.
  const share = words && Math.min(block, Math.max(shareMin, Math.ceil((2 * block) / words.length)));
  const lists = [
    ...terms.map((term) => listOf(postings(walk, term))),
    ...(status ? [listOf(statusList(walk, status), Math.min(block, recordsMax))] : []),
    ...(words
      ? [
          union(
            words.map((word) => listOf(postings(walk, Term.ofWord(word)), share)),
            sign,
          ),
        ]
      : []),
  ];
  const places: Place[] = [];
  let at = startOf(walk);
  let past = false;
  while (places.length < wanted) {
    const heads = await Promise.all(lists.map((list) => list.seek(at, past)));
    let furthest = heads[0];
    for (const head of heads) {
      if (!head || !furthest) return { places };
      if (compare(head, furthest) * sign > 0) furthest = head;
    }
    if (!furthest) return { places };
    const next = furthest;
    past = heads.every((head) => head && compare(head, next) === 0);
    at = next;
    if (past) places.push(next);
    else if (budget.queries >= queriesMax) return { places, stoppedAt: next };
  }
  return { places };
}

/**
 * Returns an owner's words that begin with a prefix, at most `most`: it skips from word to word, so that it reads about
 * one row of each and not its posting list.
 */
export async function wordsWith(owner: string, prefix: string, most: number): Promise<string[]> {
  const words = new Set<string>();
  const end = { term: `${prefix}\u{10ffff}`, ...last };
  let from: Place & { term: string } = { term: prefix, ...first };
  while (words.size < most) {
    const { data } = await TermEntity.query
      .byTerm({ kind: "word", owner })
      .between(from, end)
      .go({ limit: most, pages: 1, consistent: true });
    for (const { term } of data) words.add(term);
    const row = data.at(-1);
    if (!row || data.length < most) break;
    from = { term: row.term, ...last };
  }
  return [...words].slice(0, most);
}

/** Compares two places in ascending order. */
export const compare = (a: Place, b: Place): number =>
  compareTexts(a.createdAt, b.createdAt) || compareTexts(a.imageID, b.imageID);

const compareTexts = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** Sort before and after every place. Years have four digits, and ids begin with a letter. */
const first = { createdAt: "0", imageID: "0" } as const;
const last = { createdAt: "~", imageID: "~" } as const;

function startOf({ order, range: [lower, upper] }: Walk): Place {
  return order === "asc" ? { ...first, ...lower } : { ...last, ...upper };
}

/** Reads a list in blocks. */
function inBlocks({ order, range: [lower, upper] }: Walk, read: Read, block: number, budget: Budget): List {
  const sign = order === "asc" ? 1 : -1;
  let rows: Place[] = [];
  let index = 0;
  let ended = false;
  return {
    async seek(at, past) {
      for (;;) {
        for (let row = rows[index]; row; row = rows[++index]) {
          const order = compare(row, at) * sign;
          if (order > 0 || (order === 0 && !past)) return row;
        }
        if (ended) return undefined;
        budget.queries++;
        // One more, because the row at `at` may come first.
        const wanted = block + Number(past);
        const found = await read(order === "asc" ? [at, upper] : [lower, at], wanted);
        // Without the term, which is that of this list only.
        rows = found.map(({ createdAt, imageID }) => ({ createdAt, imageID }));
        index = 0;
        ended = rows.length < wanted;
      }
    },
  };
}

/** The union of lists: the nearest of their places. */
function union(lists: readonly List[], sign: number): List {
  return {
    async seek(at, past) {
      const heads = await Promise.all(lists.map((list) => list.seek(at, past)));
      return heads.reduce(
        (nearest, head) =>
          !nearest || (head && compare(head, nearest) * sign < 0) ? (head ?? nearest) : nearest,
        undefined,
      );
    },
  };
}

/** The posting list of a term (consistent reads). */
function postings({ owner, order }: Walk, term: Term.Term): Read {
  const parts = Term.partsOf(term);
  return ([lower, upper], wanted) => {
    if (lower.createdAt > upper.createdAt) return Promise.resolve([]);
    const query = TermEntity.query
      .byTerm({ kind: parts.kind, owner })
      .between({ term: parts.term, ...first, ...lower }, { term: parts.term, ...last, ...upper });
    return Scan.take<Place>(wanted, (page) => query.go({ ...page, order, consistent: true }));
  };
}

/** An owner's images in one status. The index projects whole records, and follows them within a second. */
function statusList({ owner, order }: Walk, status: Status): Read {
  return ([lower, upper], wanted) => {
    if (lower.createdAt > upper.createdAt) return Promise.resolve([]);
    const query = ImageEntity.query
      .byOwnerStatus({ owner, status })
      .between({ ...first, ...lower }, { ...last, ...upper });
    return Scan.take<Place>(wanted, (page) =>
      query.go({ ...page, order, attributes: ["createdAt", "imageID"] }),
    );
  };
}
