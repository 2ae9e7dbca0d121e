/** The command line as people run it, in a process of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** What a run came to. */
export type Result = { code: number | null; stdout: string; stderr: string };

/** Runs it to its end, with `environment` on top of this process's own. */
export const run = (line: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Result> =>
  start(line, environment)[1];

/** Starts it, for tests that have more to do with the process. */
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

/** Standard output as the objects that its lines are. */
export const jsonLines = <T>(text: string): T[] =>
  text
    .trim()
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as T);
