/** `npm run example`: its list, its errors, and the local stack that it starts and ends. */
import { execFile } from "node:child_process";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { photo } from "@image-pipeline/core/fixture";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { install, listExamples } from "../../../../examples/install.ts";
import { example, freePort, listen } from "./example.fixture.ts";

const run = promisify(execFile);
const changes = async () =>
  (await run("git", ["status", "--porcelain"], { cwd: import.meta.dirname })).stdout;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "example-"));
  await writeFile(join(folder, "boat.jpg"), await photo({ width: 640, height: 480 }));
});
afterEach(() => vi.unstubAllEnvs());
afterAll(() => rm(folder, { recursive: true }));

test("lists every example with one line", async () => {
  const { code, printed } = await example([]).over;
  const names = printed.split("\n").flatMap((line) => /^ {2}(\S+) +\S/.exec(line)?.[1] ?? []);
  expect({ code, names }).toEqual({ code: 0, names: ["html-uppy", "node"] });
});

test("names the examples if there is none of the given name", async () => {
  const { code, printed } = await example(["angular"]).over;
  expect(code).toBe(1);
  expect(printed).toContain('Example "angular" not found. The examples are html-uppy, node');
});

test("names a port that is in use, and the option for another one", async () => {
  const { server, port } = await listen();
  const { code, printed } = await example(["html-uppy", "--port", String(port)]).over;
  server.close();
  expect(code).toBe(1);
  expect(printed).toBe(
    `Port ${port} is in use. Choose another: npm run example -- html-uppy --port ${port + 1}\n`,
  );
});

test("names the registry if it cannot be reached", async () => {
  const found = (await listExamples()).find(({ name }) => name === "html-uppy");
  if (!found) throw new Error("The example html-uppy is missing.");
  const copy = join(folder, "html-uppy");
  await cp(found.folder, copy, { recursive: true, filter: (path) => !/node_modules|\.packages/.test(path) });
  vi.stubEnv("npm_config_registry", "http://127.0.0.1:9");
  vi.stubEnv("npm_config_cache", join(folder, "cache"));
  vi.stubEnv("npm_config_fetch_retries", "0");
  await expect(install(found, copy)).rejects.toThrow("The npm registry cannot be reached (ECONNREFUSED).");
}, 120_000);

test("starts the local stack and runs a script, ends the stack with itself, and leaves git clean", async () => {
  const before = await changes();
  const ports = { PORT: await freePort(), S3_PORT: await freePort(), DYNAMODB_PORT: await freePort() };
  const command = example(["node", folder], { ...ports, DATA_DIR: join(folder, "data") });
  const [, url = ""] = await command.until(/boat\.jpg\t(http\S+)/);
  expect(url).toContain(`http://127.0.0.1:${ports.PORT}/media/`);
  expect((await fetch(url)).headers.get("content-type")).toBe("image/webp");
  await command.until(/until Ctrl-C/);
  command.child.kill("SIGINT");
  expect((await command.over).code).toBe(0);
  await expect(fetch(url)).rejects.toThrow("fetch failed");
  expect(await changes()).toBe(before);
}, 120_000);
