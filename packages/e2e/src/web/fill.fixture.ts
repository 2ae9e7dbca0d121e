/** Fills a table with ready images without processing each of them. */
import type { Client } from "@image-pipeline/client";
import { scene } from "./scenes.ts";

/** Writes `count` ready images, a minute apart: `pictures` of them are processed, the others are copies of their records. */
export async function fill({ upload }: Client, count: number, pictures = 8): Promise<void> {
  // Imported late: these modules read where the cloud is when they are loaded.
  const { ImageEntity } = await import("@image-pipeline/core/table/image-entity");
  const { readMany } = await import("@image-pipeline/core/records/record");
  const { createImageID } = await import("@image-pipeline/core/id");
  const ids = [];
  for (let seed = 0; seed < pictures; seed++) {
    const file = new File([new Uint8Array(await scene(seed))], `IMG_${seed}.jpg`, { type: "image/jpeg" });
    ids.push((await upload(file)).id);
  }
  const made = await readMany(ids);
  const now = Date.now();
  const records = Array.from({ length: count - made.length }, (_, i) => {
    const imageID = createImageID();
    const model = made[i % made.length];
    if (!model) throw new Error("No image was processed.");
    const createdAt = new Date(now - (i + 1) * 60_000).toISOString();
    return { ...model, imageID, createdAt, filename: `IMG_${i}.jpg` };
  });
  const { unprocessed } = await ImageEntity.put(records).go({ concurrent: 4 });
  if (unprocessed.length > 0) throw new Error(`DynamoDB left ${unprocessed.length} records unwritten.`);
}
