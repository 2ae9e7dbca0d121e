import { photo } from "@image-pipeline/core/fixture";
import type { Image } from "@image-pipeline/core/images/image";
import type { ImageRecord } from "@image-pipeline/core/table/image-entity";
import { AwsClient } from "aws4fetch";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { codeOf, startWorld, type World } from "./fixture.ts";

const dayMs = 86_400_000;

let world: World;
let s3: AwsClient;

beforeAll(async () => {
  world = await startWorld({ anonymous: true, pendingMax: 0, trashDays: 7 });
  const { AWS_ACCESS_KEY_ID: accessKeyId = "", AWS_SECRET_ACCESS_KEY: secretAccessKey = "" } = process.env;
  s3 = new AwsClient({ accessKeyId, secretAccessKey, region: "us-east-1", service: "s3", retries: 0 });
});
afterAll(async () => {
  await world.stop();
});

const get = async (path: string) => (await world.ask(path)).json();
const look = async (id: string) => (await get(`/images/${id}`)) as Image.Info;
const remove = async (id: string, query = "", headers = {}) =>
  codeOf(await world.ask(`/images/${id}${query}`, { method: "DELETE", headers }));
const restore = async (id: string) =>
  (await (await world.ask(`/images/${id}/restore`, { method: "POST" })).json()) as Image.Info;
const object = async (bucket: string, key: string) =>
  (await s3.fetch(`${process.env.AWS_ENDPOINT_URL_S3}/${bucket}/${key}`, { method: "HEAD" })).status;
const idsIn = async (path: string) =>
  ((await get(path)) as { items: { id: string }[] }).items.map(({ id }) => id);
const typesOf = async (id: string) =>
  ((await get(`/images/${id}/events`)) as { items: { type: string }[] }).items.map(({ type }) => type);

let seed = 0;

/** Uploads another photo each time, and returns the `ready` image. */
async function upload(fields: Record<string, string> = {}): Promise<Image.Info> {
  const form = new FormData();
  const bytes = await photo({ width: 320, height: 240, seed: ++seed });
  form.set("file", new Blob([new Uint8Array(bytes)], { type: "image/jpeg" }), "boat.jpg");
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  const created = await fetch(`${world.url}/images`, { method: "POST", body: form });
  const { id } = (await created.json()) as { id: string };
  const image = (await get(`/images/${id}?wait=20`)) as Image.Info;
  expect(image.status).toBe("ready");
  return image;
}

/** Runs the reconciler as if `ms` more had passed: signatures do not allow another clock, so that the record is aged. */
async function later(id: string, ms: number): Promise<void> {
  const { Reconcile } = await import("@image-pipeline/core/pipeline/reconcile");
  const { read, write } = await import("@image-pipeline/core/records/record");
  const record = (await read(id)) as ImageRecord;
  const { version: _, dueAt, revoked, trash, ...kept } = record;
  const aged = (at: string) => new Date(Date.parse(at) - ms).toISOString();
  await write(record, {
    ...kept,
    dueAt: dueAt && aged(dueAt),
    revoked: revoked && { ...revoked, until: aged(revoked.until) },
    trash: trash && { ...trash, until: aged(trash.until) },
  });
  await Reconcile.stuck();
  await world.settled();
}

const filesOf = ({ variants = {} }: Image.Info) => Object.values(variants).map(({ url }) => url);

describe("a deleted image", () => {
  test("is in the trash: shown by its id, in no list but that of the trash, and not served", async () => {
    const image = await upload({ title: "Regatta", tags: "sea" });
    const { id, source } = image;
    const files = filesOf(image);
    expect(await Promise.all(files.map(async (url) => (await fetch(url)).status))).toEqual(
      files.map(() => 200),
    );
    expect(await remove(id)).toBe("204");
    await world.settled();
    const trashed = await look(id);
    expect(trashed).toMatchObject({ id, status: "trashed", title: "Regatta", tags: ["sea"] });
    expect(trashed).not.toHaveProperty("variants");
    const { at = "", until = "" } = trashed.trash ?? {};
    expect(Date.parse(until) - Date.parse(at)).toBe(7 * dayMs);
    for (const list of [
      "/images",
      "/images?owner=default",
      "/images?tag=sea&owner=default",
      "/images?q=regatta&owner=default",
      "/images?orderBy=takenAt&owner=default",
    ])
      expect(await idsIn(list)).not.toContain(id);
    expect(await idsIn("/images?owner=default&status=trashed")).toContain(id);
    expect(await idsIn("/images?owner=default&status=trashed&tag=sea")).toEqual([id]);
    expect(await idsIn(`/images?id=${id}`)).toEqual([id]);
    expect(await get("/images/count?owner=default&tag=sea")).toMatchObject({ count: 0 });
    expect(await Promise.all(files.map(async (url) => (await fetch(url)).status))).toEqual(
      files.map(() => 404),
    );
    expect(await object("uploads", source.key)).toBe(200);
  });

  test("is not edited, reprocessed or downloaded while it is in the trash", async () => {
    const { id } = await upload();
    expect(await remove(id)).toBe("204");
    const changed = await world.ask(`/images/${id}`, { method: "PATCH", json: { title: "x" } });
    expect([changed.status, await codeOf(changed)]).toEqual([409, "image_trashed"]);
    expect(await codeOf(await world.ask(`/images/${id}/reprocess`, { method: "POST" }))).toBe(
      "image_trashed",
    );
    expect(await codeOf(await world.ask(`/images/${id}/original`))).toBe("image_trashed");
  });

  test("may be deleted again, with the If-Match of the first request", async () => {
    const { id, version } = await upload();
    const headers = { "if-match": `W/"v${version}"` };
    expect(await remove(id, "", headers)).toBe("204");
    expect(await remove(id, "", headers)).toBe("204");
    expect(await look(id)).toMatchObject({ status: "trashed" });
    expect(await typesOf(id)).toEqual(["announced", "uploaded", "ready", "trashed"]);
  });

  test("is restored with its fields, its original and new files, once", async () => {
    const image = await upload({ title: "Regatta", alt: "Boats", tags: "wind" });
    const { id, source } = image;
    await remove(id);
    await world.settled();
    expect(await restore(id)).toMatchObject({ status: "pending", title: "Regatta" });
    const again = await restore(id);
    expect(["pending", "processing", "ready"]).toContain(again.status);
    const restored = (await get(`/images/${id}?wait=20`)) as Image.Info;
    expect(restored).toMatchObject({ status: "ready", title: "Regatta", alt: "Boats", tags: ["wind"] });
    expect(restored.source).toEqual(source);
    expect(restored).not.toHaveProperty("trash");
    for (const url of filesOf(restored)) {
      expect(filesOf(image)).not.toContain(url);
      expect((await fetch(url)).status).toBe(200);
    }
    expect(await idsIn("/images?owner=default&tag=wind")).toEqual([id]);
    expect(await typesOf(id)).toEqual(["announced", "uploaded", "ready", "trashed", "restored", "ready"]);
    // The reconciler's look for files of fenced workers leaves those of the new attempt.
    await later(id, 1_000_000);
    for (const url of filesOf(restored)) expect((await fetch(url)).status).toBe(200);
  });

  test("is deleted when its days are over, and stays deleted", async () => {
    const { id, source } = await upload();
    await remove(id);
    await world.settled();
    await later(id, 7 * dayMs - 60_000);
    expect(await look(id)).toMatchObject({ status: "trashed" });
    await later(id, 60_000);
    expect(await codeOf(await world.ask(`/images/${id}`))).toBe("image_not_found");
    expect(await object("uploads", source.key)).toBe(404);
    expect(await codeOf(await world.ask(`/images/${id}/restore`, { method: "POST" }))).toBe(
      "image_not_found",
    );
    expect((await typesOf(id)).slice(-3)).toEqual(["trashed", "deleting", "deleted"]);
  });

  test("is deleted at once with permanent, in the trash or not", async () => {
    for (const before of [undefined, "trash"]) {
      const { id, source } = await upload();
      if (before) await remove(id);
      expect(await remove(id, "?permanent=true")).toBe("204");
      await world.settled();
      expect(await codeOf(await world.ask(`/images/${id}`))).toBe("image_not_found");
      expect(await object("uploads", source.key)).toBe(404);
    }
  });

  test("has no file that a fenced worker writes after that", async () => {
    const image = await upload();
    const { id } = image;
    await remove(id);
    await world.settled();
    const { Storage } = await import("@image-pipeline/core/aws/storage");
    const strays = [
      `${id}/1-00000000aaaaaaaa/large.webp`,
      `private/default/${id}/1-00000000aaaaaaaa/large.webp`,
    ];
    for (const key of strays) await Storage.writeVariant(key, Buffer.from("late"), "image/webp");
    await later(id, 1_000_000);
    expect(await Promise.all(strays.map((key) => object("processed", key)))).toEqual([404, 404]);
    const { read } = await import("@image-pipeline/core/records/record");
    const record = (await read(id)) as ImageRecord;
    expect(record).toMatchObject({ status: "trashed" });
    expect(record.revoked).toBeUndefined();
  });
});

test("an upload that was deleted before its file came waits in the trash, and continues once it is restored", async () => {
  const bytes = new Uint8Array(await photo({ width: 320, height: 240, seed: 99 }));
  const json = { filename: "late.jpg", contentType: "image/jpeg", bytes: bytes.length, title: "Late" };
  const created = (await (await world.ask("/images", { json })).json()) as Image.Info & {
    upload: { url: string; headers: Record<string, string> };
  };
  const { id, upload } = created;
  await remove(id);
  await world.settled();
  expect(await look(id)).toMatchObject({ status: "trashed", title: "Late" });
  expect(await restore(id)).toMatchObject({ status: "pending" });
  await remove(id);
  expect((await fetch(upload.url, { method: "PUT", headers: upload.headers, body: bytes })).status).toBe(200);
  await world.settled();
  expect(await look(id)).toMatchObject({ status: "trashed" });
  await restore(id);
  expect(await get(`/images/${id}?wait=20`)).toMatchObject({ status: "ready", title: "Late" });
});

test("an original that an S3 client removes is deleted from the trash", async () => {
  const { id, source } = await upload();
  await remove(id);
  await world.settled();
  await s3.fetch(`${process.env.AWS_ENDPOINT_URL_S3}/uploads/${source.key}`, { method: "DELETE" });
  await world.settled();
  expect(await codeOf(await world.ask(`/images/${id}`))).toBe("image_not_found");
});

test("the counters and the doctor know the trash", async () => {
  const { id } = await upload();
  const json = { filename: "late.jpg", contentType: "image/jpeg", bytes: 9 };
  const unsent = (await (await world.ask("/images", { json })).json()) as Image.Info;
  for (const each of [id, unsent.id]) await remove(each);
  await world.settled();
  const { images } = (await get("/stats")) as { images: { trashed: number } };
  expect(images.trashed).toBeGreaterThan(0);
  const { Doctor } = await import("@image-pipeline/core/pipeline/doctor");
  const found = [];
  for await (const { findings } of Doctor.inspect(0))
    found.push(...findings.filter(({ imageID }) => imageID === id || imageID === unsent.id));
  expect(found).toEqual([]);
  const { Reconcile } = await import("@image-pipeline/core/pipeline/reconcile");
  await Reconcile.compare();
  await world.settled();
  for (const each of [id, unsent.id]) expect(await look(each)).toMatchObject({ status: "trashed" });
  expect(((await get("/stats")) as { images: { trashed: number } }).images.trashed).toBe(images.trashed);
});
