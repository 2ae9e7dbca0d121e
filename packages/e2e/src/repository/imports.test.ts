/** Import directions: one table, which AGENTS.md shows and the linter enforces. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = join(import.meta.dirname, "../../../..");
const { directions }: { directions: Record<string, string[]> } = await import(
  pathToFileURL(join(root, ".dependency-cruiser.js")).href
);

/** The rows of AGENTS.md's table: room, and what it imports, in the table's words. */
const rows = Object.fromEntries(
  [...readFileSync(join(root, "AGENTS.md"), "utf8").matchAll(/^\| (`.+?`.*?) \|.*\| (.+?) \|$/gm)].map(
    ([, room = "", imports = ""]) => [/`([^`]+)`/.exec(room)?.[1] ?? room, imports] as const,
  ),
);

test.each(Object.entries(directions))("AGENTS.md says what %s imports", (room, allowed) => {
  const named = Object.keys(directions)
    .map((each) => each.replace("packages/", ""))
    .filter((name) => new RegExp(`(^|[ ,])${name}\\b`).test(rows[room] ?? ""));
  expect(named.sort()).toEqual(allowed.map((each) => each.replace("packages/", "")).sort());
});

/** A file that breaks a rule, and a part of that rule's name. */
const violations = [
  [
    "packages/core/src/breaks.ts",
    'import "@image-pipeline/functions/api";',
    "packages/core imports no sibling",
  ],
  ["packages/core/src/breaks.ts", 'import "hono";', "core knows neither HTTP nor Lambda"],
  ["packages/core/src/breaks.ts", 'import "sharp";', "imports sharp"],
  ["packages/core/src/breaks.ts", 'import "@aws-sdk/client-s3";', "imports @aws-sdk/client-s3"],
  [
    "packages/functions/src/breaks.ts",
    'import "@image-pipeline/local/cloud";',
    "packages/functions imports packages/core",
  ],
  [
    "packages/functions/src/breaks.test.ts",
    'import "@image-pipeline/local/cloud";',
    "packages/functions imports packages/core",
  ],
  [
    "packages/client/src/breaks.ts",
    'import "@image-pipeline/functions/http/app";',
    "packages/client imports no sibling",
  ],
  ["packages/cli/src/breaks.ts", 'import "@image-pipeline/functions/http/app";', "packages/cli imports"],
  ["packages/web/src/breaks.ts", 'import "@image-pipeline/core/id";', "packages/web imports"],
  ["packages/local/src/breaks.ts", 'import "@image-pipeline/cli/main";', "packages/local imports"],
  ["packages/simulation/src/breaks.ts", 'import "@image-pipeline/web/words";', "packages/simulation imports"],
  ["infra/breaks.ts", 'import "../packages/core/src/id.ts";', "infra imports the settings"],
] as const;

/** The violations, each in a temporary folder of its room: dependency-cruiser runs once over all of them. */
const placed = violations.map(([file, text, rule], index) => {
  const folder = join(file, "..", `violation-${index}`);
  const path = join(folder, file.split("/").at(-1) ?? "");
  return { folder, path, rule, text: text.replace(/"\.\.\//, '"../../') };
});
let found: string[] = [];

beforeAll(() => {
  for (const { folder, path, text } of placed) {
    mkdirSync(join(root, folder), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  const cruiser = join(root, "node_modules/dependency-cruiser/bin/dependency-cruise.mjs");
  const paths = placed.map(({ path }) => path);
  const output = execFileSync(process.execPath, [cruiser, "--output-type", "json", ...paths], {
    cwd: root,
    maxBuffer: 1 << 28,
  });
  const { summary } = JSON.parse(output.toString()) as {
    summary: { violations: { from: string; rule: { name: string } }[] };
  };
  found = summary.violations.map(({ from, rule }) => `${from}: ${rule.name}`);
});

afterAll(() => {
  for (const { folder } of placed) rmSync(join(root, folder), { recursive: true, force: true });
});

test.each(placed)("the linter refuses $text in $path", ({ path, rule }) => {
  expect(found).toContainEqual(expect.stringMatching(`^${path}: .*${rule}`));
});
