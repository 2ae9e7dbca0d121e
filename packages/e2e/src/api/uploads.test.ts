import { randomBytes } from "node:crypto";
import { photo } from "@image-pipeline/core/fixture";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { codeOf, type Issuer, startIssuer, startWorld, type World } from "./fixture.ts";

let world: World;
let issuer: Issuer;
let as: string;
let bytes: Buffer;

beforeAll(async () => {
  issuer = await startIssuer();
  world = await startWorld({ ...issuer.settings, pendingMax: 0 });
  as = await issuer.token("alice");
  bytes = await photo({ width: 400, height: 300 });
});
afterAll(async () => {
  await world.stop();
  await issuer.stop();
});

type Signed = {
  url: string;
  id: string;
  key: string;
  headers?: Record<string, string>;
  fields?: Record<string, string>;
};

const ask = (json: object, who = as) => world.ask("/uploads/sign", { json, as: who });
async function sign(json: object): Promise<Signed> {
  const response = await ask(json);
  expect(response.status).toBe(200);
  return (await response.json()) as Signed;
}
const idOf = (key: string) => key.slice(key.indexOf("/") + 1);

async function statusOf(key: string): Promise<string> {
  const response = await world.ask(`/images/${idOf(key)}?wait=20`, { as });
  return ((await response.json()) as { status: string }).status;
}

/** Sends a file in parts as a client does, and returns the response to its completion. */
async function multipart(key: string, file: Buffer): Promise<number> {
  const create = await sign({ method: "POST", key });
  expect(create.id).toBe(idOf(create.key));
  const xml = await (await fetch(create.url, { method: "POST" })).text();
  const uploadId = /<UploadId>([^<]+)/.exec(xml)?.[1] ?? "";
  const part = await sign({ method: "PUT", key: create.key, uploadId, partNumber: 1, bytes: file.length });
  const sent = await fetch(part.url, { method: "PUT", body: new Uint8Array(file) });
  const list = await fetch((await sign({ method: "GET", key: create.key, uploadId })).url);
  expect(await list.text()).toContain("<PartNumber>1</PartNumber>");
  expect(part.id).toBe(create.id);
  const complete = await sign({ method: "POST", key: create.key, uploadId });
  const etag = sent.headers.get("etag") ?? "";
  const body = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${etag}</ETag></Part></CompleteMultipartUpload>`;
  return (await fetch(complete.url, { method: "POST", headers: complete.headers, body })).status;
}

describe("signing for uploaders", () => {
  const described = {
    ...{ title: "Harbour", alt: "Boats", tags: ["sea"], metadata: { album: "42" } },
    ...{ focus: { x: 0.25, y: 0.5 }, regions: [{ x: 0, y: 0, width: 0.5, height: 0.5, kind: "face" }] },
  };

  test("a new upload takes the fields that describe its image", async () => {
    for (const request of [
      { method: "PUT", contentType: "image/jpeg" },
      { method: "PUT", contentType: "image/jpeg", bytes: 4_000 },
      { method: "POST" },
    ]) {
      const { id } = await sign({ ...request, key: "boat.jpg", ...described });
      expect(await (await world.ask(`/images/${id}`, { as })).json()).toMatchObject(described);
    }
  });

  test("a request that creates no image refuses the fields that describe one", async () => {
    const { key } = await sign({ method: "POST", key: "boat.jpg" });
    for (const request of [{ method: "POST" }, { method: "PUT", uploadId: "u", partNumber: 1, bytes: 9 }]) {
      const response = await ask({ ...request, key, focus: { x: 0.5, y: 0.5 } });
      const problem = await response.json();
      expect(problem).toMatchObject({ code: "invalid_request", detail: expect.stringContaining("`focus`") });
    }
  });

  test("a focal point outside the image is refused by its field", async () => {
    const request = { method: "PUT", key: "a.jpg", contentType: "image/jpeg", focus: { x: 2, y: 0 } };
    expect(await (await ask(request)).json()).toMatchObject({
      ...{ code: "invalid_request", errors: [{ pointer: "/focus/x" }] },
    });
  });

  test("a whole file goes as a form to a key that we chose, under the file's own name", async () => {
    const { url, fields, key } = await sign({
      method: "PUT",
      key: "7d3f7a52-6f0c-4f53-9a54-0a3f6a1f2b11-boat.jpg",
      contentType: "image/jpeg",
    });
    expect(key).toMatch(/^[a-z0-9]{26}\/img_[0-9A-Z]{26}$/);
    const form = new FormData();
    for (const [name, value] of Object.entries(fields ?? {})) form.set(name, value);
    form.set("file", new Blob([new Uint8Array(bytes)]));
    expect((await fetch(url, { method: "POST", body: form })).status).toBe(204);
    expect(await statusOf(key)).toBe("ready");
    const image = await (await world.ask(`/images/${idOf(key)}`, { as })).json();
    expect(image).toMatchObject({ filename: "boat.jpg" });
  });

  test("a form takes nothing over the limit", async () => {
    const { url, fields } = await sign({ method: "PUT", key: "big.png", contentType: "image/png" });
    const form = new FormData();
    for (const [name, value] of Object.entries(fields ?? {})) form.set(name, value);
    form.set("file", new Blob([new Uint8Array(randomBytes(26_214_401))]));
    expect((await fetch(url, { method: "POST", body: form })).status).toBe(400);
  });

  test("a whole file of a known size goes as the body of a PUT, once and with these bytes' number", async () => {
    const json = { method: "PUT", key: "boat.jpg", contentType: "image/jpeg", bytes: bytes.length };
    const { url, headers, fields, key } = await sign(json);
    expect(fields).toBeUndefined();
    const put = async (body: Buffer) =>
      (await fetch(url, { method: "PUT", headers, body: new Uint8Array(body) })).status;
    expect(await put(bytes.subarray(1))).toBe(403);
    expect([await put(bytes), await put(bytes)]).toEqual([200, 412]);
    expect(await statusOf(key)).toBe("ready");
    expect(await codeOf(await ask({ ...json, bytes: 26_214_401 }))).toBe("too_many_bytes");
  });

  test("a file goes in parts, can be listed, and becomes an image", async () => {
    const { key } = await sign({ method: "POST", key: "boat.jpg" });
    expect(await multipart(key, bytes)).toBe(200);
    expect(await statusOf(key)).toBe("ready");
  });

  test("an image that was announced in full takes its bytes in parts, and keeps what was said of it", async () => {
    const json = { filename: "boat.jpg", contentType: "image/jpeg", bytes: bytes.length, title: "A boat" };
    const announced = (await (await world.ask("/images", { json, as })).json()) as {
      source: { key: string };
    };
    const { key } = announced.source;
    expect(await multipart(key, bytes)).toBe(200);
    expect(await statusOf(key)).toBe("ready");
    expect(await (await world.ask(`/images/${idOf(key)}`, { as })).json()).toMatchObject({ title: "A boat" });
    expect(await codeOf(await ask({ method: "POST", key }))).toBe("image_not_ready");
    expect(await codeOf(await ask({ method: "PUT", key, uploadId: "u", partNumber: 1, bytes: 1 }))).toBe(
      "image_not_ready",
    );
  });

  test("an image has one open multipart upload: the next one aborts it, and takes no other's place", async () => {
    const { key } = await sign({ method: "POST", key: "boat.jpg" });
    const open = async () => {
      const { url } = await sign({ method: "POST", key });
      const xml = await (await fetch(url, { method: "POST" })).text();
      const uploadId = /<UploadId>([^<]+)/.exec(xml)?.[1] ?? "";
      const part = await sign({ method: "PUT", key, uploadId, partNumber: 1, bytes: bytes.length });
      const sent = await fetch(part.url, { method: "PUT", body: new Uint8Array(bytes) });
      const { url: end, headers } = await sign({ method: "POST", key, uploadId });
      const body = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${sent.headers.get("etag")}</ETag></Part></CompleteMultipartUpload>`;
      return {
        complete: async () => (await fetch(end, { method: "POST", headers, body })).status,
        // The header is signed: leaving it out does not help.
        completeWithout: async () => (await fetch(end, { method: "POST", body })).status,
      };
    };
    const [first, second] = [await open(), await open()];
    expect(await second.completeWithout()).toBe(403);
    expect(await first.complete()).toBe(404);
    expect(await second.complete()).toBe(200);
  });

  test("a part of another size than was signed is refused", async () => {
    const { url, key } = await sign({ method: "POST", key: "boat.jpg" });
    const uploadId = /<UploadId>([^<]+)/.exec(await (await fetch(url, { method: "POST" })).text())?.[1] ?? "";
    const part = await sign({ method: "PUT", key, uploadId, partNumber: 1, bytes: 10 });
    expect((await fetch(part.url, { method: "PUT", body: new Uint8Array(bytes) })).status).toBe(403);
  });

  test("an upload that was given up can be aborted", async () => {
    const { url, key } = await sign({ method: "POST", key: "boat.jpg" });
    const uploadId = /<UploadId>([^<]+)/.exec(await (await fetch(url, { method: "POST" })).text())?.[1] ?? "";
    expect(
      (await fetch((await sign({ method: "DELETE", key, uploadId })).url, { method: "DELETE" })).status,
    ).toBe(204);
    expect((await fetch((await sign({ method: "GET", key, uploadId })).url)).status).toBe(404);
  });

  test("a signature does not outlive what the stage allows", async () => {
    const { url } = await sign({ method: "POST", key: "boat.jpg", expiresIn: 604_800 });
    expect(new URL(url).searchParams.get("X-Amz-Expires")).toBe("900");
    const short = await sign({ method: "POST", key: "boat.jpg", expiresIn: 60 });
    expect(new URL(short.url).searchParams.get("X-Amz-Expires")).toBe("60");
  });

  test.each<[string, object, string]>([
    ["deleting an object", { method: "DELETE", key: "boat.jpg" }, "forbidden"],
    ["reading an object", { method: "GET", key: "boat.jpg" }, "invalid_request"],
    [
      "a type that is not an image's",
      { method: "PUT", key: "a.html", contentType: "text/html" },
      "unsupported_format",
    ],
    ["no type", { method: "PUT", key: "a.jpg" }, "invalid_request"],
    ["a part without a number", { method: "PUT", key: "k", uploadId: "u" }, "image_not_found"],
    [
      "a key that the API did not create",
      { method: "PUT", key: `default/img_${"0".repeat(26)}`, uploadId: "u", partNumber: 1 },
      "image_not_found",
    ],
    ["a key that is any object's", { method: "GET", key: "any/key.jpg", uploadId: "u" }, "image_not_found"],
    ["an empty key", { method: "POST", key: "" }, "invalid_request"],
    ["an unknown field", { method: "POST", key: "k", acl: "public-read" }, "invalid_request"],
  ])("refuses %s", async (_, json, code) => {
    expect(await codeOf(await ask(json))).toBe(code);
  });

  test("signs no parts that are longer together than the file, in parallel neither, nor one without its length", async () => {
    const size = 12_000_000;
    const json = { filename: "boat.jpg", contentType: "image/jpeg", bytes: size };
    const announced = (await (await world.ask("/images", { json, as })).json()) as {
      source: { key: string };
    };
    const { key } = announced.source;
    const { url } = await sign({ method: "POST", key });
    const uploadId = /<UploadId>([^<]+)/.exec(await (await fetch(url, { method: "POST" })).text())?.[1] ?? "";
    const part = async (partNumber: number, length?: number) =>
      codeOf(await ask({ method: "PUT", key, uploadId, partNumber, bytes: length }));
    expect(await part(1)).toBe("invalid_request");
    expect(await part(1, size + 1)).toBe("too_many_bytes");
    const codes = await Promise.all([1, 2, 3].map((number) => part(number, 5_500_000)));
    expect(codes.toSorted()).toEqual(["200", "200", "too_many_bytes"]);
    // A part that is signed again does not count twice.
    expect(await part(codes.indexOf("200") + 1, 5_500_000)).toBe("200");
    expect(await codeOf(await ask({ method: "POST", key, uploadId: "another" }))).toBe("invalid_request");
  });

  test("makes no object of another size than the file was announced with", async () => {
    const json = { filename: "boat.jpg", contentType: "image/jpeg", bytes: bytes.length + 1 };
    const announced = (await (await world.ask("/images", { json, as })).json()) as {
      source: { key: string };
    };
    expect(await multipart(announced.source.key, bytes)).toBe(400);
  });

  test("refuses more parts than the largest file has", async () => {
    const { key } = await sign({ method: "POST", key: "boat.jpg" });
    const part = (partNumber: number) => ask({ method: "PUT", key, uploadId: "u", partNumber, bytes: 1 });
    expect((await part(5)).status).toBe(200);
    expect(await codeOf(await part(6))).toBe("invalid_request");
    expect(await codeOf(await ask({ method: "PUT", key, uploadId: "u" }))).toBe("invalid_request");
  });
});
