import { describe, expect, test } from "vitest";
import { mutants } from "./mutants.ts";
import { type Ended, prove } from "./run.ts";
import { stories } from "./stories.ts";

const minutes = (n: number) => n * 60_000;

describe("one by one, over the real processor, API, dead-letter handler and reconciler", {
  timeout: minutes(5),
}, () => {
  let played: Promise<Ended> | undefined;

  test.each(Object.values(stories))("$title", async ({ title }) => {
    played ??= prove("stories");
    const { output } = await played;
    expect(output).toContain(`✓ ${title}\n`);
  });
});

describe("left out of the real code, it is missed:", { timeout: minutes(5) }, () => {
  test.each(Object.entries(mutants))("%s", async (name, { without }) => {
    const { code, output } = await prove("stories", "--mutant", name);
    expect(output, without).toContain(`✗ ${stories[name]?.title}: `);
    expect(code).toBe(1);
  });
});

// The same schedules each time, so that nobody meets another's fault; `npm run prove -- model` plays new ones.
describe("whatever happens to events, workers, requests and clocks", { timeout: minutes(20) }, () => {
  test.concurrent.each([
    ["every image ends right by events alone, if none is lost", "calm", 700],
    ["every image ends right with one event in twenty lost", "rough", 700],
    ["every image ends right with three events in ten lost", "storm", 600],
  ])("%s", async (_, weather, runs) => {
    const seed = "20261124";
    const { code, output } = await prove(
      "model",
      "--weather",
      weather,
      "--runs",
      String(runs),
      "--seed",
      seed,
    );
    console.log(`Seed ${seed}, ${weather}: ${output}`);
    expect(output).toContain(`schedule: ${runs},`);
    expect(code, output).toBe(0);
  });
});
