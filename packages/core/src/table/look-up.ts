/**
 * Looking an image up by its key, which is what is asked for most. ElectroDB takes 40 µs to write down each such
 * request and to read its answer: more than everything else that the API does for it. So ElectroDB writes one down,
 * for an id that stands for all, and the design of the key stays with the entity.
 */
import type { Plain } from "./dynamodb.ts";
import { ImageEntity, type ImageRecord } from "./image-entity.ts";
import { Table } from "./table.ts";
import { primary } from "./table-schema.ts";

const anyID = "img_";
const { Key, ...rest } = ImageEntity.get({ imageID: anyID }).params<{ Key: Record<string, string> }>({
  consistent: true,
});
const [before = "", after = ""] = (Key[primary.pk] ?? "").split(anyID);

/** A consistent read of one image, as ElectroDB would put it. */
export const requestOf = (imageID: string): Plain => ({
  ...rest,
  Key: { ...Key, [primary.pk]: before + imageID + after },
});

/** The record that lies there now, tombstones included; undefined where there is none. */
export async function lookUp(imageID: string): Promise<ImageRecord | undefined> {
  const { Item } = await Table.client.call("GetItem", requestOf(imageID));
  return Item && recordOf(Item);
}

const attributes = new Set(Object.keys(ImageEntity.schema.attributes));

/** An item without its keys, and without whatever else the entity does not know. */
function recordOf(item: Record<string, unknown>): ImageRecord {
  const record: Record<string, unknown> = {};
  for (const name in item) if (attributes.has(name)) record[name] = item[name];
  // What lies under an image's key was written by its entity.
  return record as ImageRecord;
}
