import type { Image } from "@image-pipeline/core/images/image";
import type { ImageRecord } from "@image-pipeline/core/table/image-entity";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { codeOf, startWorld, type World } from "./fixture.ts";

const dayMs = 86_400_000;

let world: World;

beforeAll(async () => {
  world = await startWorld({ anonymous: true, pendingMax: 0, trashDays: 7, egressLoopback: true });
});
afterAll(async () => {
  await world.stop();
});

const file = { filename: "boat.jpg", contentType: "image/jpeg", bytes: 5 };
const from = (ms: number) => new Date(Date.now() + ms).toISOString();
const whole = (time: string) => `${time.slice(0, 19)}Z`;
const create = (json: object) => world.ask("/images", { json: { ...file, ...json } });
const created = async (json: object) => (await (await create(json)).json()) as Image.Info;
const look = async (id: string) => (await (await world.ask(`/images/${id}`)).json()) as Image.Info;
const patch = (id: string, json: object) => world.ask(`/images/${id}`, { method: "PATCH", json });

/** Sets the expiry of an image back to a time that is over. */
async function age(id: string): Promise<void> {
  const { read, write } = await import("@image-pipeline/core/records/record");
  const record = (await read(id)) as ImageRecord;
  const { version: _, ...draft } = record;
  await write(record, { ...draft, deleteAt: from(-1) });
}

const idsIn = async (path: string) =>
  ((await (await world.ask(path)).json()) as { items: { id: string }[] }).items.map(({ id }) => id);

test.each([
  ["in the past", from(-1000)],
  ["in more than ten years", from(3_660 * dayMs)],
  ["in ten thousand years", "+012026-01-01T00:00:00Z"],
  ["of a year with five digits", "12026-01-01T00:00:00Z"],
  ["without an offset", "2030-01-01T00:00:00"],
  ["that is no time", "tomorrow"],
])("an expiry %s is refused, and nothing is created or changed", async (_, expiresAt) => {
  const response = await create({ expiresAt });
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({
    code: "invalid_request",
    errors: [{ pointer: "/expiresAt" }],
  });
  const { id, version } = await created({});
  expect(await codeOf(await patch(id, { expiresAt }))).toBe("invalid_request");
  expect(await look(id)).toMatchObject({ version });
});

describe("an expiry", () => {
  test("is set when an image is created, by JSON, a form, a signed upload and an import", async () => {
    const expiresAt = from(dayMs);
    const form = new FormData();
    form.set("file", new Blob(["bytes"], { type: "image/jpeg" }), "boat.jpg");
    form.set("expiresAt", expiresAt);
    const sign = { method: "PUT", key: "a.jpg", contentType: "image/jpeg", bytes: 5, expiresAt };
    const imported = { from: { url: `${world.url}/none.jpg` }, expiresAt };
    const responses = [
      await create({ expiresAt }),
      await fetch(`${world.url}/images`, { method: "POST", body: form }),
      await world.ask("/uploads/sign", { json: sign }),
      await world.ask("/images", { json: imported }),
    ];
    for (const response of responses) {
      const { id } = (await response.json()) as { id: string };
      expect(await look(id)).toMatchObject({ expiresAt: whole(expiresAt) });
    }
  });

  test("is changed and removed by PATCH, and survives other changes and the trash", async () => {
    const { id } = await created({});
    const [first, second] = [from(dayMs), from(2 * dayMs)];
    expect(await (await patch(id, { expiresAt: first })).json()).toMatchObject({ expiresAt: whole(first) });
    await patch(id, { title: "Boat" });
    await world.ask(`/images/${id}`, { method: "DELETE" });
    await world.ask(`/images/${id}/restore`, { method: "POST" });
    expect(await look(id)).toMatchObject({ expiresAt: whole(first), title: "Boat", status: "pending" });
    expect(await (await patch(id, { expiresAt: second })).json()).toMatchObject({ expiresAt: whole(second) });
    expect(await (await patch(id, { expiresAt: null })).json()).not.toHaveProperty("expiresAt");
  });

  test("hides the image at once and has the reconciler delete it, without the trash", async () => {
    const { Reconcile } = await import("@image-pipeline/core/pipeline/reconcile");
    const { id } = await created({ expiresAt: from(dayMs), tags: ["soon"] });
    await Reconcile.stuck();
    await world.settled();
    expect(await idsIn("/images?owner=default&tag=soon")).toEqual([id]);
    await age(id);
    expect(await codeOf(await world.ask(`/images/${id}`))).toBe("image_not_found");
    expect(await codeOf(await patch(id, { expiresAt: null }))).toBe("image_not_found");
    for (const list of [
      "/images",
      "/images?owner=default",
      "/images?owner=default&tag=soon",
      `/images?id=${id}`,
    ])
      expect(await idsIn(list)).not.toContain(id);
    await Reconcile.stuck();
    await world.settled();
    const { items } = (await (await world.ask(`/images/${id}/events`)).json()) as {
      items: { type: string; by: string; detail?: object }[];
    };
    expect(items.slice(-2)).toMatchObject([
      { type: "deleting", by: "reconciler", detail: { expired: "true" } },
      { type: "deleted" },
    ]);
  });

  test("ends an image in the trash before its days are over", async () => {
    const { Reconcile } = await import("@image-pipeline/core/pipeline/reconcile");
    const { id } = await created({ expiresAt: from(dayMs) });
    await world.ask(`/images/${id}`, { method: "DELETE" });
    await age(id);
    await Reconcile.stuck();
    await world.settled();
    expect(await codeOf(await world.ask(`/images/${id}/restore`, { method: "POST" }))).toBe(
      "image_not_found",
    );
  });
});
