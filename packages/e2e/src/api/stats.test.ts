import { photo } from "@image-pipeline/core/fixture";
import type { Image } from "@image-pipeline/core/images/image";
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

  test("tell the usage of the owner default, and what it has stored, as its images are", async () => {
    const usageOf = async () => {
      await world.settled();
      return (await api.usage.$get({ query: {} })).json();
    };
    const start = await usageOf();
    const photoOf = (width: number) => photo({ width, height: 200 });
    const [first, second] = [await photoOf(401), await photoOf(402)];
    const id = await add(first);
    await add(second);
    await add(first, { send: false });
    const image = (await (await world.ask(`/images/${id}`)).json()) as Image.Info;
    const variantBytes = Object.values(image.variants ?? {})
      .flatMap(({ formats = {}, ...file }) => [file, ...Object.values(formats)])
      .reduce((sum, { bytes = 0 }) => sum + bytes, 0);
    await api.images[":id"].$patch({ param: { id }, json: { title: "T" } });
    await api.images[":id"].reprocess.$post({ param: { id } });

    const usage = await usageOf();
    const more = (name: keyof typeof usage.total) => usage.total[name] - start.total[name];
    expect(usage.total).toEqual({ ...usage.days[0], date: undefined });
    expect({ uploads: more("uploads"), bytes: more("bytes"), runs: more("runs") }).toEqual({
      uploads: 3,
      bytes: first.length + second.length,
      runs: 3,
    });
    expect([more("changes"), more("reprocesses")]).toEqual([1, 1]);
    expect(usage.stored.images).toBe(start.stored.images + 2);
    expect(usage.stored.originalBytes).toBe(start.stored.originalBytes + first.length + second.length);

    await api.images[":id"].$delete({ param: { id }, query: {} });
    const end = await usageOf();
    expect(end.total).toEqual(usage.total);
    expect(end.stored).toEqual({
      images: start.stored.images + 1,
      originalBytes: start.stored.originalBytes + second.length,
      variantBytes: usage.stored.variantBytes - variantBytes,
    });
  });

  test("that have drifted are put right by the daily comparison, and right ones are left alone", async () => {
    // Imported late: these modules read where the cloud is when they are loaded.
    const { Reconcile } = await import("@image-pipeline/core/pipeline/reconcile");
    const { TallyEntity } = await import("@image-pipeline/core/table/tally-entity");
    const { Counters } = await import("@image-pipeline/core/records/counters");
    const before = (await stats()).images;
    const stored = () =>
      Counters.storedOf("default").then(({ movedImages, movedBytes, ...stored }) => stored);
    const storedBefore = await stored();
    const drift = { ready: 7, processing: 2, pending: -3, images: 2, originalBytes: -5000, variantBytes: 1 };
    await TallyEntity.update({ shard: "3", slot: "now" }).add(drift).go();
    expect((await stats()).images).not.toEqual(before);
    expect(await stored()).not.toEqual(storedBefore);
    // Later than any count of the images above can follow.
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + Counters.lagMs + 60_000 });
    for (let run = 0; run < 2; run++) {
      await Reconcile.compare();
      expect((await stats()).images).toEqual(before);
      expect(await stored()).toEqual(storedBefore);
    }
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
