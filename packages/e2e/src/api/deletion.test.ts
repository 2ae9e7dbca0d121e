import { photo } from "@image-pipeline/core/fixture";
import { AwsClient } from "aws4fetch";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { codeOf, type Issuer, startIssuer, startWorld, type World } from "./fixture.ts";

const bytesMax = 100_000;

let world: World;
let issuer: Issuer;
let alice: string;
let bytes: Buffer;
let s3: AwsClient;

beforeAll(async () => {
  issuer = await startIssuer();
  world = await startWorld({ ...issuer.settings, anonymous: true, pendingMax: 0, bytesMax });
  alice = await issuer.token("alice");
  bytes = await photo({ width: 320, height: 240 });
  const { AWS_ACCESS_KEY_ID: accessKeyId = "", AWS_SECRET_ACCESS_KEY: secretAccessKey = "" } = process.env;
  s3 = new AwsClient({ accessKeyId, secretAccessKey, region: "us-east-1", service: "s3", retries: 0 });
});
afterAll(async () => {
  await world.stop();
  await issuer.stop();
});

type Upload = {
  method: string;
  url: string;
  headers?: Record<string, string>;
  fields?: Record<string, string>;
};
type Created = { id: string; source: { key: string }; upload: Upload };

const body = () => new Uint8Array(bytes);
const urlOf = (key: string) => `${process.env.AWS_ENDPOINT_URL_S3}/uploads/${key}`;
const object = async (key: string) => (await s3.fetch(urlOf(key), { method: "HEAD" })).status;

async function announce(method: "PUT" | "POST" = "PUT"): Promise<Created> {
  const json = { filename: "boat.jpg", contentType: "image/jpeg", bytes: bytes.length, method };
  return (await (await world.ask("/images", { json, as: alice })).json()) as Created;
}

async function send({ method, url, headers, fields }: Upload): Promise<number> {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields ?? {})) form.set(name, value);
  form.set("file", new Blob([body()]));
  return (await fetch(url, { method, headers, body: fields ? form : body() })).status;
}

const remove = async (id: string, as = alice, query = "") =>
  codeOf(await world.ask(`/images/${id}${query}`, { method: "DELETE", as }));

async function ready(id: string) {
  const response = await world.ask(`/images/${id}?wait=20`, { as: alice });
  expect(await response.json()).toMatchObject({ id, status: "ready" });
}

/** Opens a multipart upload with its only part sent, and returns its completion. */
async function openInParts(key: string): Promise<() => Promise<number>> {
  const sign = async (json: object) => {
    const response = await world.ask("/uploads/sign", { json: { key, ...json }, as: alice });
    return (await response.json()) as Upload;
  };
  const begun = await fetch((await sign({ method: "POST" })).url, { method: "POST" });
  const uploadId = /<UploadId>([^<]+)/.exec(await begun.text())?.[1] ?? "";
  const part = await sign({ method: "PUT", uploadId, partNumber: 1, bytes: bytes.length });
  const etag = (await fetch(part.url, { method: "PUT", body: body() })).headers.get("etag");
  const { url, headers } = await sign({ method: "POST", uploadId });
  const xml = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${etag}</ETag></Part></CompleteMultipartUpload>`;
  return async () => (await fetch(url, { method: "POST", headers, body: xml })).status;
}

describe("an image that was created and deleted through the API stays deleted", () => {
  test.each<[string, (image: Created) => Promise<() => Promise<number>>]>([
    [
      "the PUT of its upload is sent again",
      async ({ upload }) => {
        await send(upload);
        return () => send(upload);
      },
    ],
    [
      "the PUT of its upload is sent only then",
      async ({ upload }) =>
        () =>
          send(upload),
    ],
    ["a multipart upload is completed", ({ source }) => openInParts(source.key)],
    [
      "an S3 client writes its key",
      async ({ source }) =>
        async () =>
          (await s3.fetch(urlOf(source.key), { method: "PUT", body: body() })).status,
    ],
  ])("when %s", async (_, prepare) => {
    const image = await announce();
    const late = await prepare(image);
    await world.settled();
    expect(await remove(image.id)).toBe("204");
    await world.settled();
    expect(await late()).toBe(200);
    await staysDeleted(image);
  });

  test("when the form of its upload is sent again", async () => {
    const image = await announce("POST");
    expect(await send(image.upload)).toBeLessThan(300);
    await ready(image.id);
    expect(await remove(image.id)).toBe("204");
    await world.settled();
    expect(await send(image.upload)).toBeLessThan(300);
    await staysDeleted(image);
  });

  async function staysDeleted({ id, source: { key } }: Created) {
    await world.settled();
    expect(await codeOf(await world.ask(`/images/${id}`, { as: alice }))).toBe("image_not_found");
    const { Reconcile } = await import("@image-pipeline/core/pipeline/reconcile");
    await Reconcile.stuck();
    await world.settled();
    expect(await object(key)).toBe(404);
    const events = await world.ask(`/images/${id}/events`, { as: alice });
    const { items } = (await events.json()) as { items: { type: string; detail?: object }[] };
    expect(items.slice(-2)).toMatchObject([
      { type: "uploaded", detail: { late: "true" } },
      { type: "deleted" },
    ]);
  }
});

test("an object that an S3 client put under a key of its choice may come back under the same key", async () => {
  const { ID } = await import("@image-pipeline/core/id");
  const key = "any/key.jpg";
  const id = ID.imageIDFromKey("uploads", key);
  for (let time = 1; time <= 2; time++) {
    await s3.fetch(urlOf(key), { method: "PUT", body: body() });
    await expect
      .poll(async () => (await world.ask(`/images/${id}?wait=20`)).status, { timeout: 30_000 })
      .toBe(200);
    expect(await codeOf(await world.ask(`/images/${id}`, { method: "DELETE" }))).toBe("204");
    await world.settled();
    expect(await object(key)).toBe(404);
  }
});

describe("a repeated deletion", () => {
  test("is a 204 as the first one, with its If-Match and as a permanent one", async () => {
    const { id, upload } = await announce();
    await send(upload);
    await ready(id);
    const current = await world.ask(`/images/${id}`, { as: alice });
    const headers = { "if-match": current.headers.get("etag") ?? "" };
    for (let time = 1; time <= 2; time++) {
      const response = await world.ask(`/images/${id}`, { method: "DELETE", as: alice, headers });
      expect(response.status).toBe(204);
    }
    await world.settled();
    expect(await remove(id)).toBe("204");
    expect(await remove(id, alice, "?permanent=true")).toBe("204");
    const events = await world.ask(`/images/${id}/events`, { as: alice });
    const { items } = (await events.json()) as { items: { type: string; detail?: object }[] };
    expect(items.filter(({ type }) => type === "deleting")).toMatchObject([
      {},
      { detail: { permanent: "true" } },
    ]);
  });

  test("is a 404 for another owner, as is the deletion of an unknown image", async () => {
    const bob = await issuer.token("bob");
    const { id } = await announce();
    expect(await remove(id)).toBe("204");
    expect(await remove(id, bob)).toBe("image_not_found");
    expect(await remove(`img_${"0".repeat(26)}`)).toBe("image_not_found");
  });
});

describe("an original of more bytes than accepted", () => {
  const large = new Uint8Array(bytesMax + 1);

  /** Runs the reconciler's jobs, and lets what they send be processed. */
  async function reconcile() {
    const { Reconcile } = await import("@image-pipeline/core/pipeline/reconcile");
    for (const job of [Reconcile.stuck, Reconcile.compare, Reconcile.stuck]) {
      await job();
      await world.settled();
    }
  }

  test("is removed if the API announced the image, which stays rejected", async () => {
    const { id, source } = await announce();
    await s3.fetch(urlOf(source.key), { method: "PUT", body: large });
    await world.settled();
    await reconcile();
    expect(await object(source.key)).toBe(404);
    const image = await (await world.ask(`/images/${id}`, { as: alice })).json();
    expect(image).toMatchObject({ status: "rejected", error: { code: "too_many_bytes" } });
    for (const [method, path] of [
      ["GET", "original"],
      ["POST", "reprocess"],
    ] as const)
      expect(await codeOf(await world.ask(`/images/${id}/${path}`, { method, as: alice }))).toBe(
        "image_not_ready",
      );
    const { items } = (await (await world.ask(`/images/${id}/events`, { as: alice })).json()) as {
      items: { type: string; detail?: object }[];
    };
    expect(items.at(-1)).toMatchObject({ type: "rejected", detail: { discarded: "true" } });
    expect(await remove(id)).toBe("204");
  });

  test("is replaced by an upload that came meanwhile, which is kept", async () => {
    const { id, source } = await announce();
    await s3.fetch(urlOf(source.key), { method: "PUT", body: large });
    await world.settled();
    await s3.fetch(urlOf(source.key), { method: "PUT", body: body() });
    await reconcile();
    await ready(id);
    expect(await object(source.key)).toBe(200);
  });

  test("is kept if an S3 client put it under a key of its choice", async () => {
    await s3.fetch(urlOf("any/large.jpg"), { method: "PUT", body: large });
    await world.settled();
    await reconcile();
    expect(await object("any/large.jpg")).toBe(200);
  });
});
