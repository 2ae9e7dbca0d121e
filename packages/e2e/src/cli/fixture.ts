/** The command line: in this process, which is fast, or in its own, where signals, exit codes and the environment matter. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { run as runLine } from "@image-pipeline/cli/program";
import { vi } from "vitest";

/** The exit code and output of a run. */
export type Result = { code: number | null; stdout: string; stderr: string };

/** Runs a command line in this process, against the stage that its tests have started. One at a time. */
export async function runHere(
  line: readonly string[],
  environment: Record<string, string> = {},
): Promise<Result> {
  const output = { stdout: "", stderr: "" };
  const listeners = process.listeners("SIGINT");
  const spies = (["stdout", "stderr"] as const).map((name) =>
    vi.spyOn(process[name], "write").mockImplementation((text) => {
      output[name] += text;
      return true;
    }),
  );
  for (const [name, value] of Object.entries({ NO_COLOR: "1", ...environment })) vi.stubEnv(name, value);
  try {
    const code = (await runLine(line)) ?? Number(process.exitCode ?? 0);
    return { code, ...output };
  } finally {
    process.exitCode = undefined;
    vi.unstubAllEnvs();
    for (const spy of spies) spy.mockRestore();
    for (const listener of process.listeners("SIGINT")) {
      if (!listeners.includes(listener)) process.off("SIGINT", listener);
    }
  }
}

/** Runs the command line in a process, with `environment` on top of this process's environment. */
export const run = (line: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Result> =>
  start(line, environment)[1];

/** Starts the command line in a process, for tests that signal it. */
export function start(
  line: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): [ChildProcess, Promise<Result>] {
  const env: NodeJS.ProcessEnv = { ...process.env, NO_COLOR: "1", ...environment };
  delete env.FORCE_COLOR;
  const main = fileURLToPath(import.meta.resolve("@image-pipeline/cli/main"));
  const child = spawn(process.execPath, [main, ...line], { env, stdio: ["ignore", "pipe", "pipe"] });
  const result = { code: null, stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text) => {
    result.stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    result.stderr += text;
  });
  return [child, once(child, "close").then(([code]) => ({ ...result, code }))];
}

/** Parses standard output as JSON lines. */
export const jsonLines = <T>(text: string): T[] =>
  text
    .trim()
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as T);
