/** Type-checks the clients that npm's generators write, each with a program that uploads an image. */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestCloud, type TestCloud } from "../cloud.fixture.ts";
import { docs, generate, photo, printed, root, run } from "./generate.ts";

const programs = join(import.meta.dirname, "typescript");

let cloud: TestCloud;
let folder: string;

beforeAll(async () => {
  cloud = await startTestCloud();
  folder = await mkdtemp(join(tmpdir(), "generated-"));
  await cp(programs, folder, { recursive: true });
  await writeFile(join(folder, "package.json"), JSON.stringify({ type: "module", private: true }));
});

afterAll(async () => {
  await cloud.stop();
  await rm(folder, { recursive: true });
});

test("orval's configuration is the one of docs/clients.md", async () => {
  expect(docs).toContain(await readFile(join(programs, "orval.config.ts"), "utf8"));
});

test.each([
  ["openapi-typescript", "openapi-fetch.ts"],
  ["@hey-api/openapi-ts", "hey-api.ts"],
  ["orval", "orval.ts"],
])(
  "the client of %s has strict types, and uploads an image",
  { timeout: 300_000 },
  async (heading, program) => {
    await generate(heading, folder);
    const tsconfig = join(folder, `tsconfig.${program}.json`);
    await writeFile(tsconfig, JSON.stringify({ extends: "./tsconfig.json", files: [program] }));
    const typeRoots = join(root, "node_modules/@types");
    await run("npx", ["tsc", "--project", tsconfig, "--typeRoots", typeRoots], { cwd: root });
    await build({
      absWorkingDir: folder,
      entryPoints: [program],
      bundle: true,
      platform: "node",
      format: "esm",
      outfile: `${program}.mjs`,
    });
    const { stdout } = await run("node", [`${program}.mjs`, cloud.url, photo], { cwd: folder });
    expect(stdout).toBe(printed);
  },
);
