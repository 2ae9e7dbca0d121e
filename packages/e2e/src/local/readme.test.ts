/** Runs the commands of README, and compares its settings and file names with the product. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { photo } from "@image-pipeline/core/fixture";
import sharp from "sharp";
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

/** The commands that need only a running product and an image. */
const tried = commands.filter((command) => /^(curl|export|aws|npm run image)\b/.test(command));

let cloud: TestCloud;
/** The variables of the reader's shell so far. */
const shell: Record<string, string> = {};

beforeAll(async () => {
  cloud = await startTestCloud();
  const pictures = join(cloud.folder, "pictures");
  await mkdir(pictures);
  const jpeg = await photo({ width: 800, height: 600 });
  for (const name of ["photo.jpg", "photo.JPG"]) await writeFile(join(pictures, name), jpeg);
  await writeFile(join(pictures, "photo.png"), await sharp(jpeg).png().toBuffer());
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
  // In README's order: a command may depend on those before it.
  for (const command of tried) {
    const lack = command.startsWith("aws") ? aws : undefined;
    test.skipIf(lack)(`${command}${lack ?? ""}`, { timeout: 60_000 }, async () => {
      const exported = /^export (.*)/.exec(command)?.[1];
      if (exported) {
        for (const pair of exported.split(" ")) {
          const [name = "", value = ""] = pair.split("=");
          shell[name] = value;
        }
        return;
      }
      const output = await type(command);
      if (command.startsWith("curl -X POST")) {
        const { id, upload } = JSON.parse(output);
        Object.assign(shell, { ID: id, UPLOAD_URL: upload.url });
      }
      // A reader would type the next command after processing has finished.
      if (command.startsWith("curl -T")) await fetch(`${cloud.url}/images/${shell.ID}?wait=20`);
    });
  }

  test("leave the announced image ready and then deleted, and the others in the list", async () => {
    const ready = async () => {
      const { items } = await (await fetch(`${cloud.url}/images?status=ready`)).json();
      return items.map(({ filename, source }: Listed) => filename ?? source.key).sort();
    };
    await expect
      .poll(ready, { timeout: 20_000 })
      .toEqual(aws === undefined ? ["any/key.JPG", "photo.jpg"] : ["photo.jpg"]);
    const { items: events } = await (await fetch(`${cloud.url}/images/${shell.ID}/events`)).json();
    expect(events.map(({ type }: { type: string }) => type)).toEqual(
      expect.arrayContaining(["announced", "uploaded", "ready", "deleting"]),
    );
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

/** Runs a command in the folder with the reader's images, with the URLs of this run. Throws if it fails. */
async function type(command: string): Promise<string> {
  const here = command
    .replaceAll("http://127.0.0.1:3000", cloud.url)
    .replaceAll("http://127.0.0.1:3001", cloud.s3Url)
    .replace(/^curl/, "curl --silent --show-error --fail-with-body")
    // npm runs a script in the project's folder, so image paths are relative to it.
    .replace(
      /^npm run (.*?)(photo\.\w+)?$/,
      (_, rest, file) =>
        `npm --prefix ${root} --silent run ${rest}${file ? join(cloud.folder, "pictures", file) : ""}`,
    );
  const { stdout } = await promisify(execFile)("bash", ["-c", here], {
    cwd: join(cloud.folder, "pictures"),
    env: { ...process.env, ...shell, IMAGE_API_URL: cloud.url, AWS_PAGER: "" },
  });
  return stdout;
}
