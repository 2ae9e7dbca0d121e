import { Settings } from "@image-pipeline/core/settings";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { codeOf, type Issuer, startIssuer } from "./fixture.ts";
import { createWorld, type MemoryWorld } from "./memory.fixture.ts";

let world: MemoryWorld;
let issuer: Issuer;
let alice: string;
let service: string;

beforeAll(async () => {
  issuer = await startIssuer();
  world = await createWorld({ ...issuer.settings, trashDays: 1 });
  alice = await issuer.token("alice");
  const { ApiKey } = await import("@image-pipeline/core/api-key");
  service = (await ApiKey.create({ name: "all", scopes: ["images:read", "images:write", "service"] })).key;
});
afterAll(async () => {
  await world.stop();
  await issuer.stop();
});

type Counts = Record<"uploads" | "bytes" | "changes" | "reprocesses" | "runs" | "renders", number>;
type Stored = Record<"images" | "originalBytes" | "variantBytes", number>;
type Usage = {
  owner: string;
  month: string;
  total: Counts;
  days: ({ date: string } & Counts)[];
  stored: Stored;
};

const usageOf = async (as: string, query = "") =>
  (await (await world.ask(`/usage${query}`, { as })).json()) as Usage;

const today = () => new Date().toISOString().slice(0, 10);

describe("the usage of an owner", () => {
  test("counts uploads, changes and reprocesses, of each day and in total", async () => {
    const day = today();
    const json = { filename: "a.jpg", contentType: "image/jpeg", bytes: 1000 };
    const { id } = (await (await world.ask("/images", { json, as: alice })).json()) as { id: string };
    await world.ask("/images", { json, as: alice });
    const patch = (changes: object) =>
      world.ask(`/images/${id}`, { method: "PATCH", json: changes, as: alice });
    await patch({ title: "A boat" });
    await patch({ focus: { x: 0, y: 0 } });
    const operations = [
      { op: "update", id, changes: { title: "Two boats" } },
      { op: "delete", id },
      { op: "restore", id },
      { op: "reprocess", id },
    ];
    await world.ask("/images/batch", { json: { operations }, as: alice });
    const usage = await usageOf(alice);
    const counts = { uploads: 2, bytes: 2000, changes: 4, reprocesses: 3, runs: 0, renders: 0 };
    expect(usage).toMatchObject({ month: day.slice(0, 7), total: counts, days: [{ date: day, ...counts }] });
    // An API key without an owner reads it by name; its own changes count for no owner.
    await world.ask(`/images/${id}`, { method: "PATCH", json: { title: "T" }, as: service });
    expect(await usageOf(service, `?owner=${usage.owner}`)).toEqual(usage);
    expect((await usageOf(service)).owner).toBe("default");
    const bob = await issuer.token("bob");
    expect(await codeOf(await world.ask(`/usage?owner=${usage.owner}`, { as: bob }))).toBe("forbidden");
    expect((await usageOf(bob)).days).toEqual([]);
  });

  test("is of the days of one month, and stays for 13 months", async () => {
    const { UsageEntity } = await import("@image-pipeline/core/table/usage-entity");
    const { Quota } = await import("@image-pipeline/core/images/quota");
    for (const [day, uploads] of [
      ["2026-01-31", 1],
      ["2026-02-01", 2],
      ["2026-02-28", 3],
      ["2026-03-01", 4],
    ] as const)
      await UsageEntity.put({ owner: "acme", day, uploads }).go();
    const usage = await usageOf(service, "?owner=acme&month=2026-02");
    expect(usage.days.map(({ date, uploads }) => [date, uploads])).toEqual([
      ["2026-02-01", 2],
      ["2026-02-28", 3],
    ]);
    expect(usage.total.uploads).toBe(5);
    await Quota.reprocess("acme", Settings.pipelineDefaults);
    const { data } = await UsageEntity.get({ owner: "acme", day: today() }).go();
    expect((data?.expiresAt ?? 0) * 1000).toBeGreaterThan(Date.now() + 395 * 86_400_000);
    for (const month of ["2026-13", "2026-1", "2026", "../.."])
      expect(await codeOf(await world.ask(`/usage?month=${month}`, { as: alice }))).toBe("invalid_request");
  });

  test("removes the hashes of replayed uploads from days that have passed, and from no other", async () => {
    const { UsageEntity } = await import("@image-pipeline/core/table/usage-entity");
    const { Usage } = await import("@image-pipeline/core/images/usage");
    const replays = ["a", "b"];
    for (const day of ["2026-02-01", "2026-02-02", "2026-02-03"])
      await UsageEntity.put({ owner: "replayed", day, uploads: 2, replays }).go();
    const read = () => Usage.read({ owner: "replayed", now: Date.parse("2026-02-03T12:00:00Z") });
    const usage = await read();
    expect(usage.total.uploads).toBe(6);
    expect(await read()).toEqual(usage);
    const left = await Promise.all(
      ["2026-02-01", "2026-02-02", "2026-02-03"].map(async (day) => {
        const { data } = await UsageEntity.get({ owner: "replayed", day }).go();
        return data?.replays;
      }),
    );
    expect(left).toEqual([undefined, replays, replays]);
  });

  test("counts a reprocess and a change in one write, or neither", async () => {
    const { Quota } = await import("@image-pipeline/core/images/quota");
    const limits = { ...Settings.pipelineDefaults, changesPerDayMax: 5, reprocessesPerDayMax: 1 };
    const change = () => Quota.change({ owner: "both", isReprocess: true }, limits);
    await change();
    await expect(change()).rejects.toMatchObject({ code: "quota_exceeded" });
    const { total } = await usageOf(service, "?owner=both");
    expect([total.changes, total.reprocesses]).toEqual([1, 1]);
  });

  test("has the days of the owner default, each from the numbers with which it began", async () => {
    const { Used } = await import("@image-pipeline/core/records/used");
    const { Usage } = await import("@image-pipeline/core/images/usage");
    const { TallyEntity } = await import("@image-pipeline/core/table/tally-entity");
    const { UsageEntity } = await import("@image-pipeline/core/table/usage-entity");
    const { Counters } = await import("@image-pipeline/core/records/counters");
    const at = (day: string, time = "12:00") => Date.parse(`${day}T${time}:00Z`);
    const add = (shard: string, uploads: number) =>
      TallyEntity.update({ shard, slot: "now" })
        .add({ uploads, bytes: uploads * 10 })
        .go();
    // Of the day before, which has begun.
    await Used.begin(at("2031-01-29"), Counters.used);
    await add("1", 3);
    for (const [day, uploads] of [
      ["2031-01-30", 2],
      ["2031-01-31", 1],
      ["2031-02-01", 4],
    ] as const) {
      for (const time of ["00:05", "00:20"]) await Used.begin(at(day, time), Counters.used);
      await add("2", uploads);
    }
    await UsageEntity.put({ owner: "default", day: "2031-01-29", renders: 5, uploads: 9 }).go();
    const monthOf = async (month: string) => {
      const { days, total } = await Usage.read({ owner: "default", month, now: at("2031-02-01", "23:59") });
      return [
        days.map(({ date, uploads, bytes, renders }) => [date, uploads, bytes, renders]),
        total.uploads,
      ];
    };
    expect(await monthOf("2031-01")).toEqual([
      [
        ["2031-01-29", 3, 30, 5],
        ["2031-01-30", 2, 20, 0],
        ["2031-01-31", 1, 10, 0],
      ],
      6,
    ]);
    expect(await monthOf("2031-02")).toEqual([[["2031-02-01", 4, 40, 0]], 4]);
    expect(await monthOf("2030-12")).toEqual([[], 0]);
  });

  test("has what an owner has stored, in a row of the owner, which the daily comparison corrects", async () => {
    const { Counters } = await import("@image-pipeline/core/records/counters");
    const { Totals } = await import("@image-pipeline/core/pipeline/totals");
    const { record } = await import("@image-pipeline/core/table/fixture-record");
    const image = { ...record, owner: "keeper", bytes: 1234 };
    const stored = async () => (await usageOf(service, "?owner=keeper")).stored;
    await Counters.count(undefined, image);
    expect(await stored()).toEqual({ images: 1, originalBytes: 1234, variantBytes: 0 });
    const totals = await Totals.begin();
    await Totals.add(totals, [image, { ...image, bytes: 1000 }], new Date().toISOString());
    await Totals.correct(totals);
    expect(await stored()).toEqual({ images: 2, originalBytes: 2234, variantBytes: 0 });
    await Counters.count(image, { ...image, status: "deleting" });
    expect(await stored()).toEqual({ images: 1, originalBytes: 1000, variantBytes: 0 });
  });
});
