/** `npm start` as a process over a temporary data folder, for the tests of one file. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach } from "vitest";

const root = fileURLToPath(new URL("../../../../", import.meta.url));

/** The data folder of the running test. */
export let dataDir: string;

let children: ChildProcessWithoutNullStreams[];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "main-"));
  children = [];
});

afterEach(async () => {
  for (const child of children) if (child.exitCode === null) child.kill("SIGKILL");
  await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
});

/** Starts the server by npm instead of by Node. */
export const npmStart = "npm start";

/** Starts the process on free ports, without a trash, with these settings. */
export function launch(
  settings: Record<string, string> = {},
  how: readonly string[] | typeof npmStart = [],
): ChildProcessWithoutNullStreams {
  // No setting of the test runner reaches it. npm runs the Node of this process.
  const { PATH = "", HOME = "" } = process.env;
  const ports = { PORT: "0", S3_PORT: "0", DYNAMODB_PORT: "0" };
  const path = `${dirname(process.execPath)}:${PATH}`;
  const env = { PATH: path, HOME, DATA_DIR: dataDir, TRASH_DAYS: "0", ...ports, ...settings };
  const [program, args] =
    how === npmStart
      ? ["npm", ["--prefix", root, "start"]]
      : [process.execPath, [join(root, "packages/local/src/main.ts"), ...how]];
  const child = spawn(program, args, { cwd: tmpdir(), env });
  children.push(child);
  return child;
}

/** Starts it and reads the URLs that it prints. */
export async function start(
  settings: Record<string, string> = {},
  how: readonly string[] | typeof npmStart = [],
) {
  const child = launch(settings, how);
  child.stderr.pipe(process.stderr);
  let printed = "";
  child.stdout.setEncoding("utf8").on("data", (part: string) => {
    printed += part;
  });
  while (!printed.includes("Ctrl-C stops it"))
    await Promise.race([once(child.stdout, "data"), failed(child)]);
  const urlOf = (name: string) => new RegExp(`${name} +(http://[\\d.:]+)`).exec(printed)?.[1] ?? "";
  return { child, printed, url: urlOf("API"), s3Url: urlOf("S3") };
}

async function failed(child: ChildProcessWithoutNullStreams): Promise<never> {
  await once(child, "exit");
  throw new Error("It ended before it was ready.");
}
