/** The example expo, whose packages take 550 MB: with the long tests. */
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { installExample } from "./site.fixture.ts";

const run = promisify(execFile);

let folder: string;
let remove: () => Promise<void>;

beforeAll(async () => {
  ({ folder, remove } = await installExample("expo"));
}, 300_000);
afterAll(() => remove());

test("the example expo compiles against the declarations of Expo and React Native", async () => {
  const { code = 0, stdout } = await run("npm", ["run", "check"], { cwd: folder }).catch((error) => error);
  expect({ code, faults: stdout.match(/.*error TS.*/g) }).toEqual({ code: 0, faults: null });
}, 120_000);

test("Metro bundles the example expo for Android and iOS, to Hermes bytecode, without network", async () => {
  const env = { ...process.env, NODE_ENV: "production", CI: "1", EXPO_OFFLINE: "1", EXPO_NO_TELEMETRY: "1" };
  await run("npm", ["run", "bundle"], { cwd: folder, env });
  for (const system of ["android", "ios"]) {
    const bundles = join(folder, "dist/_expo/static/js", system);
    const [name = ""] = await readdir(bundles);
    expect(name).toMatch(/\.hbc$/);
    expect((await readFile(join(bundles, name))).includes("image_uploads")).toBe(true);
  }
}, 300_000);
