/** `npm run example`: its list and its errors. `node.test.ts` has the local stack that it starts. */
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { install, listExamples } from "../../../../examples/install.ts";
import { example, listen } from "./example.fixture.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "example-"));
});
afterEach(() => vi.unstubAllEnvs());
afterAll(() => rm(folder, { recursive: true }));

test("lists every example with one line", async () => {
  const { code, printed } = await example([]).over;
  const names = printed.split("\n").flatMap((line) => /^ {2}(\S+) +\S/.exec(line)?.[1] ?? []);
  expect({ code, names }).toEqual({ code: 0, names: ["expo", "html-uppy", "nextjs", "node", "vite-react"] });
});

test("names the examples if there is none of the given name", async () => {
  const { code, printed } = await example(["angular"]).over;
  expect(code).toBe(1);
  expect(printed).toContain(
    'Example "angular" not found. The examples are expo, html-uppy, nextjs, node, vite-react.',
  );
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
