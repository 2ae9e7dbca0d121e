/**
 * The open multipart upload of an image: its id, and the signed length of each part.
 *
 * | index   | question                              | partition | order |
 * | byImage | the open multipart upload of an image | imageID   | -     |
 */
import { CustomAttributeType, Entity } from "electrodb";
import { Table } from "./table.ts";
import { primary } from "./table-schema.ts";

export const MultipartEntity = Table.onTable(
  new Entity({
    model: { service: "images", entity: "multipart", version: "1" },
    attributes: {
      imageID: { type: "string", required: true },
      uploadID: { type: "string", required: true },
      // Not a map: ElectroDB drops names that are not declared, and these are part numbers.
      parts: { type: CustomAttributeType<Record<string, number>>("any"), required: true },
      version: { type: "number", required: true },
      expiresAt: { type: "number", required: true },
    },
    indexes: {
      byImage: {
        pk: { field: primary.pk, composite: ["imageID"], casing: "none" },
        sk: { field: primary.sk, composite: [], casing: "none" },
      },
    },
  }),
);
