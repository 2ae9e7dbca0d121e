import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { codeOf, type Issuer, startIssuer } from "./fixture.ts";
import { createWorld, type MemoryWorld } from "./memory.fixture.ts";

let world: MemoryWorld;
let issuer: Issuer;

beforeAll(async () => {
  issuer = await startIssuer();
  world = await createWorld({
    ...issuer.settings,
    pendingMax: 3,
    uploadsPerDayMax: 6,
    bytesPerDayMax: 10_000_000,
    reprocessesPerDayMax: 2,
    changesPerDayMax: 3,
    waitingMax: 3,
    waitingPerOwnerMax: 2,
  });
});
afterAll(async () => {
  await world.stop();
  await issuer.stop();
});

const announce = async (who: string, bytes = 1) => {
  const json = { filename: "a.jpg", contentType: "image/jpeg", bytes };
  return world.ask("/images", { json, as: await issuer.token(who) });
};

/** Creates an upload and deletes it at once, so that nothing stays pending. */
async function passing(who: string, bytes = 1): Promise<string> {
  const response = await announce(who, bytes);
  const code = await codeOf(response.clone());
  if (response.status !== 201) return code;
  const { id } = (await response.json()) as { id: string };
  await world.ask(`/images/${id}`, { method: "DELETE", as: await issuer.token(who) });
  return code;
}

describe("an owner", () => {
  test("may have no more than so many announcements open", async () => {
    for (let i = 0; i < 3; i++) expect((await announce("ann")).status).toBe(201);
    const response = await announce("ann");
    expect(response.headers.get("retry-after")).toBe("60");
    expect(await codeOf(response)).toBe("quota_exceeded");
    expect((await announce("others are not held up by that")).status).toBe(201);
  });

  test("has no more open by announcing a hundred at once, and gets the place of each that it deletes", async () => {
    const { Upload } = await import("@image-pipeline/core/images/upload");
    const { Settings } = await import("@image-pipeline/core/settings");
    const limits = { ...Settings.pipelineDefaults, pendingMax: 20 };
    const { Image } = await import("@image-pipeline/core/images/image");
    const create = () =>
      Upload.create(
        { filename: "a.jpg", contentType: "image/jpeg", bytes: 1 },
        { owner: "racer", by: "test", limits },
      ).then(
        ({ id }) => id,
        ({ code }) => code as string,
      );
    const answers = await Promise.all(Array.from({ length: 100 }, create));
    const ids = answers.filter((answer) => answer.startsWith("img_"));
    expect(ids).toHaveLength(20);
    expect(new Set(answers.filter((answer) => !ids.includes(answer)))).toEqual(new Set(["quota_exceeded"]));
    for (const id of ids.slice(0, 3)) await Image.remove({ id, by: "test", trashDays: 0 });
    const more = await Promise.all(Array.from({ length: 10 }, create));
    expect(more.filter((answer) => answer.startsWith("img_"))).toHaveLength(3);
  });

  test("may reprocess and change a number of images a day, and others are not held up by that", async () => {
    const as = await issuer.token("gus");
    const { id } = (await (await announce("gus")).json()) as { id: string };
    const patch = () => world.ask(`/images/${id}`, { method: "PATCH", json: { title: "a" }, as });
    for (let i = 0; i < 3; i++) expect((await patch()).status).toBe(200);
    const refused = await patch();
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await codeOf(refused)).toBe("quota_exceeded");
    const reprocess = (who: string) => world.ask(`/images/${id}/reprocess`, { method: "POST", as: who });
    for (let i = 0; i < 2; i++) expect(await codeOf(await reprocess(as))).toBe("image_not_ready");
    expect(await codeOf(await reprocess(as))).toBe("quota_exceeded");
    expect(await codeOf(await reprocess(await issuer.token("hal")))).toBe("image_not_found");
  });

  test("waits with so many requests at once; one more is answered at once with Retry-After", async () => {
    const as = await issuer.token("ida");
    const { id } = (await (await announce("ida")).json()) as { id: string };
    const { SlotEntity } = await import("@image-pipeline/core/table/slot-entity");
    const { owner } = (await (await world.ask(`/images/${id}`, { as })).json()) as { owner: string };
    const held = async () =>
      (await SlotEntity.query.byOwner({ owner, kind: "waiting" }).go({ consistent: true })).data.length;
    const wait = () => world.ask(`/images/${id}?wait=20`, { as });
    const waiting = [wait(), wait()];
    await expect.poll(held).toBe(2);
    const response = await wait();
    expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await response.json()).toMatchObject({ id, status: "pending" });
    await world.ask(`/images/${id}`, { method: "DELETE", as });
    for (const each of waiting) expect(await codeOf(await each)).toBe("image_not_found");
    expect(await held()).toBe(0);
  });

  test("shares the waiting requests of a process with the others; one more is answered at once", async () => {
    const { SlotEntity } = await import("@image-pipeline/core/table/slot-entity");
    const pending = async (who: string) => {
      const as = await issuer.token(who);
      const { id } = (await (await announce(who)).json()) as { id: string };
      const { owner } = (await (await world.ask(`/images/${id}`, { as })).json()) as { owner: string };
      const held = async () =>
        (await SlotEntity.query.byOwner({ owner, kind: "waiting" }).go({ consistent: true })).data.length;
      const wait = (seconds = 20) => world.ask(`/images/${id}?wait=${seconds}`, { as });
      return { id, held, wait, remove: () => world.ask(`/images/${id}`, { method: "DELETE", as }) };
    };
    const [jon, kim, lea] = await Promise.all(["jon", "kim", "lea"].map(pending));
    if (!jon || !kim || !lea) throw new Error("Three uploads were created.");
    const waiting = [jon.wait(), jon.wait(), kim.wait()];
    await expect.poll(async () => [await jon.held(), await kim.held()]).toEqual([2, 1]);
    const response = await lea.wait();
    expect(response.headers.get("retry-after")).not.toBeNull();
    expect(await response.json()).toMatchObject({ id: lea.id, status: "pending" });
    await kim.remove();
    expect(await codeOf((await waiting[2]) as Response)).toBe("image_not_found");
    // The place that became free is taken again.
    const next = lea.wait();
    await expect.poll(lea.held).toBe(1);
    await Promise.all([jon.remove(), lea.remove()]);
    for (const each of [...waiting.slice(0, 2), next])
      expect(await codeOf(await each)).toBe("image_not_found");
  });

  test("may create a number of uploads a day; the refusal says when the next day begins", async () => {
    for (let i = 0; i < 6; i++) expect(await passing("ben")).toBe("201");
    const response = await announce("ben");
    const seconds = Number(response.headers.get("retry-after"));
    expect(await codeOf(response)).toBe("quota_exceeded");
    const midnight = new Date(Date.now() + seconds * 1000);
    expect([midnight.getUTCHours() % 24, midnight.getUTCMinutes()]).toEqual([0, 0]);
  });

  test("may announce so many bytes a day", async () => {
    expect(await passing("cat", 9_000_000)).toBe("201");
    expect(await passing("cat", 2_000_000)).toBe("quota_exceeded");
    expect(await passing("cat", 1_000_000)).toBe("201");
    expect(await passing("dan", 10_000_001)).toBe("quota_exceeded");
  });

  test("gets no more by asking many times at once", async () => {
    const answers = await Promise.all(Array.from({ length: 12 }, () => passing("eve")));
    const made = answers.filter((code) => code === "201").length;
    expect(made).toBeLessThanOrEqual(6);
    expect(new Set(answers)).toEqual(new Set(["201", "quota_exceeded"]));
  });

  test("cannot get round it by way of the signing route, where sizes are not known", async () => {
    const as = await issuer.token("fay");
    const sign = () =>
      world.ask("/uploads/sign", { json: { method: "PUT", key: "a.jpg", contentType: "image/jpeg" }, as });
    // An upload of unknown size counts as the largest allowed, which exceeds this stage's bytes per day.
    expect(await codeOf(await sign())).toBe("quota_exceeded");
  });
});

describe("idempotent requests", () => {
  test("one that crashed does not lock its key for ever, one under way does, and its answer is kept", async () => {
    const { Idempotency } = await import("@image-pipeline/core/images/idempotency");
    const request = { owner: "default", key: "crash", request: "POST /images" };
    let finish: (answer: object) => void = () => {};
    // The first run does not continue, like one whose process has crashed.
    const dead = Idempotency.once(
      request,
      () =>
        new Promise<Record<string, unknown>>((done) => {
          finish = done as typeof finish;
        }),
    );
    await expect
      .poll(() => Idempotency.once(request, async () => ({ n: 2 })).catch((error) => error.code))
      .toBe("request_in_progress");
    const real = Date.now;
    Date.now = () => real() + 61_000;
    try {
      expect(await Idempotency.once(request, async () => ({ n: 3 }))).toEqual({ n: 3 });
      expect(await Idempotency.once(request, async () => ({ n: 4 }))).toEqual({ n: 3 });
    } finally {
      Date.now = real;
    }
    // It finishes late: the response that was stored in the meantime is kept.
    finish({ n: 1 });
    await expect(dead).rejects.toThrow();
    expect(await Idempotency.once(request, async () => ({ n: 5 }))).toEqual({ n: 3 });
  });

  test("after a day the key is free again, though the row may still be there", async () => {
    const { Idempotency } = await import("@image-pipeline/core/images/idempotency");
    const request = { owner: "default", key: "day", request: "POST /images" };
    expect(await Idempotency.once(request, async () => ({ n: 1 }))).toEqual({ n: 1 });
    const real = Date.now;
    Date.now = () => real() + 86_500_000;
    try {
      expect(await Idempotency.once({ ...request, request: "another" }, async () => ({ n: 2 }))).toEqual({
        n: 2,
      });
    } finally {
      Date.now = real;
    }
  });
});

describe("an API key", () => {
  test("is shown once, kept as a hash, and listed without its secret", async () => {
    const { ApiKey } = await import("@image-pipeline/core/api-key");
    const { KeyEntity } = await import("@image-pipeline/core/table/key-entity");
    const { key, id } = await ApiKey.create({ name: "shop", scopes: ["images:read"], owner: "acme" });
    expect(key).toMatch(/^imgkey_[0-9a-f]{16}_[0-9a-f]{72}$/);
    const { data } = await KeyEntity.get({ keyID: id }).go();
    expect(JSON.stringify(data)).not.toContain(key.slice(24, 88));
    const listed = (await ApiKey.list()).find((each) => each.id === id);
    expect(listed).toEqual({
      id,
      name: "shop",
      scopes: ["images:read"],
      owner: "acme",
      createdAt: expect.any(String),
    });
    expect(await ApiKey.verify(key)).toMatchObject({ id, owner: "acme" });
    expect(await ApiKey.revoke(id)).toBe(true);
    expect(await ApiKey.verify(key)).toBeUndefined();
    expect(await ApiKey.revoke("0".repeat(16))).toBe(false);
  });

  test("with any character changed is none", async () => {
    const { ApiKey } = await import("@image-pipeline/core/api-key");
    const { key } = await ApiKey.create({ name: "typo", scopes: ["images:read"] });
    for (let i = 0; i < key.length; i++) {
      const other = key[i] === "0" ? "1" : "0";
      expect(await ApiKey.verify(key.slice(0, i) + other + key.slice(i + 1))).toBeUndefined();
    }
    expect(await ApiKey.verify(key.toUpperCase())).toBeUndefined();
  });
});
