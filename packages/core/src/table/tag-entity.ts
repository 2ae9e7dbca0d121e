/**
 * One row for each image and tag. A row more than the image has tags is harmless (readers look at the image);
 * one fewer would lose it from the list, so rows are written before the image and removed after it, and one who
 * removes late leaves alone what was written for a later version.
 *
 * | index   | question                                    | partition  | order              |
 * | byImage | this image's tags                           | imageID    | tag                |
 * | byTag   | an owner's images with a tag, newest first  | owner, tag | createdAt, imageID |
 *
 * Keys hold the tag's hash, because tags are the client's own words.
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
