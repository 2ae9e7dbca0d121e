import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { profiles } from "./faults.ts";
import { playMutant, playScenario, scenarios } from "./scenarios.ts";
import { playSchedules } from "./schedules.ts";
import { openSimulation, type Simulation } from "./simulation.ts";

const timeout = 5 * 60_000;
let dataDir: string;
let simulation: Simulation;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "simulation-"));
  simulation = await openSimulation(dataDir);
}, timeout);

afterAll(async () => {
  await simulation.close();
  await rm(dataDir, { recursive: true, force: true });
  const { user, system } = process.cpuUsage();
  const counts = [...simulation.counts].sort().map(([what, times]) => `${what}: ${times}`);
  console.log(`${counts.join(", ")}; ${((user + system) / 1_000_000).toFixed(1)} s of CPU`);
});

test.each(Object.values(scenarios))("$title", { timeout }, async (scenario) => {
  expect(await playScenario(simulation, scenario)).toBeUndefined();
});

describe("an invariant is violated without", () => {
  test.each(Object.entries(scenarios).map(([name, scenario]) => ({ name, ...scenario })))(
    "$rule ($name)",
    { timeout },
    async (scenario) => {
      expect(await playMutant(simulation, scenario)).toMatch(/^I\d+: /);
    },
  );
});

// A fixed seed, so that a failure is of the change under test; `npm run prove -- schedules` plays new ones.
describe("no random schedule violates an invariant", () => {
  const seed = 20261125;

  test.each([
    ["by events alone, if none is lost", "calm", 20],
    ["with one event in twenty lost", "rough", 40],
    ["with three events in ten lost", "storm", 40],
  ] as const)("%s", { timeout }, async (_, name, runs) => {
    const before = simulation.counts.get("schedule") ?? 0;
    console.log(`${runs} ${name} schedules, seed ${seed}`);
    expect(await playSchedules(simulation, { profile: profiles[name], runs, seed })).toBeUndefined();
    expect(simulation.counts.get("schedule")).toBe(before + runs);
  });
});
