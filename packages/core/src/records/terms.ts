/** Terms: what an image is found by, as it follows from its record. Pure; `postings.ts` writes their rows. */
export * as Term from "./terms.ts";

import { createHash } from "node:crypto";
import type { ImageRecord } from "../table/image-entity.ts";
import type { Kind } from "../table/term-entity.ts";
import { Bands } from "./bands.ts";
import { Words } from "./words.ts";

/** A term: its kind, and its value as in the key of its rows. */
export type Term = `${Kind}:${string}`;

/**
 * Version of the derivation below, and of the indexes. Records of another one get their rows at the next write, or from
 * the reconciler.
 */
export const scheme = 4;

/** The value of `taken` for images without a time of capture, which is sorted apart. */
export const undated = "-";

/** The parts of a record that its terms follow from. */
export type Described = Pick<
  ImageRecord,
  "status" | "terms" | "tags" | "metadata" | "title" | "filename" | "alt" | "source" | "processedAt"
>;

/** Returns the distinct terms of a record. A tombstone lists those that its clean-up has to remove. */
export function of(record: Described): Term[] {
  if (record.terms) return record.terms as Term[];
  const { tags = [], metadata = {}, title, filename, alt, source } = record;
  const taken = takenOf(record);
  return [
    ...new Set<Term>([
      ...tags.map(ofTag),
      ...Object.entries(metadata).map(([name, value]) => ofMetadata(name, value)),
      ...Words.of(title, filename, alt).slice(0, Words.wordsMax).map(ofWord),
      ...(source ? [ofFormat(source.format)] : []),
      ...(taken ? [`taken:${taken}` as const] : []),
      ...(source?.perceptualHash === undefined ? [] : Bands.of(source.perceptualHash).map(ofBand)),
    ]),
  ];
}

export const ofTag = (tag: string): Term => `tag:${hashOf(tag)}`;
export const ofMetadata = (name: string, value: string): Term =>
  `metadata:${hashOf(JSON.stringify([name, value]))}`;
export const ofWord = (word: string): Term => `word:${word}`;
export const ofBand = (band: string): Term => `hash:${band}`;
export const ofFormat = (format: string): Term => `format:${format}`;

/** Splits a term into its kind and its value. */
export function partsOf(term: Term): { kind: Kind; term: string } {
  const at = term.indexOf(":");
  return { kind: term.slice(0, at) as Kind, term: term.slice(at + 1) };
}

/**
 * Returns an image's place in the order of capture: the UTC time, in which the camera's clock counts as UTC where its
 * offset is unknown; `undated` without a time. Undefined before the image was first processed, because its time is not
 * known yet and it would move.
 */
export function takenOf({ status, source, processedAt }: Described): string | undefined {
  if (!source && processedAt === undefined && status !== "failed") return undefined;
  const { takenAt = "" } = source ?? {};
  const at = Date.parse(/T.*[+-]\d\d:\d\d$/.test(takenAt) ? takenAt : `${takenAt}Z`);
  return Number.isNaN(at) ? undated : new Date(at).toISOString();
}

/** Hashes free text for use in keys. */
const hashOf = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 32);

/**
 * Rule 14: a row of an image is in a list only while its record confirms it: it has the row's creation time, and the
 * terms of the search. Rows of dropped terms may be left after a crash.
 */
export function confirms(
  record: ImageRecord,
  row: { createdAt: string },
  isSought: (terms: readonly Term[]) => boolean,
): boolean {
  return record.createdAt === row.createdAt && isSought(of(record));
}
