import { photo } from "@image-pipeline/core/fixture";
import type { Routes } from "@image-pipeline/functions/http/app";
import { hc } from "hono/client";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { startWorld, type World } from "./fixture.ts";

let world: World;
let api: ReturnType<typeof hc<Routes>>;

beforeAll(async () => {
  world = await startWorld({ anonymous: true });
  api = hc<Routes>(world.url);
  // The comparison at the start would report a count that is still being written as a wrong counter.
  await world.settled();
});
afterAll(() => world.stop());
afterEach(() => {
  vi.useRealTimers();
});

const stats = async (hours?: string) => (await api.stats.$get({ query: { hours } })).json();

/** Creates an upload, sends its bytes if given, and waits for the pipeline. */
async function add(bytes: Buffer, { send = true } = {}): Promise<string> {
  const announced = await api.images.$post({
    json: { filename: "boat.jpg", contentType: "image/jpeg", bytes: bytes.length },
  });
  if (announced.status !== 201) throw new Error(`${announced.status}`);
  const { id, upload } = await announced.json();
  if (send) {
    const { method, url, headers } = upload;
    await fetch(url, { method, headers, body: new Uint8Array(bytes) });
    await api.images[":id"].$get({ param: { id }, query: { wait: "20" } });
  }
  return id;
}

const totalOf = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0);

describe("statistics", () => {
  test("are all zero before anything has happened, for every hour that is asked for", async () => {
    const { images, hours, readyByMinute, timeToReady, rejections } = await stats("3");
    expect(images).toEqual({ pending: 0, processing: 0, ready: 0, rejected: 0, failed: 0, trashed: 0 });
    expect(
      hours.map(({ at }) => Date.parse(at)).map((at, i, all) => at - (all[i - 1] ?? at - 3_600_000)),
    ).toEqual([3_600_000, 3_600_000, 3_600_000]);
    expect(totalOf(readyByMinute)).toBe(0);
    expect(readyByMinute).toHaveLength(60);
    expect(timeToReady.p50).toBeUndefined();
    expect(rejections).toEqual([]);
  });

  test("follow images through the pipeline: ready, refused, announced and deleted", async () => {
    const bytes = await photo({ width: 320, height: 240 });
    await add(bytes);
    const second = await add(await photo({ width: 240, height: 320 }));
    await add(Buffer.from("not a picture at all"));
    await add(bytes, { send: false });
    await api.images[":id"].$delete({ param: { id: second }, query: {} });
    await world.settled();

    const { images, hours, queue, readyByMinute, timeToReady, rejections } = await stats();
    expect(images).toEqual({ pending: 1, processing: 0, ready: 1, rejected: 1, failed: 0, trashed: 0 });
    expect(hours).toHaveLength(24);
    expect(totalOf(hours.map(({ ready }) => ready))).toBe(2);
    expect(totalOf(hours.map(({ rejected }) => rejected))).toBe(1);
    expect(totalOf(hours.map(({ deleted }) => deleted))).toBe(1);
    expect(totalOf(readyByMinute)).toBe(2);
    expect(totalOf(timeToReady.times.map(({ count }) => count))).toBe(2);
    expect(timeToReady.p95).toBeGreaterThan(0);
    expect(rejections).toEqual([{ code: "unsupported_format", count: 1 }]);
    expect(queue).toEqual({ waiting: 0, taken: 0, deadLetters: 0 });
  });

  test("that have drifted are put right by the daily comparison, and right ones are left alone", async () => {
    // Imported late: these modules read where the cloud is when they are loaded.
    const { Reconcile } = await import("@image-pipeline/core/pipeline/reconcile");
    const { TallyEntity } = await import("@image-pipeline/core/table/tally-entity");
    const { Counters } = await import("@image-pipeline/core/records/counters");
    const before = (await stats()).images;
    await TallyEntity.update({ shard: "3", slot: "now" }).add({ ready: 7, processing: 2, pending: -3 }).go();
    expect((await stats()).images).not.toEqual(before);
    // Later than any count of the images above can follow.
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + Counters.lagMs + 60_000 });
    await Reconcile.compare();
    expect((await stats()).images).toEqual(before);
    await Reconcile.compare();
    expect((await stats()).images).toEqual(before);
  });

  test("count an image once whose count follows only after the comparison", async () => {
    const { Table } = await import("@image-pipeline/core/table/table");
    const { Reconcile } = await import("@image-pipeline/core/pipeline/reconcile");
    const before = (await stats()).images;
    const compared = Promise.withResolvers<void>();
    let held = 0;
    const { middlewareStack } = Table.client();
    middlewareStack.add(
      (next, { commandName }) =>
        async (args) => {
          const isCount =
            commandName === "UpdateItemCommand" && JSON.stringify(args.input).includes("slot_now");
          // Only the first: the comparison may count, too.
          if (isCount && held++ === 0) await compared.promise;
          return next(args);
        },
      { step: "initialize", name: "holdCounts" },
    );
    try {
      const added = add(await photo({ width: 300, height: 200 }), { send: false });
      await expect.poll(() => held).toBe(1);
      await Reconcile.compare();
      middlewareStack.remove("holdCounts");
      compared.resolve();
      await added;
    } finally {
      compared.resolve();
      middlewareStack.remove("holdCounts");
    }
    expect((await stats()).images).toEqual({ ...before, pending: before.pending + 1 });
  });

  test.each(["0", "49", "-1", "1.5", "many"])("refuse to look back %s hours", async (hours) => {
    const response = await world.ask(`/stats?hours=${hours}`);
    expect(response.status).toBe(400);
  });
});
