/** Requests of one image, counted in a run of the deployed bundles: its upload until it is ready, and a new focal point. */
import { type Item, meter, sizeOf } from "../infra/test/capacity.ts";
import { deploy } from "../infra/test/deployed.ts";
import { evaluate } from "../infra/test/graph.ts";
import { ensureInstalled } from "../infra/test/install.ts";
import { bundle } from "../infra/test/platform.ts";
import { indexes } from "../packages/core/src/table/table-schema.ts";

/** DynamoDB capacity units, requests to S3, and bytes of the image's items including their copies in indexes. */
export type Requests = {
  writeUnits: number;
  /** Write units of the rows by which the image is found, which are in `writeUnits`. */
  termUnits: number;
  /** Write units if the indexes of lists projected only what locates an image. */
  narrowWriteUnits: number;
  readUnits: number;
  puts: number;
  gets: number;
  itemBytes: number;
};

/** Creates an image, uploads its bytes, waits until it is ready, moves its focal point, and returns the counts of both. */
export async function count(bytes: Buffer): Promise<{ life: Requests; focus: Requests }> {
  ensureInstalled();
  await bundle("product");
  const cloud = await deploy(await evaluate({ stage: "dev" }));
  try {
    const described = { filename: "IMG_2041.jpg", contentType: "image/jpeg", bytes: bytes.length };
    const announced = await fetch(`${cloud.url}/images`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(described),
    });
    const { id, upload } = await announced.json();
    const { url, method, headers } = upload;
    await fetch(url, { method, headers, body: new Uint8Array(bytes) });
    await cloud.settled();
    const take = () => [cloud.guards.Api, cloud.guards.Processor].flatMap(({ passed }) => passed.splice(0));
    const read = async () => {
      await cloud.settled();
      const image = await (await fetch(`${cloud.url}/images/${id}`)).json();
      if (image.status !== "ready") throw new Error(`The image is ${image.status} instead of ready.`);
      return image;
    };
    const first = await read();
    const uploaded = take();
    await fetch(`${cloud.url}/images/${id}`, {
      method: "PATCH",
      headers: { "content-type": "application/merge-patch+json" },
      body: JSON.stringify({ focus: { x: 0.2, y: 0.2 } }),
    });
    const { variants } = await read();
    if (variants.thumbnail.url === first.variants.thumbnail.url)
      throw new Error("The focal point has not moved the thumbnail.");
    const life = sum(uploaded);
    const both = sum([...uploaded, ...take()]);
    const names = Object.keys(life) as (keyof Requests)[];
    const focus = Object.fromEntries(names.map((name) => [name, both[name] - life[name]])) as Requests;
    return { life, focus };
  } finally {
    await cloud.stop();
  }
}

function sum(passed: { operation: string; body: string }[]): Requests {
  const { see, units } = meter();
  const { projection } = indexes.gsi3;
  const narrow = meter(Object.values(indexes).map((index) => ({ ...index, projection })));
  const terms = meter();
  const rows = new Map<string, Item>();
  let readUnits = 0;
  for (const { operation, body } of passed) {
    if (operation.startsWith("S3 ")) continue;
    see(operation, body);
    narrow.see(operation, body);
    const { Item: item } = JSON.parse(body) as { Item?: Item };
    if (JSON.stringify(item?.__edb_e__) === '{"S":"term"}') terms.see(operation, body);
    if (item) rows.set(JSON.stringify([item.pk, item.sk]), item);
    // One unit per consistent read of up to 4 KB.
    if (/^(GetItem|BatchGetItem|Query)$/.test(operation)) readUnits += 1;
  }
  const timesKept = (item: Item) => 1 + ["gsi1pk", "gsi2pk"].filter((key) => item[key]).length;
  const count = (operation: string) => passed.filter((request) => request.operation === operation).length;
  return {
    writeUnits: units(),
    termUnits: terms.units(),
    narrowWriteUnits: narrow.units(),
    readUnits,
    puts: count("S3 PUT"),
    gets: count("S3 GET") + count("S3 HEAD"),
    itemBytes: [...rows.values()].reduce((all, item) => all + sizeOf(item) * timesKept(item), 0),
  };
}
