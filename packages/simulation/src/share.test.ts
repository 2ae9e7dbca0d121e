import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { playShare, type Share } from "./share.ts";

/** The spend breaker's limit, of which an owner's share is a quarter. */
const perDayMax = 4;
const share = perDayMax / 4;
const backlog = 10 * perDayMax;

let dataDir: string;
let played: Share;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "share-"));
  played = await playShare(dataDir, { share, backlog, daysMax: 60 });
}, 5 * 60_000);

afterAll(() => rm(dataDir, { recursive: true, force: true }));

test("an owner with ten times the limit of all does not keep another owner's image from being processed", () => {
  expect(played.quiet.status).toBe("ready");
});

test("images above the share are deferred, and do not count for the spend breaker", () => {
  const [first] = played.days;
  expect(first).toMatchObject({ ready: share, pending: backlog - share, runs: share + 1 });
  // Each of them was received, which alone would have tripped the breaker.
  expect(first?.invocations).toBeGreaterThanOrEqual(perDayMax);
  for (const { runs } of played.days) expect(runs).toBeLessThan(perDayMax);
});

test("a deferred image and its audit trail say until when", () => {
  const until = played.deferred?.deferredUntil;
  expect(until).toMatch(/T00:00:00(\.000)?Z$/);
  expect(played.deferred?.status).toBe("pending");
  const deferrals = played.trail.filter(({ type }) => type === "deferred");
  expect(deferrals).toMatchObject([{ by: "processor", detail: { until } }]);
});

test("every image is ready after as many midnights as its owner has shares", () => {
  expect(played.days.map(({ ready }) => ready)).toEqual(played.days.map((_, day) => (day + 1) * share));
  expect(played.days.at(-1)).toMatchObject({ ready: backlog, pending: 0 });
});
