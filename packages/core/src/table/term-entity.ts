/**
 * Term row: one image in the posting list of one term. A term is a tag, a word, a metadata entry, a format, a time of
 * capture or a band of the perceptual hash. The rows of a term are its posting list, in the order of the lists of images, so that lists intersect.
 *
 * | index  | question                                   | partition   | order                    |
 * | byTerm | an owner's images with a term, by time     | kind, owner | term, createdAt, imageID |
 * | byTerm | an owner's words with a prefix             | kind, owner | term                     |
 * | byTerm | an owner's images by time of capture       | kind, owner | term, createdAt, imageID |
 * | byTerm | an owner's images with similar hashes      | kind, owner | term, createdAt, imageID |
 *
 * A superfluous row is harmless, because readers check the image; a missing row would drop the image from the list. So
 * rows are written before the image and removed after it, and a late removal does not touch rows that were written for
 * a later version.
 *
 * Keys contain hashes of tags and metadata, which are free text of the client. Words consist of letters and digits,
 * so that they contain no delimiter.
 */
import { Entity } from "electrodb";
import { Table } from "./table.ts";
import { primary } from "./table-schema.ts";

/** Kinds of terms; each has its own partition of an owner. */
export const kinds = ["tag", "word", "metadata", "format", "taken", "hash"] as const;
export type Kind = (typeof kinds)[number];

export const TermEntity = Table.onTable(
  new Entity({
    model: { service: "images", entity: "term", version: "1" },
    attributes: {
      kind: { type: kinds, required: true },
      owner: { type: "string", required: true },
      term: { type: "string", required: true },
      createdAt: { type: "string", required: true },
      imageID: { type: "string", required: true },
      // The image's version that this row was last written for.
      version: { type: "number", required: true },
    },
    indexes: {
      byTerm: {
        pk: { field: primary.pk, composite: ["kind", "owner"], casing: "none" },
        sk: { field: primary.sk, composite: ["term", "createdAt", "imageID"], casing: "none" },
      },
    },
  }),
);
