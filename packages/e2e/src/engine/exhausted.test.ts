/** Files that a decoder does not come back from in time, through the whole stack. */

import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { png } from "@image-pipeline/core/engine/fixture-bytes";
import { photo } from "@image-pipeline/core/fixture";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestCloud, type TestCloud } from "../cloud.fixture.ts";

let cloud: TestCloud;
let s3: S3Client;

beforeAll(async () => {
  cloud = await startTestCloud({ anonymous: true, decodeSecondsMax: 1 }, { workers: 1 });
  const { region, credentials, s3Url } = cloud;
  s3 = new S3Client({ endpoint: s3Url, region, credentials, forcePathStyle: true });
});

afterAll(async () => {
  s3?.destroy();
  await cloud?.stop();
});

test("an image that a decoder cannot be stopped in is rejected in its first run, and the next one is ready", async () => {
  // Interlaced: libvips looks at its timeout when the whole image is decoded, which takes several seconds.
  const slow = png(7000, 7000, { depth: 16, color: 6, interlace: 1 });
  await s3.send(new PutObjectCommand({ Bucket: "uploads", Key: "slow.png", Body: slow }));
  await s3.send(
    new PutObjectCommand({
      Bucket: "uploads",
      Key: "next.jpg",
      Body: await photo({ width: 64, height: 48 }),
    }),
  );
  const byKey = async () => {
    const { items } = (await (await fetch(`${cloud.url}/images`)).json()) as { items: Listed[] };
    return Object.fromEntries(items.map((image) => [image.source.key, image]));
  };
  // Not until the queue is empty: the message is in flight for another minute, and then acknowledged.
  await expect
    .poll(
      async () =>
        Object.values(await byKey())
          .map(({ status }) => status)
          .sort(),
      { timeout: 25_000 },
    )
    .toEqual(["ready", "rejected"]);
  const images = await byKey();
  expect(images["next.jpg"]?.status).toBe("ready");
  expect(images["slow.png"]?.error?.code).toBe("too_slow");
  const events = (await (await fetch(`${cloud.url}/images/${images["slow.png"]?.id}/events`)).json()) as {
    items: { type: string; detail?: { attempt?: string } }[];
  };
  const rejected = events.items.find(({ type }) => type === "rejected");
  expect(rejected?.detail?.attempt).toBe("1");
});

type Listed = { id: string; status: string; source: { key: string }; error?: { code: string } };
