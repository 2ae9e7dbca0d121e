import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { photo } from "@image-pipeline/core/fixture";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestCloud, type TestCloud } from "../cloud.fixture.ts";
import { example, freePort } from "./example.fixture.ts";

const run = promisify(execFile);
const examples = join(import.meta.dirname, "../../../../examples");
const changes = async () => (await run("git", ["status", "--porcelain", "."], { cwd: examples })).stdout;

let cloud: TestCloud;
let folder: string;

beforeAll(async () => {
  cloud = await startTestCloud();
  folder = await mkdtemp(join(tmpdir(), "example-node-"));
  await mkdir(join(folder, "holiday"));
  for (const [index, name] of ["boat.jpg", "holiday/beach.jpg", "holiday/hills.jpg"].entries())
    await writeFile(join(folder, name), await photo({ width: 400 + index, height: 300 }));
  await writeFile(join(folder, "notes.txt"), "Not an image.");
}, 60_000);

afterAll(async () => {
  await cloud.stop();
  await rm(folder, { recursive: true });
});

/** Runs the example on the folder. Returns its exit code, the URLs by file name, and its errors. */
async function upload() {
  const { code, printed } = await example(["node", folder], { IMAGES_URL: cloud.url }).over;
  const found = [...printed.matchAll(/^(\S+)\t(.*)$/gm)].map(
    ([, name = "", text = ""]) => [name, text] as const,
  );
  return { code, urls: Object.fromEntries(found.sort()) };
}

test("uploads the images of a folder, reports a damaged one, and a second run sends nothing twice", async () => {
  const first = await upload();
  expect(Object.keys(first.urls)).toEqual(["boat.jpg", "holiday/beach.jpg", "holiday/hills.jpg"]);
  for (const url of Object.values(first.urls))
    expect((await fetch(url)).headers.get("content-type")).toBe("image/webp");
  expect(first.code).toBe(0);

  const damaged = join(folder, "torn.jpg");
  await writeFile(damaged, "not a photo");
  const second = await upload();
  expect(second).toEqual({
    code: 1,
    urls: { ...first.urls, [damaged]: expect.stringMatching(/^\w/) },
  });
  const { items } = (await (await fetch(`${cloud.url}/images`)).json()) as { items: object[] };
  expect(items).toHaveLength(4);
}, 120_000);

test("without an API the local stack is started, and ends with the example; git stays clean", async () => {
  const before = await changes();
  const ports = { PORT: await freePort(), S3_PORT: await freePort(), DYNAMODB_PORT: await freePort() };
  const command = example(["node", join(folder, "holiday")], { ...ports, DATA_DIR: join(folder, ".data") });
  const [, url = ""] = await command.until(/beach\.jpg\t(http\S+)/);
  expect(url).toContain(`http://127.0.0.1:${ports.PORT}/media/`);
  expect((await fetch(url)).headers.get("content-type")).toBe("image/webp");
  await command.until(/until Ctrl-C/);
  command.child.kill("SIGINT");
  expect((await command.over).code).toBe(0);
  await expect(fetch(url)).rejects.toThrow("fetch failed");
  expect(await changes()).toBe(before);
}, 120_000);

test("the example compiles", async () => {
  const check = run("npm", ["run", "check"], { cwd: join(examples, "node") });
  const { code = 0, stdout } = await check.catch((error) => error);
  expect({ code, faults: stdout.match(/.*error TS.*/g) }).toEqual({ code: 0, faults: null });
}, 60_000);
