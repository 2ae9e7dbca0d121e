/** Images in every state that `export` moves, and what callers see of a stage. */
import { createHash } from "node:crypto";
import { createClient, type Image } from "@image-pipeline/client";
import { photo } from "@image-pipeline/core/fixture";
import { AwsClient } from "aws4fetch";
import { expect } from "vitest";

/** URLs of an embedded cloud: of the API and of S3. */
export type Stage = { url: string; s3Url: string };

/** Fills a stage with images in every state that is moved. */
export async function fill({ url, s3Url }: Pick<Stage, "url" | "s3Url">): Promise<void> {
  const client = createClient({ baseUrl: url });
  const upload = async (seed: number, more: object = {}) => {
    const bytes = await photo({ width: 300 + seed, height: 200 });
    const { id } = await client.upload(new Blob([new Uint8Array(bytes)]), {
      filename: `boat-${seed}.jpg`,
      ...more,
    });
    return client.images.wait(id);
  };
  await upload(1, { title: "A boat", tags: ["sea"], metadata: { album: "42" } });
  await upload(2, { visibility: "private", focus: { x: 0.1, y: 0.2 } });
  const { id } = await upload(3);
  await client.images.update(id, { title: "Changed", alt: "Changed" });
  await client.images.remove((await upload(4)).id);
  await upload(5, { tags: ["sea"] });
  const text = await client.upload(new Blob(["no image"]), {
    filename: "text.jpg",
    contentType: "image/jpeg",
  });
  await client.images.wait(text.id);
  const s3 = new AwsClient({
    accessKeyId: "local",
    secretAccessKey: "local-secret",
    region: "us-east-1",
    service: "s3",
  });
  const direct = await photo({ width: 321, height: 123 });
  await s3.fetch(`${s3Url}/uploads/any/key.jpg`, { method: "PUT", body: new Uint8Array(direct) });
  await expect
    .poll(async () => (await client.images.page({ status: "ready" })).items.length, { timeout: 60_000 })
    .toBe(5);
  // An upload whose file never arrives is not moved.
  await client.request("POST", "/images", {
    body: { filename: "a.jpg", contentType: "image/jpeg", bytes: 1 },
  });
}

/** Everything that callers see of a stage, without what belongs to the stage: URLs' signatures and the time of the import. */
export async function seen(stage: Pick<Stage, "url">) {
  const { images, request, stats } = createClient({ baseUrl: stage.url });
  const found: Image[] = [];
  for await (const image of images.list({ order: "asc" })) found.push(image);
  for await (const image of images.list({ status: "trashed" })) found.push(image);
  const moved = found.filter(({ status }) => status !== "pending");
  const all = await Promise.all(
    moved.map(async ({ updatedAt: _, urlsExpireAt: __, variants = {}, ...image }) => {
      const files = Object.values(variants).flatMap(({ url, formats = {}, widths: _ }) => [
        url,
        ...Object.values(formats).map((format) => format.url),
      ]);
      const hashes = await Promise.all(
        files.map(async (file) => [file.replace(/\?.*/, "").replace(stage.url, ""), await hashOf(file)]),
      );
      const original =
        image.status === "trashed" ? undefined : await hashOf((await images.original(image.id)).url);
      const { key: ___, ...source } = image.source;
      return { ...image, source, events: await images.events(image.id), hashes, original };
    }),
  );
  const tagged = await images.page({ tag: "sea", order: "asc" });
  const words = await images.page({ q: "changed" });
  const [first] = moved;
  const similar = await images.similar(first?.id ?? "", { distance: 10 });
  const { images: census } = await stats();
  return {
    all,
    tagged: tagged.items.map(({ id }) => id),
    words: words.items.map(({ id }) => id),
    similar: similar.items.map(({ image, distance }) => [image.id, distance]),
    census: { ...census, pending: 0 },
    unknown: (await request<{ count: number }>("GET", "/images/count", { query: { status: "ready" } })).count,
  };
}

async function hashOf(url: string): Promise<string> {
  const response = await fetch(url);
  return `${response.status} ${createHash("sha256")
    .update(Buffer.from(await response.arrayBuffer()))
    .digest("hex")}`;
}
