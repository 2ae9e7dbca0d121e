/** The embedded server as a process that is killed and started again over one data folder, each life an hour later. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runAhead } from "./ahead.ts";

export type Lives = {
  url: string;
  /** Starts the server so much later than it last was; resolves when it serves. */
  start(laterMs: number): Promise<void>;
  /** Kills it at the n-th call that a process of its makes from now on. */
  killAt(role: "server" | "processor", call: number): Promise<void>;
  /** Resolves when the server has ended; immediately if it does not run. */
  ended(): Promise<void>;
  isDead(): boolean;
  /** The server's process id. Throws if it was never started. */
  pid(): number;
  /** Ends it now, as a power failure would. */
  kill(): Promise<void>;
};

const main = fileURLToPath(new URL("../../local/src/main.ts", import.meta.url));
const preload = new URL("./kill-point.ts", import.meta.url).href;

/** Makes lives over a folder. This process's clock goes along with theirs. */
export async function openLives(dataDir: string): Promise<Lives> {
  const order = join(dataDir, "kill-order");
  const [port, s3Port, dynamodbPort] = await Promise.all([freePort(), freePort(), freePort()]);
  let aheadMs = 0;
  let child: ChildProcess | undefined;
  runAhead(() => aheadMs);
  const ended = async () => {
    if (child && child.exitCode === null && child.signalCode === null) await once(child, "exit");
  };
  const lives: Lives = {
    url: `http://127.0.0.1:${port}`,
    async start(laterMs) {
      aheadMs += laterMs;
      await rm(order, { force: true });
      const { PATH = "", HOME = "" } = process.env;
      child = spawn(process.execPath, [main], {
        stdio: ["ignore", "ignore", "ignore"],
        env: {
          PATH,
          HOME,
          DATA_DIR: dataDir,
          PORT: String(port),
          S3_PORT: String(s3Port),
          DYNAMODB_PORT: String(dynamodbPort),
          NODE_OPTIONS: `--import=${preload}`,
          NODE_COMPILE_CACHE: join(dataDir, "compiled"),
          KILL_ORDER: order,
          CLOCK_AHEAD_MS: String(aheadMs),
        },
      });
      await serves(lives);
      // Where everything is, for the parts of the product that this process uses itself.
      const places = await readFile(join(dataDir, "environment.json"), "utf8");
      Object.assign(process.env, JSON.parse(places) as Record<string, string>);
    },
    killAt: (role, call) => writeFile(order, `${role} ${call}`),
    ended,
    isDead: () => !child || child.exitCode !== null || child.signalCode !== null,
    pid() {
      if (child?.pid === undefined) throw new Error("There is no server.");
      return child.pid;
    },
    async kill() {
      child?.kill("SIGKILL");
      await ended();
    },
  };
  return lives;
}

async function serves({ url, isDead }: Lives): Promise<void> {
  for (let tries = 0; tries < 2400; tries++) {
    if (isDead()) throw new Error("The server ended while it started.");
    try {
      if ((await fetch(`${url}/health`)).ok) return;
    } catch {
      // Not yet.
    }
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error("The server does not answer.");
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("A server listens on a port.");
  return address.port;
}
