/**
 * Free text of callers. JSON and JavaScript admit lone surrogates, which have no UTF-8 encoding: URLs cannot contain
 * them, and hashes and databases see the same replacement character for all of them.
 */
export * as Text from "./text.ts";

import * as v from "valibot";

/** Replaces each lone surrogate by U+FFFD. First in the pipe of every free text. */
export const wellFormed = v.transform((text: string) => text.toWellFormed());

/** Refuses lone surrogates, where replacing them could make two texts equal: names of entries. */
export const mustBeWellFormed = v.check(
  (text: string) => text.isWellFormed(),
  "Must be well-formed Unicode, without lone surrogates.",
);

/** Returns the last `max` code points of a text, well-formed. The end of a file name has its extension. */
export const lastOf = (text: string, max: number): string => [...text.toWellFormed()].slice(-max).join("");
