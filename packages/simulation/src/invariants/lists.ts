/** Invariants of lists, the audit trail, counters and the change feed. */
import { Term } from "@image-pipeline/core/records/terms";
import type { Transition } from "@image-pipeline/core/table/event-entity";
import type { ImageRecord } from "@image-pipeline/core/table/image-entity";
import { isInFeed, isListed } from "@image-pipeline/core/table/status";
import { now } from "../scheduler.ts";
import type { AtRest, Invariant } from "./invariant.ts";

/** By number. */
export const lists: Readonly<Record<string, Invariant>> = {
  I14: {
    promise:
      "Walking a list returns each image once. An image is found by its tags, words, metadata, format, time of capture and perceptual hash from the moment that its record has them, and not by those that it has no longer.",
    heldBy: ["simulation", "lists.test.ts", "queries.test.ts"],
    *onChange(change, { records, terms }) {
      if (change.of !== "record" && change.of !== "term") return;
      const record = change.of === "record" ? change.after : records.get(change.imageID);
      if (!record || record.status === "deleting" || record.status === "deleted") return;
      for (const term of Term.of(record))
        if (!terms.has(termKeyOf(record, term))) yield `the row of a ${Term.partsOf(term).kind} is missing`;
    },
    async *atRest(world, { api }) {
      const { terms, records } = world.observer;
      const live = [...records.values()].filter(({ status }) => status !== "deleted");
      const wanted = new Set(
        live.flatMap((record) => Term.of(record).map((term) => termKeyOf(record, term))),
      );
      // A crash may leave rows.
      if (world.isUnharmed())
        for (const key of terms) if (!wanted.has(key)) yield "the row of a term is left";
      if (!api) return;
      const visible = [...records.values()].filter(
        ({ owner, status, deleteAt, expiresAt = Number.POSITIVE_INFINITY }) =>
          owner === "default" &&
          isListed({ status }) &&
          expiresAt * 1000 > now() &&
          (deleteAt === undefined || Date.parse(deleteAt) > now()),
      );
      const limit = visible.length > 30 ? 100 : 3;
      const isProcessed = ({ source, processedAt, status }: ImageRecord) =>
        source !== undefined || processedAt !== undefined || status === "failed";
      const lists: [query: string, has: (record: ImageRecord) => unknown][] = [
        ["", () => true],
        ["tag=cat", ({ tags }) => tags?.includes("cat")],
        ["tag=dog", ({ tags }) => tags?.includes("dog")],
        ["tag=cat&tag=dog&order=asc", ({ tags }) => tags?.includes("cat") && tags.includes("dog")],
        ["tag=cat&status=ready", ({ tags, status }) => status === "ready" && tags?.includes("cat")],
        ["q=title", ({ title }) => title?.startsWith("title")],
        ["format=png", ({ source }) => source?.format === "png"],
        ["orderBy=takenAt", isProcessed],
      ];
      for (const [query, has] of lists)
        if (idsOf(visible.filter(has)) !== (await walk(world, `/images?limit=${limit}&${query}`)))
          yield `the list ${query} does not return every image once`;
      if (visible.length > 100) return;
      for (const image of visible.slice(0, 10)) {
        const hash = image.source?.perceptualHash;
        if (hash === undefined) continue;
        const equal = visible.filter(
          ({ imageID, source }) => source?.perceptualHash === hash && imageID !== image.imageID,
        );
        if (idsOf(equal) !== (await idsOfSimilar(world, image.imageID)))
          yield "the similar images are not those with the same hash";
      }
    },
  },
  I15: {
    promise:
      "The audit trail lists each transition of an image once and in order, also after its tombstone has expired.",
    heldBy: ["simulation", "kills"],
    *onChange(change, { rows, history, puts }) {
      if (
        change.of === "row" &&
        change.before &&
        JSON.stringify(change.before) !== JSON.stringify(change.after)
      )
        yield "a row was rewritten";
      if (change.of !== "record" || !change.before) return;
      const { before, after, entry } = change;
      const { imageID, last } = before;
      if (!entry && last.version !== after.last.version) yield "the newest transition was changed";
      if (entry && rows.get(imageID)?.get(last.version)?.type !== last.type)
        yield "a transition was replaced before it was filed";
      if (before.status === "deleted" && entry?.type === "deleted") yield "one removal was recorded twice";
      if (entry?.type === "uploaded") {
        const recorded = (history.get(imageID) ?? []).filter(({ type }) => type === "uploaded").length;
        if (recorded > (puts.get(after.key) ?? 0)) yield "one upload was recorded twice";
      }
    },
    async *atRest({ observer: { history }, environment }) {
      for (const [imageID, transitions] of history) {
        const response = await environment.app.request(`/images/${imageID}/events`);
        const { items = [] } = (await response.json()) as { items?: Transition[] };
        if (trailOf(items) !== trailOf(transitions)) yield "the audit trail is not what happened";
      }
    },
  },
  I16: {
    promise: "After the reconciler's comparison, the counters equal the number of images in each status.",
    heldBy: ["simulation"],
    async *atRest({ observer: { records }, environment }, { reconciler }) {
      if (!reconciler) return;
      for (const [status, counted] of Object.entries(await environment.counters())) {
        const { length } = [...records.values()].filter((record) => record.status === status);
        if (length !== counted) yield `the counter of ${status} is ${counted}, with ${length} images`;
      }
    },
  },
  I26: {
    promise:
      "A client that keeps a copy by the change feed has every listed image that has had bytes in its newest version and no other, through crashes and gaps, for an index that lags by 5 s, clocks that differ by 10 s and writes that take 20 s.",
    heldBy: ["simulation", "changes.test.ts"],
    async *atRest(world, { api }) {
      if (!api) return;
      const { records, late } = world.observer;
      const copies = await world.mirrored();
      for (const { imageID, version, status, etag, deleteAt = "" } of records.values()) {
        if (late.has(imageID)) continue;
        const isWanted =
          isListed({ status }) && isInFeed({ status, etag }) && !(Date.parse(deleteAt) <= now());
        const wanted = isWanted ? version : undefined;
        const copied = copies.get(imageID);
        if (wanted === undefined && copied !== undefined) yield "a copy has an image that is gone";
        if (wanted !== undefined && copied !== wanted) yield "a copy has missed a change";
      }
    },
  },
  I30: {
    promise:
      "After the reconciler's comparison, the totals of what an owner with images has stored equal the sum of its records.",
    heldBy: ["simulation", "stats.test.ts"],
    async *atRest({ observer: { records }, environment }, { reconciler }) {
      if (!reconciler) return;
      for (const [owner, images] of Map.groupBy(records.values(), (record) => record.owner)) {
        const { originalBytes, variantBytes, ...counted } = await environment.storedOf(owner);
        const kept = images.filter(({ status }) => status !== "deleting" && status !== "deleted");
        const originals = kept.filter(({ bytes = 0, discarded }) => bytes > 0 && !discarded);
        const files = kept.flatMap(({ variants = {} }) =>
          Object.values(variants).flatMap(({ also = [], ...file }) => [file, ...also]),
        );
        const sum = (all: readonly { bytes?: number }[]) =>
          all.reduce((total, { bytes = 0 }) => total + bytes, 0);
        // Where processing never read the bytes, those that were declared count.
        const unread = kept.filter(({ status, bytes }) => status === "failed" && bytes === undefined);
        const declared = unread.flatMap(({ declared }) =>
          declared?.bytes ? [{ bytes: declared.bytes }] : [],
        );
        const expected = [originals.length + declared.length, sum([...originals, ...declared]), sum(files)];
        const actual = [counted.images, originalBytes, variantBytes];
        if (actual.join() !== expected.join()) yield `stored of ${owner}: ${actual}, with ${expected}`;
      }
    },
  },
};

/** The key of a term row, of what is in the key and not in its format. */
export const termKeyOf = (
  image: Pick<ImageRecord, "imageID" | "owner" | "createdAt">,
  term: Term.Term,
): string => JSON.stringify([image.imageID, image.owner, image.createdAt, term]);

const idsOf = (records: readonly { imageID: string }[]) =>
  records
    .map(({ imageID }) => imageID)
    .sort()
    .join();

const trailOf = (entries: readonly Pick<Transition, "type" | "by">[]) =>
  entries.map(({ type, by }) => `${type} by ${by}`).join();

/** The ids of an image's similar ones, sorted. The hashes of two files of a world are equal or far apart. */
async function idsOfSimilar({ environment }: AtRest, imageID: string): Promise<string> {
  const response = await environment.app.request(`/images/${imageID}/similar?limit=100`);
  const { items } = (await response.json()) as { items: { image: { id: string } }[] };
  return items
    .map(({ image }) => image.id)
    .sort()
    .join();
}

/** The ids of all pages of a list, sorted. */
async function walk({ environment }: AtRest, path: string): Promise<string> {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const response = await environment.app.request(
      cursor ? `${path}&cursor=${encodeURIComponent(cursor)}` : path,
    );
    const page = (await response.json()) as { items: { id: string }[]; nextCursor?: string };
    ids.push(...page.items.map(({ id }) => id));
    cursor = page.nextCursor;
  } while (cursor);
  return ids.sort().join();
}
