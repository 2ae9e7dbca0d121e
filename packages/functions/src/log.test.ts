import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";

/** Runs code in a child process and returns its output, line by line. */
function written(code: string, env: Record<string, string> = {}) {
  const script = `const { log } = await import(${JSON.stringify(new URL("log.ts", import.meta.url))}); ${code}`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    encoding: "utf8",
    env: { NODE_NO_WARNINGS: "1", SST_RESOURCE_App: '{"name":"image-pipeline","stage":"test"}', ...env },
  });
  expect(status).toBe(0);
  const lines = (text: string) =>
    text
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  return { stdout: lines(stdout), stderr: lines(stderr) };
}

const all = 'log.info("a", { n: 1 }); log.warn("b", {}); log.error("c", {});';

test("a line says when, how grave and whose it is; what is grave goes to the other stream", () => {
  const { stdout, stderr } = written(all);
  expect(stdout).toEqual([
    {
      level: "INFO",
      message: "a",
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      service: "image-pipeline-test",
      n: 1,
    },
  ]);
  expect(stderr).toMatchObject([
    { level: "WARN", message: "b" },
    { level: "ERROR", message: "c" },
  ]);
});

test("an error is written with its stack, its cause and its other fields", () => {
  const code = `const error = Object.assign(new TypeError("outer", { cause: new Error("inner") }), { status: 503 });
    log.error("failed", { error, errors: [error] });`;
  const outer = {
    name: "TypeError",
    message: "outer",
    stack: expect.stringContaining("TypeError: outer\n    at "),
    cause: { name: "Error", message: "inner", stack: expect.stringContaining("Error: inner\n    at ") },
    status: 503,
  };
  expect(written(code).stderr).toMatchObject([{ error: outer, errors: [outer] }]);
});

test("nothing that is given keeps a line from being written", () => {
  const code = `const error = new Error("round"); error.self = error; const list = []; list.push({ list });
    log.error("odd", { error, list, big: 2n ** 64n, none: undefined });`;
  const [line] = written(code).stderr;
  expect(line).toMatchObject({
    message: "odd",
    error: { message: "round" },
    list: [{}],
    big: "18446744073709551616",
  });
  expect(line.error).not.toHaveProperty("self");
  expect(line).not.toHaveProperty("none");
});

test.each([
  ["POWERTOOLS_LOG_LEVEL", "WARN", ["WARN", "ERROR"]],
  ["POWERTOOLS_LOG_LEVEL", "error", ["ERROR"]],
  ["POWERTOOLS_LOG_LEVEL", "SILENT", []],
  ["POWERTOOLS_LOG_LEVEL", "DEBUG", ["INFO", "WARN", "ERROR"]],
  // The level of Lambda's logging configuration.
  ["AWS_LAMBDA_LOG_LEVEL", "ERROR", ["ERROR"]],
  ["AWS_LAMBDA_LOG_LEVEL", "FATAL", []],
])("%s=%s lets through %j", (name, level, levels) => {
  const { stdout, stderr } = written(all, { [name]: level });
  expect([...stdout, ...stderr].map((line) => line.level)).toEqual(levels);
});
