/** Runs the commands of README, and compares its settings and file names with the product. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestCloud, type TestCloud } from "../cloud.fixture.ts";
import { describeWith, lacks } from "../needs.ts";

const root = join(import.meta.dirname, "../../../..");
const readme = await readFile(join(root, "README.md"), "utf8");
const { scripts } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));

/** Every command of README's shell blocks, with continued lines joined and without comments. */
const commands = [...readme.matchAll(/^```sh\n(.*?)^```/gms)].flatMap(([, block = ""]) =>
  block
    .replaceAll("\\\n", " ")
    .split("\n")
    .map((line) => line.replace(/\s+# .*/, "").trim())
    .filter(Boolean),
);

const aws = lacks("aws");

/** The commands that need only a running product. */
const tried = commands.filter((command) => /^(?:[A-Z_]+=|(?:curl|export|aws|npm run image)\b)/.test(command));

let cloud: TestCloud;

beforeAll(async () => {
  cloud = await startTestCloud({ anonymous: true, trashDays: 7 });
});

afterAll(() => cloud.stop());

test("README's commands are all known to this test", () => {
  const others = commands.filter((command) => !tried.includes(command));
  expect(others).not.toEqual([]);
  for (const command of others) {
    const script = /^(?:npx sst shell --stage \w+ -- )?npm (?:run )?(\w[\w:]*)/.exec(command)?.[1] ?? "";
    expect([command, script === "install" || script in scripts]).toEqual([command, true]);
  }
});

describeWith("curl", "README's commands", () => {
  test("run as they are pasted, one after the other in one shell", async () => {
    const typed = aws === undefined ? tried : tried.filter((command) => !command.startsWith("aws"));
    expect(typed.length).toBeGreaterThan(8);
    const output = await type(typed);
    const ID = /^ID: (img_\w+)$/m.exec(output)?.[1];
    const { items: events } = await (await fetch(`${cloud.url}/images/${ID}/events`)).json();
    expect(events.map(({ type }: { type: string }) => type)).toEqual(
      expect.arrayContaining(["announced", "trashed", "restored"]),
    );
    const ready = async () => {
      const { items } = await (await fetch(`${cloud.url}/images?status=ready`)).json();
      return items.map(({ filename, source }: Listed) => filename ?? source.key).sort();
    };
    await expect
      .poll(ready, { timeout: 20_000 })
      .toEqual([...(aws === undefined ? ["any/key.jpg"] : []), "sample.jpg", "sample.jpg", "sample.jpg"]);
  });
});

test("every file that README links to is there", () => {
  const links = [...readme.matchAll(/\]\((?!http)([^)#]+)/g)].map(([, path = ""]) => path);
  expect(links.length).toBeGreaterThan(3);
  expect(links.filter((path) => !existsSync(join(root, path)))).toEqual([]);
});

test("every setting that README names is one, with the default that README gives", async () => {
  const example = await readFile(join(root, ".env.example"), "utf8");
  const defaults = new Map([...example.matchAll(/^#(\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]));
  const table = [...readme.matchAll(/^\| .* \| (.+?) \(`([A-Z_]+)`\) \|/gm)];
  expect(table.length).toBeGreaterThan(3);
  for (const [, said = "", name = ""] of table) {
    const value = defaults.get(name) ?? "";
    expect([name, said.replace(/\W/g, "").toLowerCase()]).toEqual([name, asSaid(name, value)]);
  }
});

type Listed = { filename?: string; source: { key: string } };

/** Formats a setting's value as README does. */
function asSaid(name: string, value: string): string {
  if (name === "BYTES_MAX") return `${Number(value) / 2 ** 20}mib`;
  if (name.endsWith("PIXELS_MAX")) return `${Number(value) / 1e6}million`;
  if (name === "SIDE_MAX") return `${value}px`;
  if (name === "DECODE_SECONDS_MAX") return `${value}s`;
  return value.replace(/\W/g, "").toLowerCase();
}

/** Runs commands in one shell in the repository's folder, with the URLs of this run. Throws if one of them fails. */
async function type(lines: readonly string[]): Promise<string> {
  const script = lines
    .map((line) => line.replace(/\bcurl\b/, "curl --silent --show-error --fail-with-body"))
    .join("\n")
    .replaceAll("http://127.0.0.1:3000", cloud.url)
    .replaceAll("http://127.0.0.1:3001", cloud.s3Url);
  const { stdout } = await promisify(execFile)("bash", ["-euc", `${script}\necho\necho "ID: $ID"`], {
    cwd: root,
    env: { ...process.env, IMAGE_API_URL: cloud.url, AWS_PAGER: "" },
  });
  return stdout;
}
