/**
 * One row for each image and tag. A superfluous row is harmless, because readers check the image; a missing row
 * would drop the image from the list. So rows are written before the image and removed after it, and a late removal
 * does not touch rows that were written for a later version.
 *
 * | index   | question                                    | partition  | order              |
 * | byImage | an image's tags                             | imageID    | tag                |
 * | byTag   | an owner's images with a tag, newest first  | owner, tag | createdAt, imageID |
 *
 * Keys contain the tag's hash, because tags are free text of the client.
 */
import { Entity } from "electrodb";
import { Table } from "./table.ts";
import { indexes, primary } from "./table-schema.ts";

export const TagEntity = Table.onTable(
  new Entity({
    model: { service: "images", entity: "tag", version: "1" },
    attributes: {
      imageID: { type: "string", required: true },
      owner: { type: "string", required: true },
      tagHash: { type: "string", required: true },
      tag: { type: "string", required: true },
      createdAt: { type: "string", required: true },
      // The image's version that this row was last written for.
      version: { type: "number", required: true },
    },
    indexes: {
      byImage: {
        pk: { field: primary.pk, composite: ["imageID"], casing: "none" },
        sk: { field: primary.sk, composite: ["tagHash"], casing: "none" },
      },
      byTag: {
        index: "gsi1",
        pk: { field: indexes.gsi1.pk, composite: ["owner", "tagHash"], casing: "none" },
        sk: { field: indexes.gsi1.sk, composite: ["createdAt", "imageID"], casing: "none" },
      },
    },
  }),
);
