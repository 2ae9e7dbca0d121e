/** Postings: writes the rows by which images are found. */
export * as Posting from "./postings.ts";

import type { ImageRecord } from "../table/image-entity.ts";
import { Table } from "../table/table.ts";
import { TermEntity } from "../table/term-entity.ts";
import { Term } from "./terms.ts";

/** The image of a row, and the version that the row is written or removed for. */
type Image = Pick<ImageRecord, "imageID" | "owner" | "createdAt" | "version">;

/** Changes of an image's rows: those to add before its record is written, and those to remove after that. */
export type Changes = { added: Term.Term[]; dropped: Term.Term[] };

/**
 * Returns the changes of the rows that follow from a change of a record. A tombstone keeps its terms until its clean-up
 * has removed their rows. A record that comes back from a tombstone has another creation time, and so other rows.
 */
export function changesOf(
  before: ImageRecord | undefined,
  draft: Term.Described & Pick<ImageRecord, "createdAt">,
): Changes {
  if (draft.status === "deleted") return { added: [], dropped: [] };
  const wanted = Term.of(draft);
  const old = before ? Term.of(before) : [];
  const isMoved = before?.createdAt !== draft.createdAt;
  const isIndexed = before?.indexed === Term.scheme && !isMoved;
  return {
    added: draft.status === "deleting" ? [] : wanted.filter((term) => !isIndexed || !old.includes(term)),
    dropped: isMoved ? old : old.filter((term) => !wanted.includes(term)),
  };
}

/** Writes the rows of terms, before the image's version `version` is written. Idempotent. */
export async function add(image: Image, terms: readonly Term.Term[]): Promise<void> {
  const { imageID, owner, createdAt, version } = image;
  const rows = terms.map((term) =>
    TermEntity.put({ ...Term.partsOf(term), imageID, owner, createdAt, version })
      .where((row, { notExists, lt }) => `${notExists(row.version)} OR ${lt(row.version, version)}`)
      .go(),
  );
  await Promise.all(rows.map(unlessLater));
}

/** Removes the rows of terms, after the image's version `version` was written. Idempotent. */
export async function remove(image: Image, terms: readonly Term.Term[]): Promise<void> {
  const { imageID, owner, createdAt, version } = image;
  const rows = terms.map((term) =>
    TermEntity.remove({ ...Term.partsOf(term), imageID, owner, createdAt })
      .where((row, { lte }) => lte(row.version, version))
      .go(),
  );
  await Promise.all(rows.map(unlessLater));
}

/** Returns the terms whose rows a refused write has added in vain: those that the current record does not have. */
export function unconfirmed(
  image: Image,
  added: readonly Term.Term[],
  current: ImageRecord | undefined,
): Term.Term[] {
  const known = current?.createdAt === image.createdAt ? Term.of(current) : [];
  return added.filter((term) => !known.includes(term));
}

/** Ignores a condition failure: a later version wrote the row, and it stays. */
async function unlessLater(written: Promise<unknown>): Promise<void> {
  try {
    await written;
  } catch (error) {
    if (!Table.isConditionFailure(error)) throw error;
  }
}
