import { globSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { scenarios } from "../scenarios/scenarios.ts";
import { invariants } from "./invariants.ts";

const root = new URL("../../../../", import.meta.url);
const document = readFileSync(new URL("docs/reliability.md", root), "utf8");

/** The rows of the table whose head begins with this cell. */
function tableOf(head: string): string[] {
  const [, table = ""] = document.split(`| ${head} |`);
  return table.split("\n\n", 1).join().split("\n").slice(2);
}

test("docs/reliability.md lists every invariant, and what holds it", () => {
  const rows = Object.entries(invariants).map(
    ([name, { promise, heldBy }]) =>
      `| ${name} | ${promise} | ${heldBy.map((by) => (by.endsWith(".ts") ? `\`${by}\`` : by)).join(", ")} |`,
  );
  expect(tableOf("invariant")).toEqual(rows);
});

test("docs/reliability.md lists every mutant, and the rule that it lacks", () => {
  const rows = Object.entries(scenarios).map(([name, { rule }]) => `| \`${name}\` | ${rule} |`);
  expect(tableOf("mutant")).toEqual(rows);
});

test("every invariant is checked here, or by a test file that exists", () => {
  const tests = globSync("packages/*/src/**/*.test.ts", { cwd: root }).map((path) => path.split("/").at(-1));
  for (const { heldBy, onChange, atRest } of Object.values(invariants)) {
    expect(heldBy.includes("simulation")).toBe(onChange !== undefined || atRest !== undefined);
    for (const name of heldBy) if (name.endsWith(".ts")) expect(tests).toContain(name);
  }
});
