import { createClient, type Image } from "@image-pipeline/client";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { codeOf, startWorld, type World } from "./fixture.ts";

let world: World;
let client: ReturnType<typeof createClient>;

beforeAll(async () => {
  world = await startWorld({ anonymous: true });
  client = createClient({ baseUrl: world.url });
}, 60_000);
afterAll(() => world.stop());

/** A wide picture in which red grows from left to right, so that a crop tells its place. */
async function ramp(): Promise<Uint8Array<ArrayBuffer>> {
  const [width, height] = [900, 300];
  const pixels = Buffer.alloc(width * height * 3, 60);
  for (let at = 0; at < width * height; at++) pixels[at * 3] = (255 * (at % width)) / (width - 1);
  const png = await sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
  return new Uint8Array(png);
}

async function add(described: Pick<Image, "focus" | "regions"> = {}): Promise<Image> {
  const file = new File([await ramp()], "ramp.png", { type: "image/png" });
  return client.images.wait((await client.upload(file, described)).id);
}

/** The place of a variant's middle in the picture, 0 to 1 from the left. */
async function placeOf(url = ""): Promise<number> {
  const bytes = Buffer.from(await (await fetch(url)).arrayBuffer());
  const { data, info } = await sharp(bytes).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const at = (Math.floor(info.height / 2) * info.width + Math.floor(info.width / 2)) * info.channels;
  return (data[at] ?? 0) / 255;
}

const thumbnailOf = ({ variants }: Image) => variants?.thumbnail?.url;
const othersOf = ({ variants }: Image) => [variants?.small?.url, variants?.medium?.url, variants?.large?.url];

test("the thumbnail shows the focal point, and a new one changes the thumbnail alone", async () => {
  const before = await add({ focus: { x: 0.25, y: 0.5 } });
  expect(before.focus).toEqual({ x: 0.25, y: 0.5 });
  expect(await placeOf(thumbnailOf(before))).toBeCloseTo(0.25, 1);

  const changed = await client.images.update(
    before.id,
    { focus: { x: 0.75, y: 0.5 } },
    { version: before.version },
  );
  expect(changed.status).toBe("pending");
  // The old variants stay until the new one exists.
  expect(thumbnailOf(changed)).toBe(thumbnailOf(before));
  const after = await client.images.wait(before.id);
  expect(await placeOf(thumbnailOf(after))).toBeCloseTo(0.75, 1);
  expect(othersOf(after)).toEqual(othersOf(before));
  expect(othersOf(after)).not.toContain(undefined);
  // A client that holds the old response can still show it.
  expect(await placeOf(thumbnailOf(before))).toBeCloseTo(0.25, 1);
  expect({ ...after.source, ...after.placeholder }).toEqual({ ...before.source, ...before.placeholder });
  expect((await client.images.events(before.id)).map(({ type }) => type)).toEqual([
    ...["announced", "uploaded", "ready"],
    ...["updated", "ready"],
  ]);

  await client.images.remove(before.id);
  await world.settled();
  for (const url of [thumbnailOf(before), thumbnailOf(after), ...othersOf(after)])
    expect((await fetch(url ?? "")).ok).toBe(false);
});

test("without a focal point the thumbnail shows the regions", async () => {
  const regions = [{ x: 0.7, y: 0.2, width: 0.1, height: 0.3, kind: "face" }];
  const image = await add({ regions });
  expect(image.regions).toEqual(regions);
  expect(await placeOf(thumbnailOf(image))).toBeCloseTo(0.75, 1);
  await client.images.update(image.id, { focus: { x: 0.3, y: 0.5 } });
  expect(await placeOf(thumbnailOf(await client.images.wait(image.id)))).toBeCloseTo(0.3, 1);
  const { focus } = await client.images.update(image.id, { focus: null });
  expect(focus).toBeUndefined();
  expect(await placeOf(thumbnailOf(await client.images.wait(image.id)))).toBeCloseTo(0.75, 1);
});

test("a change that crops alike processes nothing", async () => {
  const image = await add({ focus: { x: 0.5, y: 0.5 } });
  const regions = [{ x: 0, y: 0, width: 0.1, height: 0.1 }];
  for (const changes of [
    { focus: { x: 0.5, y: 0.5 } },
    { focus: { x: 0.50001, y: 0.5 } },
    { regions },
    { title: "Ramp" },
  ]) {
    const { status, variants } = await client.images.update(image.id, changes);
    expect({ status, variants }).toEqual({ status: "ready", variants: image.variants });
  }
});

test("a focus for another version is refused", async () => {
  const { id, version } = await add();
  await client.images.update(id, { title: "Another version" });
  await expect(client.images.update(id, { focus: { x: 0, y: 0 } }, { version })).rejects.toMatchObject({
    code: "version_conflict",
  });
  expect((await client.images.get(id)).focus).toBeUndefined();
});

const region = { x: 0, y: 0, width: 0.5, height: 0.5 };

test.each([
  ["/focus/x", { focus: { x: 1.5, y: 0 } }],
  ["/focus/y", { focus: { x: 0, y: -0.1 } }],
  ["/focus/y", { focus: { x: 0 } }],
  ["/focus/x", { focus: { x: "0.5", y: 0 } }],
  ["/focus/z", { focus: { x: 0, y: 0, z: 0 } }],
  ["/regions/1/width", { regions: [region, { ...region, width: 2 }] }],
  ["/regions/0", { regions: [{ ...region, x: 0.6 }] }],
  ["/regions/0", { regions: [{ ...region, height: 0 }] }],
  ["/regions/0/kind", { regions: [{ ...region, kind: "A face" }] }],
  ["/regions", { regions: Array.from({ length: 21 }, () => region) }],
])("refuses a fault at %s", async (pointer, fields) => {
  const upload = { filename: "a.png", contentType: "image/png", bytes: 9, ...fields };
  const response = await world.ask("/images", { json: upload });
  expect(await codeOf(response.clone())).toBe("invalid_request");
  expect(
    ((await response.json()) as { errors: { pointer: string }[] }).errors.map((fault) => fault.pointer),
  ).toEqual([pointer]);
});

test("stores numbers that the table would refuse, rounded", async () => {
  const upload = { filename: "a.png", contentType: "image/png", bytes: 9, focus: { x: 5e-324, y: 0.123456 } };
  const response = await world.ask("/images", { json: upload });
  expect(response.status).toBe(201);
  expect(((await response.json()) as Image).focus).toEqual({ x: 0, y: 0.1235 });
});
