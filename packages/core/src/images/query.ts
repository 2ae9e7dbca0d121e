/** Queries of lists: their filters, which of them an index serves together, and the terms that they look up. */
export * as Query from "./query.ts";

import * as v from "valibot";
import { formats } from "../engine/format.ts";
import { ID } from "../id.ts";
import { Term } from "../records/terms.ts";
import { Words } from "../records/words.ts";
import { statuses } from "../table/image-entity.ts";
import { Text } from "../text.ts";
import { metadataEntry, tag } from "./fields.ts";

/** Formats of originals, by which images are found. */
export { formats } from "../engine/format.ts";

/** Longest search, in characters. */
export const searchMax = 200;

/** Most lists that one query intersects: one for each tag, word, metadata entry, format and status. */
export const listsMax = 10;

/** A search: words that must all be in the title, file name or alternative text; the last may end with `*`. */
export const search = v.pipe(v.string(), Text.wellFormed, v.minLength(1), v.maxLength(searchMax));

const time = v.optional(v.pipe(v.string(), v.isoTimestamp()));

/**
 * Filters of a list. `createdAfter` and `takenAfter` are inclusive, `createdBefore` and `takenBefore` exclusive, ISO 8601.
 * Several tags, words and metadata entries must all be there.
 */
export const Filters = v.object({
  /** Absent: images of all owners, for callers that may act for any owner. */
  owner: v.optional(ID.owner),
  status: v.optional(v.picklist(statuses)),
  tag: v.optional(v.array(tag)),
  format: v.optional(v.picklist(formats)),
  metadata: v.optional(
    v.custom<Record<string, string>>(
      (given) =>
        typeof given === "object" &&
        given !== null &&
        Object.entries(given).every((entry) => v.is(metadataEntry, entry)),
    ),
  ),
  q: v.optional(search),
  createdAfter: time,
  createdBefore: time,
  takenAfter: time,
  takenBefore: time,
  orderBy: v.optional(v.picklist(["createdAt", "takenAt"])),
  order: v.optional(v.picklist(["asc", "desc"]), "desc"),
});
export type Filters = v.InferOutput<typeof Filters>;

/** Filters that no index serves: the parameter, what is wrong with it, and what works. */
export type Fault = { parameter: string; detail: string };

const timelineWorks =
  "`orderBy=takenAt`, `takenAfter` and `takenBefore` work with each other and with `order`.";
const termsWork =
  "`status`, `tag`, `format`, `metadata.NAME`, `q`, `createdAfter` and `createdBefore` work with each other and with `order`.";

/** Returns whether a list is in the order of capture. */
export const isTimeline = ({ orderBy, takenAfter, takenBefore }: Partial<Filters>): boolean =>
  orderBy === "takenAt" || takenAfter !== undefined || takenBefore !== undefined;

/** Returns what is wrong with a combination of filters; undefined if an index serves it. */
export function faultOf(filters: Partial<Filters>): Fault | undefined {
  const { orderBy, createdAfter, createdBefore, takenAfter, takenBefore, q } = filters;
  const looked = lookedUp(filters);
  const created = given({ createdAfter, createdBefore });
  if (isTimeline(filters)) {
    const timeline = given({ orderBy, takenAfter, takenBefore });
    if (orderBy === "createdAt") {
      const [first = ["", ""]] = given({ takenAfter, takenBefore });
      return {
        parameter: "orderBy",
        detail: `\`orderBy=createdAt\` cannot be combined with ${shown(first)}. ${timelineWorks}`,
      };
    }
    const [other] = [...looked, ...created];
    const [first = ["", ""]] = timeline;
    if (other)
      return {
        parameter: other[0],
        detail: `${shown(other)} cannot be combined with ${shown(first)}. ${timelineWorks} Without these, ${termsWork}`,
      };
    return undefined;
  }
  if (q !== undefined) {
    const sought = Words.parse(q);
    const prefixes = sought.filter(({ prefix }) => prefix);
    if (sought.length === 0)
      return {
        parameter: "q",
        detail: `${shown(["q", q])} contains no word. Search for letters or digits, such as \`q=sunset\` or \`q=sun*\`.`,
      };
    if (prefixes.length > 1)
      return {
        parameter: "q",
        detail: `${shown(["q", q])} contains ${prefixes.length} prefixes. One word may end with \`*\`.`,
      };
  }
  const lists = listsOf(filters);
  if (lists > listsMax) {
    const [[parameter] = [""]] = looked;
    return {
      parameter,
      detail: `The query has ${lists} tags, words, metadata entries, formats and statuses. At most ${listsMax} work together.`,
    };
  }
  return undefined;
}

/**
 * Returns what is wrong with filters that need an owner, where none is named: the lists of all images are by creation
 * time only.
 */
export function faultWithoutOwner(filters: Filters): Fault | undefined {
  if (filters.owner !== undefined) return undefined;
  const { orderBy, takenAfter, takenBefore } = filters;
  const [first] = [
    ...lookedUp(filters),
    ...given({ takenAfter, takenBefore, ...(orderBy === "takenAt" && { orderBy }) }),
  ];
  return (
    first && {
      parameter: first[0],
      detail: `${shown(first)} needs an \`owner\`. Without one, \`createdAfter\` and \`createdBefore\` work with each other and with \`order\`.`,
    }
  );
}

/** Returns the terms that images of a list must have, and the prefix that one of their words must have. */
export function termsOf({ tag = [], format, metadata = {}, q = "" }: Partial<Filters>): {
  terms: Term.Term[];
  prefix?: string;
} {
  const sought = Words.parse(q);
  const terms = [
    ...tag.map(Term.ofTag),
    ...Object.entries(metadata).map(([name, value]) => Term.ofMetadata(name, value)),
    ...(format ? [Term.ofFormat(format)] : []),
    ...sought.filter(({ prefix }) => !prefix).map(({ word }) => Term.ofWord(word)),
  ];
  const prefix = sought.find(({ prefix }) => prefix)?.word;
  return { terms: [...new Set(terms)], ...(prefix !== undefined && { prefix }) };
}

/** Returns the number of lists that a query intersects. */
const listsOf = (filters: Partial<Filters>): number => {
  const { terms, prefix } = termsOf(filters);
  return terms.length + Number(prefix !== undefined) + Number(filters.status !== undefined);
};

type Given = [parameter: string, value: string];

const lookedUp = ({ status, tag = [], format, metadata = {}, q }: Partial<Filters>): Given[] => [
  ...given({ status }),
  ...tag.map((value): Given => ["tag", value]),
  ...given({ format }),
  ...Object.entries(metadata).map(([name, value]): Given => [`metadata.${name}`, value]),
  ...given({ q }),
];

const given = (values: Record<string, string | undefined>): Given[] =>
  Object.entries(values).flatMap(([name, value]): Given[] => (value === undefined ? [] : [[name, value]]));

/** Longest value that a message repeats. */
const shownMax = 40;

const shown = ([parameter, value]: Given) => {
  const text = `${parameter}=${value}`;
  return `\`${text.length > shownMax ? `${text.slice(0, shownMax).toWellFormed()}…` : text}\``;
};
