import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Settings } from "../../packages/core/src/settings.ts";
import { resourcesOf } from "./graph.ts";
import { graphOf } from "./graphs.ts";

const text = readFileSync(new URL("../../docs/costs.md", import.meta.url), "utf8");

test("docs/costs.md adds up", () => {
  const tables = text.split("\n\n").filter((part) => part.startsWith("| what |"));
  expect(tables).toHaveLength(5);
  for (const table of tables) {
    const dollars = [...table.matchAll(/(?<=\| \**)\d+\.\d\d(?=\** \|$)/gm)].map(Number);
    const together = dollars.pop() ?? 0;
    expect(dollars.length).toBeGreaterThan(3);
    // Each is rounded to a cent.
    const sum = dollars.reduce((all, each) => all + each, 0);
    expect(Math.abs(sum - together)).toBeLessThan(0.005 * (dollars.length + 1));
  }
});

test("docs/costs.md is of today's alarms and settings (`npm run costs`)", async () => {
  const watched = resourcesOf(await graphOf("production"), /metricAlarm:/).flatMap(({ inputs }) =>
    inputs.metricQueries ? inputs.metricQueries.slice(1) : [inputs],
  );
  expect(text).toContain(`${watched.length} metrics that its alarms look at`);
  const { processorConcurrencyMax, processedPerDayMax, processorMemoryMB } = Settings.readCloud({});
  expect(text).toContain(`At most ${processorConcurrencyMax} images at once`);
  expect(text).toContain(`At most ${processedPerDayMax.toLocaleString("en-GB")} runs a day`);
  expect(text).toContain(`Lambda, processor: ${processorMemoryMB} MB`);
});
