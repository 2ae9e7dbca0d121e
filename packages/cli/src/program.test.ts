import { stripVTControlCharacters } from "node:util";
import { expect, test, vi } from "vitest";
import { run } from "./program.ts";

test.each([
  [[], "Usage"],
  [["lst"], "Unknown command 'lst'\n(Did you mean list?)"],
  [["constructor"], "Unknown command 'constructor'"],
  [["list", "--sttus", "ready"], "Unknown option '--sttus'\n(Did you mean --status?)"],
  [["backfill", "--dry-rnu"], "(Did you mean --dry-run?)"],
  [["backfill", "--dry-run=yes"], "Unknown option '--dry-run=yes'"],
  [["backfill", "--prefix", "--dry-run"], "It looks like an option"],
  [["upload", "a.jpg", "--tag", "--json"], "It looks like an option"],
  [["list", "--url"], "Option '--url <url>' argument missing"],
  [["list", "--limit", "1.5"], "It must be a whole number from 0 to"],
  [["upload", "a.jpg", "--concurrency", "33"], "It must be a whole number from 1 to 32"],
  [["list", "--status", "gone"], "Allowed choices are pending"],
  [["list", "more"], "Too many arguments for 'list'"],
  [["edit", "img_1", "--focus", "0.3"], "It must be two numbers from 0 to 1 such as 0.3,0.2, or none."],
  [["edit", "img_1", "--focus", "0.3,1.2"], "It must be two numbers from 0 to 1"],
  [["edit", "img_1"], "Name a change: --title, --alt, --tag, --focus, --visibility or --expires."],
  [["upload"], "Missing required argument 'path'"],
  [["upload", "a.jpg", "b.jpg", "--title", "A"], "--title and --alt take one file only."],
])("%j is not understood: exit code 2, with what to do", async (line, words) => {
  const { code, stdout, stderr } = await printed(line);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain(words);
});

test("every command has help", async () => {
  const { code, stdout } = await printed(["--help"]);
  expect(code).toBe(0);
  const commands = [...stdout.matchAll(/^ {2}([a-z]+) .*[A-Z]/gm)]
    .map(([, name = ""]) => name)
    .filter((name) => !["npm", "npx"].includes(name));
  expect(commands).toEqual([
    "upload",
    "list",
    "get",
    "similar",
    "changes",
    "edit",
    "delete",
    "restore",
    "usage",
    "webhooks",
    "mcp",
    ...["doctor", "backfill", "reprocess", "redrive", "export", "import", "key"],
    "help",
  ]);
  const subcommands = ["create", "list", "revoke"].map((name) => ["key", name]);
  for (const name of [...commands.map((name) => [name]), ...subcommands]) {
    const help = await printed([...name, "--help"]);
    expect(help).toMatchObject({ code: 0, stderr: "" });
    const [text = ""] = help.stdout.split("Examples:");
    for (const line of text.split("\n")) expect(line.length, line).toBeLessThanOrEqual(80);
  }
});

/** Runs a command line that ends before it reaches a stage, and returns what it printed. */
async function printed(line: readonly string[]) {
  const output = { stdout: "", stderr: "" };
  const spies = (["stdout", "stderr"] as const).map((name) =>
    vi.spyOn(process[name], "write").mockImplementation((text) => {
      output[name] += stripVTControlCharacters(String(text));
      return true;
    }),
  );
  try {
    return { code: await run(line), ...output };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}
