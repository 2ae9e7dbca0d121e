import { expect, test } from "vitest";
import { apiOptions, defineCommand, helpOf, parse, UsageError, whole } from "./command.ts";

const command = defineCommand({
  usage: "delete <id>…",
  summary: "Delete images",
  options: { "dry-run": { type: "boolean", about: "Only say what would be done" }, ...apiOptions },
  examples: ["npm run image -- delete img_1"],
  run: async () => 0,
});

test.each([[["--dry-rnu"]], [["--dry-run=yes"]], [["--url"]], [["--url", "--json"]], [["-x"]]])(
  "refuses %j, so that a slip of the pen never runs for real",
  (line) => {
    expect(() => parse(command, line)).toThrow(UsageError);
  },
);

test("reads options and everything else in order, and takes what follows -- as it is", () => {
  const { values, positionals } = parse(command, ["a", "--json", "--url=http://x", "b", "--", "--c"]);
  expect(values).toMatchObject({ json: true, url: "http://x" });
  expect(positionals).toEqual(["a", "b", "--c"]);
});

test.each(["", "x", "-1", "1.5", "0", "33", "1e1"])("refuses %j as a whole number from 1 to 32", (given) => {
  expect(() => whole("concurrency", given, 1, 32)).toThrow(/--concurrency takes a whole number from 1 to 32/);
});

test("the help of a command names its usage, every option and its examples", () => {
  const help = helpOf(command);
  for (const part of ["delete <id>…", "--dry-run", "--url <url>", "--json", "-h, --help", "delete img_1"]) {
    expect(help).toContain(part);
  }
});
