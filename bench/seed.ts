/** Fills the table of `api.ts` with ready images of one owner and sends back the requested list positions. */

import { ID } from "../packages/core/src/id.ts";
import { ImageEntity, type ImageRecord } from "../packages/core/src/table/image-entity.ts";

/** The list position of an image: the fields of a cursor. */
export type Place = { imageID: string; createdAt: string };

const [count = 0, ...wanted] = process.argv.slice(2).map(Number);
const variant = (name: string, width: number) => ({
  key: `img/1-abcdef01/${name}.webp`,
  format: "webp",
  width,
  height: width,
  bytes: width * 40,
});
const start = Date.parse("2026-01-01T00:00:00Z");
const places: Place[] = [];
const records: ImageRecord[] = [];
for (let i = 0; i < count; i++) {
  const imageID = ID.createImageID();
  const at = new Date(start + i * 1000).toISOString();
  places.push({ imageID, createdAt: at });
  const sha256 = i.toString(16).padStart(64, "0");
  records.push({
    imageID,
    owner: "default",
    status: "ready",
    createdAt: at,
    updatedAt: at,
    processedAt: at,
    version: 3,
    attempt: 1,
    key: `default/${imageID}`,
    writeID: imageID,
    last: { type: "ready", by: "processor", version: 3, at },
    etag: "05793f9740cdfc7b02866e3acbee140f",
    sequencer: "0".repeat(32),
    filename: `IMG_${i}.jpg`,
    bytes: 3_000_000 + i,
    sha256,
    source: {
      format: "jpeg",
      width: 4032,
      height: 3024,
      alpha: false,
      frames: 1,
    },
    placeholder: { thumbhash: "IosCBYBZSH+Jh3h4eIh4eE+H91SI", color: "#7a8b9c" },
    variants: {
      thumbnail: variant("thumbnail", 200),
      small: variant("small", 480),
      medium: variant("medium", 1080),
      large: variant("large", 1920),
    },
    recipe: "abcdef01",
  });
}
for (let i = 0; i < count; i += 1_000) {
  const { unprocessed } = await ImageEntity.put(records.slice(i, i + 1_000)).go({ concurrent: 4 });
  if (unprocessed.length > 0) throw new Error(`DynamoDB left ${unprocessed.length} records unwritten.`);
}
process.send?.(wanted.map((i) => places[i]));
process.disconnect();
