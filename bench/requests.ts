/** Requests of one image, counted in a run of the deployed bundles: its upload until it is ready, a new focal point, the trash and a restore, and a delivery to a webhook. */

import { once } from "node:events";
import type { RequestListener } from "node:http";
import { PassThrough } from "node:stream";
import { type Item, meter, sizeOf } from "../infra/test/capacity.ts";
import { type Deployment, deploy, onInternet } from "../infra/test/deployed.ts";
import { evaluate } from "../infra/test/graph.ts";
import { ensureInstalled } from "../infra/test/install.ts";
import { bundle } from "../infra/test/platform.ts";
import { internet } from "../packages/core/src/egress/fixture-internet.ts";
import { indexes } from "../packages/core/src/table/table-schema.ts";

/** DynamoDB capacity units, requests to S3, and bytes of the image's items including their copies in indexes. */
export type Requests = {
  writeUnits: number;
  /** Write units of the rows by which the image is found, which are in `writeUnits`. */
  termUnits: number;
  /** Write units if the indexes of lists projected only what locates an image. */
  narrowWriteUnits: number;
  /** Write units of the index of changes, which are in `writeUnits`. */
  changeUnits: number;
  readUnits: number;
  puts: number;
  gets: number;
  itemBytes: number;
};

/** DynamoDB capacity units and bytes of one delivery to a webhook that succeeds at once. */
export type Delivery = { writeUnits: number; readUnits: number; bodyBytes: number };

/** The counts of `count`: of each step alone. */
export type Counts = {
  life: Requests;
  focus: Requests;
  trash: Requests;
  restore: Requests;
  delivery: Delivery;
};

/**
 * Creates an image, uploads its bytes, waits until it is ready, moves its focal point, puts it into the trash, restores it,
 * and changes it with a webhook.
 */
export async function count(bytes: Buffer): Promise<Counts> {
  ensureInstalled();
  await bundle("product");
  const received = new PassThrough();
  const receiver = await internet({}, receive(received));
  const variables = { Sender: await onInternet(receiver) };
  const cloud = await deploy(await evaluate({ stage: "dev" }), "product", variables);
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
    // Counted together, because what a write costs depends on what was there.
    let [all, counted] = [uploaded, life];
    const next = (): Requests => {
      all = [...all, ...take()];
      const [before, after] = [counted, sum(all)];
      counted = after;
      const names = Object.keys(after) as (keyof Requests)[];
      return Object.fromEntries(names.map((name) => [name, after[name] - before[name]])) as Requests;
    };
    const focus = next();
    await fetch(`${cloud.url}/images/${id}`, { method: "DELETE" });
    await cloud.settled();
    const trash = next();
    await fetch(`${cloud.url}/images/${id}/restore`, { method: "POST" });
    await read();
    const restore = next();
    return { life, focus, trash, restore, delivery: await countDelivery(cloud, id, received) };
  } finally {
    receiver.close();
    await cloud.stop();
  }
}

/** Receives messages, and writes the size of each body in bytes. */
const receive =
  (sizes: PassThrough): RequestListener =>
  async (request, response) => {
    const { length } = Buffer.concat(await request.toArray());
    response.writeHead(204).end();
    sizes.write(String(length));
  };

/** Changes an image of an owner without a webhook and then with one, and returns the difference. */
async function countDelivery(cloud: Deployment, image: string, received: PassThrough): Promise<Delivery> {
  const { url, guards } = cloud;
  const ask = (method: string, path: string, body: object) =>
    fetch(url + path, {
      method,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  const change = async (title: string) => {
    const starts = [guards.Api, guards.Sender].map(({ passed }) => ({ passed, start: passed.length }));
    await ask("PATCH", `/images/${image}`, { title });
    return () => sum(starts.flatMap(({ passed, start }) => passed.slice(start)));
  };
  // So that each counted change replaces one word of the title.
  await change("Zero");
  const without = (await change("First"))();
  const subscription = { url: "https://images.example/hook", events: ["image.updated"] };
  const { id } = (await (await ask("POST", "/webhooks", subscription)).json()) as { id: string };
  const path = `${url}/webhooks/${id}/deliveries?status=delivered`;
  const isDelivered = async (count: number) => {
    while (((await (await fetch(path)).json()) as { items: [] }).items.length < count);
  };
  // The first message goes through the queue of slow receivers.
  await change("Before");
  await once(received, "data");
  await isDelivered(1);
  const sized = once(received, "data");
  const counted = await change("Again");
  const [size] = await sized;
  const before = guards.Api.passed.length;
  await isDelivered(2);
  guards.Api.passed.splice(before);
  const withOne = counted();
  return {
    writeUnits: withOne.writeUnits - without.writeUnits,
    readUnits: withOne.readUnits - without.readUnits,
    bodyBytes: Number(size),
  };
}

function sum(passed: { operation: string; body: string }[]): Requests {
  const { see, units } = meter();
  const { projection } = indexes.gsi3;
  const narrow = meter(Object.values(indexes).map((index) => ({ ...index, projection })));
  const { gsi6: _, ...others } = indexes;
  const unchanging = meter(Object.values(others));
  const terms = meter();
  const rows = new Map<string, Item>();
  let readUnits = 0;
  for (const { operation, body } of passed) {
    if (operation.startsWith("S3 ")) continue;
    see(operation, body);
    narrow.see(operation, body);
    unchanging.see(operation, body);
    const { Item: item } = JSON.parse(body) as { Item?: Item };
    if (JSON.stringify(item?.__edb_e__) === '{"S":"term"}') terms.see(operation, body);
    if (item) rows.set(JSON.stringify([item.pk, item.sk]), item);
    // One unit per consistent read of up to 4 KB, half a unit per other one.
    if (/^(GetItem|BatchGetItem|Query)$/.test(operation))
      readUnits += /"ConsistentRead":true/.test(body) ? 1 : 0.5;
  }
  const timesKept = (item: Item) => 1 + ["gsi1pk", "gsi2pk"].filter((key) => item[key]).length;
  const count = (operation: string) => passed.filter((request) => request.operation === operation).length;
  return {
    writeUnits: units(),
    termUnits: terms.units(),
    narrowWriteUnits: narrow.units(),
    changeUnits: units() - unchanging.units(),
    readUnits,
    puts: count("S3 PUT"),
    gets: count("S3 GET") + count("S3 HEAD"),
    itemBytes: [...rows.values()].reduce((all, item) => all + sizeOf(item) * timesKept(item), 0),
  };
}
