/** Compiles the clients that openapi-generator writes, each with a program that uploads an image. */
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestCloud, type TestCloud } from "../cloud.fixture.ts";
import { describeWith } from "../needs.ts";
import { fetchClasspath, generateByJava, photo, printed, run } from "./generate.ts";

const timeout = 600_000;
let cloud: TestCloud;
let folder: string;

/** Returns the folder of a language's program with the generated client in `client`. */
async function programIn(language: string): Promise<string> {
  const name = language.toLowerCase();
  const cwd = join(folder, name);
  await cp(join(import.meta.dirname, name), cwd, { recursive: true });
  await generateByJava(language, cwd);
  return cwd;
}

/** Runs a program with the URL of the API and a photo, and expects its output. */
async function expectUpload(cwd: string, command: string, ...args: string[]): Promise<void> {
  const { stdout } = await run(command, [...args, cloud.url, photo], { cwd });
  expect(stdout).toBe(printed);
}

describeWith(["jdk", "maven"], "a client of openapi-generator", () => {
  beforeAll(async () => {
    cloud = await startTestCloud();
    folder = await mkdtemp(join(tmpdir(), "generated-"));
  });

  afterAll(async () => {
    await cloud.stop();
    await rm(folder, { recursive: true });
  });

  test("in Kotlin compiles, and uploads an image", { timeout }, async () => {
    const cwd = await programIn("Kotlin");
    await run("mvn", ["--quiet", "--batch-mode", "compile"], { cwd });
    await expectUpload(cwd, "java", "-cp", `target/classes:${await fetchClasspath(cwd)}`, "MainKt");
  });

  test("in Java compiles, and uploads an image", { timeout }, async () => {
    const cwd = await programIn("Java");
    const classpath = await fetchClasspath(cwd);
    const sources = ["-sourcepath", "src:client/src/main/java", "src/Main.java"];
    await run("javac", ["-d", "classes", "-cp", classpath, ...sources], { cwd });
    await expectUpload(cwd, "java", "-cp", `classes:${classpath}`, "Main");
  });

  describeWith("go", "in Go", () => {
    test("compiles, and uploads an image", { timeout }, async () => {
      const cwd = await programIn("Go");
      await run("go", ["build", "-o", "app"], { cwd });
      await expectUpload(cwd, "./app");
    });
  });

  describeWith("venv", "in Python", () => {
    test("has types that mypy accepts, and uploads an image", { timeout }, async () => {
      const cwd = await programIn("Python");
      await run("python3", ["-m", "venv", "venv"], { cwd });
      await run("venv/bin/pip", ["install", "--quiet", "./client", "mypy==2.4.1"], { cwd });
      await run("venv/bin/mypy", ["--strict", "main.py"], { cwd });
      await expectUpload(cwd, "venv/bin/python", "main.py");
    });
  });
});
