import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { collect, type Groups, inLines } from "./doctor.ts";

test("findings are grouped by kind: their number, the first ten of each, and how to list all", () => {
  const groups: Groups = new Map();
  for (let i = 0; i < 1200; i++)
    collect(groups, { kind: "stale", severity: "warning", where: `img_${i}`, message: "Old recipe." }, false);
  collect(groups, { kind: "stuck", severity: "error", where: "a\x1b[2J", message: "Too long." }, true);
  const [stale = "", stuck] = [...groups].map(([kind, group]) =>
    stripVTControlCharacters(inLines(kind, group)),
  );
  expect(stale.match(/img_\d+/g)).toHaveLength(10);
  expect(stale).toMatch(/^! stale: 1,200\n {2}img_0\n {4}Old recipe\.\n/);
  expect(stale).toContain("… and 1,190 more; --json lists all.");
  expect(stuck).toBe("✗ stuck: 1\n  a\ufffd[2J  sent for repair\n    Too long.\n");
});
