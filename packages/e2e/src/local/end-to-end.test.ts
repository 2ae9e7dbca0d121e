/** The path of an upload over real HTTP, from a user's requests to `npm start`. */
import { createHash } from "node:crypto";
import { DeleteObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { fixtures, photo } from "@image-pipeline/core/fixture";
import type { Image } from "@image-pipeline/core/images/image";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestCloud, type TestCloud } from "../cloud.fixture.ts";

let cloud: TestCloud;
let s3: S3Client;

beforeAll(async () => {
  cloud = await startTestCloud();
  const { region, credentials, s3Url } = cloud;
  s3 = new S3Client({ endpoint: s3Url, region, credentials, forcePathStyle: true });
});

afterAll(async () => {
  s3?.destroy();
  await cloud?.stop();
});

const put = async (Key: string, Body: Buffer) => {
  await s3.send(new PutObjectCommand({ Bucket: "uploads", Key, Body }));
};

async function list(query = ""): Promise<Image.Info[]> {
  const response = await fetch(`${cloud.url}/images${query}`);
  expect(response.status).toBe(200);
  return (await response.json()).items;
}

/** Returns the image of an object key, in its final state. */
async function imageOf(key: string): Promise<Image.Info> {
  await cloud.settled();
  const image = (await list("?limit=100")).find(({ source }) => source.key === key);
  if (!image) throw new Error(`No image of ${key} is listed.`);
  return image;
}

const eventsOf = async (id: string) => {
  const { items } = await (await fetch(`${cloud.url}/images/${id}/events`)).json();
  return items.map(({ type }: { type: string }) => type);
};

const variantsIn = async (id: string) => {
  const { Contents = [] } = await s3.send(
    new ListObjectsV2Command({ Bucket: "processed", Prefix: `${id}/` }),
  );
  return Contents.map(({ Key = "" }) => Key);
};

test("a file put into the bucket becomes a record and four variants that are served for ever", async () => {
  const bytes = await photo({ width: 2400, height: 1600 });
  await put("any/key +é.JPG", bytes);
  const image = await imageOf("any/key +é.JPG");
  expect(image).toMatchObject({
    status: "ready",
    owner: "default",
    source: {
      bytes: bytes.length,
      format: "jpeg",
      width: 2400,
      height: 1600,
      sha256: createHash("sha256").update(bytes).digest("hex"),
    },
    variants: {
      thumbnail: { width: 200, height: 200 },
      small: { width: 480, height: 320 },
      medium: { width: 1080, height: 720 },
      large: { width: 1920, height: 1280 },
    },
  });
  expect(await (await fetch(`${cloud.url}/images/${image.id}`)).json()).toEqual(image);
  expect(await eventsOf(image.id)).toEqual(["uploaded", "ready"]);
  expect(await variantsIn(image.id)).toHaveLength(4);

  for (const variant of Object.values(image.variants ?? {})) {
    expect(variant.url.startsWith(`${cloud.url}/media/${image.id}/`)).toBe(true);
    const response = await fetch(variant.url);
    expect(response.status).toBe(200);
    expect((await response.arrayBuffer()).byteLength).toBe(variant.bytes);
    expect(response.headers.get("content-type")).toBe(variant.contentType);
    expect(response.headers.get("cache-control")).toBe(
      "public, max-age=31536000, s-maxage=604800, immutable",
    );
    const etag = response.headers.get("etag") ?? "";
    const again = await fetch(variant.url, { headers: { "if-none-match": etag } });
    expect([etag.length > 2, again.status]).toEqual([true, 304]);
  }
});

test("a picture too small to be reduced gives every variant the same bytes, each stored whole", async () => {
  await put("tiny.png", await photo({ width: 3, height: 3 }));
  const { variants = {} } = await imageOf("tiny.png");
  const sizes = Object.values(variants).map(async ({ url, bytes }) => {
    const { byteLength } = await (await fetch(url)).arrayBuffer();
    return [byteLength > 0, byteLength === bytes];
  });
  expect(await Promise.all(sizes)).toEqual(Array(4).fill([true, true]));
});

test("an announced upload ends the same way, under the id that was announced", async () => {
  const bytes = await fixtures["alpha.png"]();
  const announced = await fetch(`${cloud.url}/images`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ filename: "a.png", contentType: "image/png", bytes: bytes.length, title: "A" }),
  });
  expect(announced.status).toBe(201);
  const { id, status, upload } = await announced.json();
  expect(status).toBe("pending");
  const { method, url, headers } = upload;
  const uploaded = await fetch(url, { method, headers, body: new Uint8Array(bytes) });
  expect(uploaded.status).toBe(200);
  const image = await (await fetch(`${cloud.url}/images/${id}?wait=20`)).json();
  expect(image).toMatchObject({
    id,
    status: "ready",
    title: "A",
    filename: "a.png",
    source: { format: "png" },
  });
  expect(await eventsOf(id)).toEqual(["announced", "uploaded", "ready"]);
  expect((await fetch(url, { method, headers, body: new Uint8Array(bytes) })).status).toBe(412);
});

describe("a bad file", () => {
  test.each([
    ["empty.jpg", "empty_file"],
    ["text.jpg", "unsupported_format"],
    ["truncated.jpg", "corrupt_image"],
    ["svg.png", "unsupported_format"],
  ] as const)("%s is rejected as %s, and the next good one goes through", async (name, code) => {
    await put(`bad/${name}`, await fixtures[name]());
    await put(`good/after-${name}`, await fixtures["photo.jpg"]());
    const image = await imageOf(`bad/${name}`);
    expect(image).toMatchObject({ status: "rejected", error: { code } });
    expect(image.variants ?? {}).toEqual({});
    expect(await variantsIn(image.id)).toEqual([]);
    expect(await eventsOf(image.id)).toEqual(["uploaded", "rejected"]);
    expect((await imageOf(`good/after-${name}`)).status).toBe("ready");
  });
});

test("what is overwritten is the same image with other variants; the older stay readable for a while", async () => {
  await put("twice.jpg", await photo({ width: 600, height: 400 }));
  const before = await imageOf("twice.jpg");
  await put("twice.jpg", await photo({ width: 500, height: 500 }));
  const after = await imageOf("twice.jpg");
  expect(after).toMatchObject({ id: before.id, status: "ready", source: { width: 500, height: 500 } });
  const [old, young] = [before, after].map(({ variants }) => variants?.thumbnail?.url ?? "");
  expect(old).not.toBe(young);
  expect((await fetch(old ?? "")).status).toBe(200);
  expect((await fetch(young ?? "")).status).toBe(200);
});

test("what is removed from the bucket is in no list any more, and its files are gone", async () => {
  await put("removed.jpg", await fixtures["photo.jpg"]());
  const { id } = await imageOf("removed.jpg");
  await s3.send(new DeleteObjectCommand({ Bucket: "uploads", Key: "removed.jpg" }));
  await cloud.settled();
  expect((await fetch(`${cloud.url}/images/${id}`)).status).toBe(404);
  expect((await list("?limit=100")).some((image) => image.id === id)).toBe(false);
  expect(await variantsIn(id)).toEqual([]);
  expect(await eventsOf(id)).toEqual(["uploaded", "ready", "deleted"]);
});

test("what is deleted by the API is gone from both buckets, its history kept", async () => {
  await put("deleted.jpg", await fixtures["photo.jpg"]());
  const { id } = await imageOf("deleted.jpg");
  expect((await fetch(`${cloud.url}/images/${id}`, { method: "DELETE" })).status).toBe(204);
  await cloud.settled();
  expect((await fetch(`${cloud.url}/images/${id}`)).status).toBe(404);
  expect(await variantsIn(id)).toEqual([]);
  const { Contents = [] } = await s3.send(
    new ListObjectsV2Command({ Bucket: "uploads", Prefix: "deleted.jpg" }),
  );
  expect(Contents).toEqual([]);
  expect(await eventsOf(id)).toEqual(["uploaded", "ready", "deleting", "deleted"]);
});

test("a second cloud in the same process is refused", async () => {
  const again = startTestCloud();
  await expect(again).rejects.toThrow("Start another one in another process");
});
