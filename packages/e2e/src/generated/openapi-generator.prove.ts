import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestCloud, type TestCloud } from "../cloud.fixture.ts";
import { describeWith } from "../needs.ts";
import { generate, mavenDependency, run } from "./generate.ts";

const photo = join(import.meta.dirname, "../../../../docs/sample.jpg");

/** The output of every program: create, repeat with the same key, upload, wait, list, and an error's code. */
const printed = ["created pending", "repeated true", "ready 200", "listed true", "404 image_not_found", ""];

let cloud: TestCloud;
let folder: string;

/** Returns a copy of a language's program, with the generated client in `client`. */
async function programWith(generator: Parameters<typeof generate>[0]): Promise<string> {
  const cwd = join(folder, generator);
  await cp(join(import.meta.dirname, generator), cwd, { recursive: true });
  await generate(generator, cwd);
  return cwd;
}

describeWith(["jdk", "maven"], "clients of openapi-generator", () => {
  beforeAll(async () => {
    cloud = await startTestCloud();
    folder = await mkdtemp(join(tmpdir(), "generated-"));
  });

  afterAll(async () => {
    await cloud.stop();
    await rm(folder, { recursive: true });
  });

  test("Kotlin compiles, and uploads an image", { timeout: 600_000 }, async () => {
    const cwd = await programWith("kotlin");
    const classpath = [`${mavenDependency}:build-classpath`, "-Dmdep.outputFile=target/classpath"];
    await run("mvn", ["--quiet", "--batch-mode", "compile", ...classpath], { cwd });
    const classes = `target/classes:${await readFile(join(cwd, "target/classpath"), "utf8")}`;
    const { stdout } = await run("java", ["-cp", classes, "MainKt", cloud.url, photo], { cwd });
    expect(stdout.split("\n")).toEqual(printed);
  });
});
