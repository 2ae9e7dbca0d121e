/** The API that an example uses: the local stack, which is started unless it runs already, or a stage. */
import type { ChildProcess } from "node:child_process";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readSettings } from "@image-pipeline/local/environment";
import { publicUrlOf } from "@image-pipeline/local/public-url";
import { ExampleError } from "./install.ts";
import { ended, start } from "./processes.ts";

const root = join(import.meta.dirname, "..");

/** Milliseconds between two checks of a server that starts. */
const pollMs = 100;

/** URL of the API. `process` is the local stack, if this process started it. */
export type Stack = { url: string; process?: ChildProcess };

/**
 * Returns the API at `IMAGES_URL`, or else the local stack, which it starts if no server listens on its port. Throws an
 * `ExampleError` if another server listens there, or if the stack does not start.
 */
export async function startStack(): Promise<Stack> {
  const { IMAGES_URL } = process.env;
  if (IMAGES_URL !== undefined) {
    if (await isApi(IMAGES_URL)) return { url: IMAGES_URL.replace(/\/+$/, "") };
    throw new ExampleError(`IMAGES_URL=${IMAGES_URL} is not the URL of an images API that answers.`);
  }
  // `.env` and its relative paths are those of `npm start`.
  process.chdir(root);
  const settings = readSettings();
  const { port } = settings;
  const local = `http://127.0.0.1:${port}`;
  const url = publicUrlOf(settings, String(port));
  if (await isApi(local)) return { url };
  if (await isTaken(port))
    throw new ExampleError(
      `Port ${port} is used by another program. Set PORT to a free port, or stop that program.`,
    );
  // As `npm start` it ends when this process has ended, however that was.
  const env = { npm_lifecycle_event: "start" };
  const stack = start([join(root, "packages/local/src/main.ts")], { env, isSilent: true });
  await untilUp(stack, () => isApi(local), "`npm start`");
  console.log(`The local stack runs at ${url}. Its images are in the gallery there.`);
  return { url, process: stack };
}

/** Resolves once a server is up. Throws an `ExampleError` if it ends before. */
export async function untilUp(
  server: ChildProcess,
  isUp: () => Promise<boolean>,
  name: string,
): Promise<void> {
  let code: number | undefined;
  void ended(server).then((given) => {
    code = given;
  });
  while (!(await isUp())) {
    if (code !== undefined)
      throw new ExampleError(`${name} ended with the code ${code}. Its error is above.`);
    await sleep(pollMs);
  }
}

/** Returns true if a server listens on a port of this machine. */
export async function isTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "localhost", autoSelectFamily: true });
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

/** Returns true if the images API answers at a URL. */
async function isApi(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/openapi.json`);
    const { paths } = (await response.json()) as { paths?: object };
    return paths !== undefined && "/images" in paths;
  } catch {
    return false;
  }
}
