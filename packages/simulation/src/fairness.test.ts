import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Fairness, playFairness } from "./fairness.ts";

let dataDir: string;
let fairness: Fairness;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "fairness-"));
  fairness = await playFairness(dataDir, { backlog: 300 });
}, 5 * 60_000);

afterAll(() => rm(dataDir, { recursive: true, force: true }));

test("an upload next to the backlog of another owner takes at most twice as long as alone", () => {
  expect(fairness.alone).toBeGreaterThan(0);
  expect(fairness.crowded).toBeLessThanOrEqual(2 * fairness.alone);
});
