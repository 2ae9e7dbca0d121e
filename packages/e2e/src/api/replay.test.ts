import { photo } from "@image-pipeline/core/fixture";
import { afterAll, beforeAll, expect, test } from "vitest";
import { codeOf, type Issuer, startIssuer, startWorld, type World } from "./fixture.ts";

let world: World;
let issuer: Issuer;
let bytes: Buffer;

beforeAll(async () => {
  issuer = await startIssuer();
  world = await startWorld({ ...issuer.settings, uploadsPerDayMax: 4, trashDays: 7 });
  bytes = await photo({ width: 320, height: 240 });
});
afterAll(async () => {
  await world.stop();
  await issuer.stop();
});

type Created = { id: string; upload: { url: string; fields: Record<string, string> } };
type Image = { status: string; version: number; error?: { code: string }; variants?: object };

async function create(as: string): Promise<Response> {
  const json = { filename: "boat.jpg", contentType: "image/jpeg", bytes: bytes.length, method: "POST" };
  return world.ask("/images", { json, as });
}

/** Posts the photo by the form, with another last byte each time: of the same size, and a new upload. */
async function post({ upload }: Created, last: number): Promise<number> {
  const form = new FormData();
  for (const [name, value] of Object.entries(upload.fields)) form.set(name, value);
  form.set("file", new Blob([new Uint8Array([...bytes.subarray(0, -3), last, ...bytes.subarray(-2)])]));
  return (await fetch(upload.url, { method: "POST", body: form })).status;
}

/** Waits until the pipeline has handled the upload that this number of transitions belongs to. */
async function after(id: string, as: string, transitions: string[]): Promise<Image> {
  await expect
    .poll(
      async () => {
        const response = await world.ask(`/images/${id}/events`, { as });
        const { items } = (await response.json()) as { items: { type: string }[] };
        return items.map(({ type }) => type);
      },
      { timeout: 60_000 },
    )
    .toEqual(transitions);
  return (await (await world.ask(`/images/${id}`, { as })).json()) as Image;
}

test("a form that is used again counts in the quota, is refused above it, and others are not affected", async () => {
  const as = await issuer.token("ann");
  const created = (await (await create(as)).json()) as Created;
  const { id } = created;
  const history = ["announced", "uploaded", "ready"];
  expect(await post(created, 1)).toBe(204);
  expect(await after(id, as, history)).toMatchObject({ status: "ready" });
  // The same bytes again are not processed, and take nothing from the quota.
  expect(await post(created, 1)).toBe(204);
  history.push("uploaded");
  expect(await after(id, as, history)).toMatchObject({ status: "ready" });

  for (const last of [2, 3, 4]) {
    expect(await post(created, last)).toBe(204);
    history.push("uploaded", "ready");
    expect(await after(id, as, history)).toMatchObject({ status: "ready" });
  }
  // One created and three replayed: the fourth replay is above the quota of four, and so is another image.
  expect(await post(created, 5)).toBe(204);
  history.push("rejected");
  const refused = await after(id, as, history);
  expect(refused).toMatchObject({ status: "rejected", error: { code: "quota_exceeded" } });
  expect(refused.variants).toBeUndefined();
  expect(await codeOf(await create(as))).toBe("quota_exceeded");

  const other = await issuer.token("ben");
  const theirs = (await (await create(other)).json()) as Created;
  expect(await post(theirs, 1)).toBe(204);
  expect(await after(theirs.id, other, ["announced", "uploaded", "ready"])).toMatchObject({
    status: "ready",
  });

  // The bytes are kept: an explicit request makes the image ready.
  expect((await world.ask(`/images/${id}/reprocess`, { method: "POST", as })).status).toBe(200);
  history.push("reprocessed", "ready");
  expect(await after(id, as, history)).toMatchObject({ status: "ready" });
});

test("a form that is used again while its image is in the trash counts too, and is refused on restoring above the quota", async () => {
  const as = await issuer.token("cat");
  const created = (await (await create(as)).json()) as Created;
  const { id } = created;
  const history = ["announced", "uploaded", "ready", "trashed"];
  expect(await post(created, 1)).toBe(204);
  await after(id, as, history.slice(0, 3));
  expect((await world.ask(`/images/${id}`, { method: "DELETE", as })).status).toBe(204);
  // The same bytes take nothing from the quota. The three others leave nothing of it.
  for (const last of [1, 2, 3, 4]) {
    expect(await post(created, last)).toBe(204);
    history.push("uploaded");
    expect(await after(id, as, history)).toMatchObject({ status: "trashed" });
  }
  expect(await codeOf(await create(as))).toBe("quota_exceeded");
  expect(await post(created, 5)).toBe(204);
  history.push("uploaded");
  expect(await after(id, as, history)).toMatchObject({ status: "trashed" });

  const restored = await world.ask(`/images/${id}/restore`, { method: "POST", as });
  expect(await restored.json()).toMatchObject({ status: "rejected", error: { code: "quota_exceeded" } });
  expect((await world.ask(`/images/${id}/reprocess`, { method: "POST", as })).status).toBe(200);
  history.push("restored", "reprocessed", "ready");
  expect(await after(id, as, history)).toMatchObject({ status: "ready" });
});
