/**
 * Similar images: those of an owner whose perceptual hashes differ in few bits, by the rows of their bands. Reads a
 * bounded number of rows, also among any number of equal images.
 */
export * as Similar from "./similar.ts";

import * as v from "valibot";
import { VisibleError } from "../error.ts";
import { fn } from "../fn.ts";
import { ID } from "../id.ts";
import { Bands } from "../records/bands.ts";
import { Protocol } from "../records/protocol.ts";
import { readMany } from "../records/record.ts";
import { Term } from "../records/terms.ts";
import { isListed } from "../table/image-entity.ts";
import { TermEntity } from "../table/term-entity.ts";
import { Image } from "./image.ts";

/** Bits in which hashes of similar images may differ. */
export const distance = { default: 8, max: Bands.distanceMax } as const;

/** Number of similar images that are returned. */
export const limit = { default: 20, max: 100 } as const;

/** An owner with at most so many images is read whole, by one query in place of one for each key. */
const wholeMax = 100;

/** Number of queries after which a search ends early. */
export const queriesMax = 200;

/** Similar images, the closest first, and of those the newest. `complete`: there are no others. */
export type Found = { items: { distance: number; image: Image.Info }[]; complete: boolean };

/**
 * Finds the images of the same owner that look like an image. Throws `image_not_found`, `image_not_ready` if the image
 * has no perceptual hash.
 */
export const find = fn(
  v.object({
    id: ID.imageID,
    owner: v.optional(ID.owner),
    distance: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(distance.max)),
    limit: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(limit.max)),
  }),
  async ({ distance, limit, ...reference }): Promise<Found> => {
    const { id, owner, status, source } = await Image.fromID(reference);
    const hash = source.perceptualHash;
    if (hash === undefined)
      throw new VisibleError(
        "image_not_ready",
        `The image is ${status} and has no perceptual hash. Try again when it is ready; reprocess it if it is.`,
      );
    const { rows, complete } = await search({ owner, hash, distance, wanted: limit + 1 });
    const near = [...rows.values()]
      .filter((row) => row.imageID !== id && row.distance <= distance)
      .sort(closestFirst);
    const shown = near.slice(0, limit);
    return { items: await confirmed(hash, shown), complete: complete && near.length <= limit };
  },
);

/** A row of a band: its image, and the distance of its hash. */
type Row = { imageID: string; createdAt: string; distance: number };

type Search = { owner: string; hash: string; distance: number; wanted: number };
type Candidates = { rows: Map<string, Row>; complete: boolean };

/** Reads the rows of an owner that may be similar. Those of equal images first: they may be enough. */
async function search({ owner, hash, distance, wanted }: Search): Promise<Candidates> {
  const budget = { queries: 0 };
  const rows = new Map<string, Row>();
  const take = async (range: Bands.Range, block: number, every = true) => {
    const read = await readRange({ owner, range, block, every, budget });
    for (const { term, imageID, createdAt } of read.rows) {
      const distance = Bands.distanceOf(term, hash);
      // A crash may have left rows of another hash of an image.
      rows.set(JSON.stringify([imageID, createdAt, distance]), { imageID, createdAt, distance });
    }
    return read.complete;
  };
  if (await take(Bands.all(), wholeMax + 1, false)) return { rows, complete: true };
  const isAll = await take(Bands.equal(hash), wanted, false);
  if (!isAll || distance === 0) return { rows, complete: isAll };
  const done = await Promise.all(Bands.near(hash, distance).map((range) => take(range, wanted)));
  return { rows, complete: done.every(Boolean) };
}

type Reading = {
  owner: string;
  range: Bands.Range;
  /** Rows of one query. Of one hash no more are read. */
  block: number;
  /** Reads on after the first block. */
  every: boolean;
  budget: { queries: number };
};

/** Reads a range of rows in blocks, the newest of one hash first. `complete`: no row was left out, or only equal ones. */
async function readRange({ owner, range, block, every, budget }: Reading) {
  const rows: { imageID: string; createdAt: string; term: string }[] = [];
  const from = { term: range.low, createdAt: "0", imageID: "0" };
  let to = { term: range.high, createdAt: "~", imageID: "~" };
  for (;;) {
    budget.queries++;
    // Eventually consistent reads, at half the price: a hash is known only once an image was processed.
    const { data } = await TermEntity.query
      .byTerm({ kind: "hash", owner })
      .between(from, to)
      .go({ limit: block, pages: 1, order: "desc" });
    rows.push(...data.map(({ imageID, createdAt, term }) => ({ imageID, createdAt, term })));
    const [first, last] = [data[0], data.at(-1)];
    if (!first || !last || data.length < block) return { rows, complete: true };
    if (!every || budget.queries >= queriesMax) return { rows, complete: false };
    const { term, createdAt, imageID } = last;
    // Of equal images no more are returned than this block has: skips the others of this hash.
    to = first.term === term ? { term, createdAt: "0", imageID: "0" } : { term, createdAt, imageID };
    if (to.term === from.term && to.createdAt === "0") return { rows, complete: true };
  }
}

/** Returns the visible images of rows. Leaves out those whose record has another hash by now. */
async function confirmed(hash: string, rows: readonly Row[]): Promise<Found["items"]> {
  const read = await readMany(rows.map(({ imageID }) => imageID));
  const records = new Map(read.map((record) => [record.imageID, record]));
  return rows.flatMap((row) => {
    const record = records.get(row.imageID);
    if (!record || !Image.isVisible(record) || !isListed(record)) return [];
    const isSought = (terms: readonly Term.Term[]) =>
      terms
        .map(Term.partsOf)
        .some(({ kind, term }) => kind === "hash" && Bands.distanceOf(term, hash) === row.distance);
    if (!Protocol.rules.confirms(record, row, isSought)) return [];
    return [{ distance: row.distance, image: Image.serialize(record) }];
  });
}

/** Orders rows by distance, then from the newest to the oldest. */
function closestFirst(a: Row, b: Row): number {
  if (a.distance !== b.distance) return a.distance - b.distance;
  const [ofA, ofB] = [`${a.createdAt} ${a.imageID}`, `${b.createdAt} ${b.imageID}`];
  return ofA < ofB ? 1 : -1;
}
