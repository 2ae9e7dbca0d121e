/** The embedded server as a process that is killed and restarted over one data folder, each time an hour later. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

export type ServerProcess = {
  url: string;
  /** Starts the server with its clock `laterMs` ahead of its last start. Resolves when it serves. */
  start(laterMs: number): Promise<void>;
  /** Kills it before the n-th call that its process of this role makes from now on. */
  killAt(role: "server" | "processor", call: number): Promise<void>;
  /** Resolves when the server has exited; immediately if it does not run. */
  exited(): Promise<void>;
  isDead(): boolean;
  /** The server's process id. Throws if it was never started. */
  pid(): number;
  /** Kills the server with SIGKILL. */
  kill(): Promise<void>;
};

const main = fileURLToPath(new URL("../../local/src/main.ts", import.meta.url));
const preload = new URL("./kill-point.ts", import.meta.url).href;

/** Attempts to reach a server that starts, 50 ms apart. */
const triesMax = 2400;

/** Prepares a server over a folder, with these settings. The clock of this process runs ahead with the server's. */
export async function openProcess(
  dataDir: string,
  settings: Record<string, string> = {},
): Promise<ServerProcess> {
  const order = join(dataDir, "kill-order");
  const [port, s3Port, dynamodbPort] = await Promise.all([freePort(), freePort(), freePort()]);
  let aheadMs = 0;
  let child: ChildProcess | undefined;
  runAhead(() => aheadMs);
  const isDead = () => !child || child.exitCode !== null || child.signalCode !== null;
  let exit: Promise<unknown> = Promise.resolve();
  const exited = async () => void (await exit);
  const server: ServerProcess = {
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
          TRASH_DAYS: "0",
          ...settings,
        },
      });
      exit = once(child, "exit");
      await untilServing(server);
      // The endpoints of the server, for the product's modules that this process uses.
      const environment = await readFile(join(dataDir, "environment.json"), "utf8");
      Object.assign(process.env, JSON.parse(environment) as Record<string, string>);
    },
    killAt: (role, call) => writeFile(order, `${role} ${call}`),
    exited,
    isDead,
    pid() {
      if (child?.pid === undefined) throw new Error("The server was never started.");
      return child.pid;
    },
    async kill() {
      child?.kill("SIGKILL");
      await exited();
    },
  };
  return server;
}

/** Lets the clock of this process run ahead of the machine's by `byMs`, which is called at each reading. */
export function runAhead(byMs: () => number): void {
  const RealDate = Date;
  class AheadDate extends RealDate {
    constructor(...given: [] | [number | string | Date]) {
      if (given.length === 0) super(RealDate.now() + byMs());
      else super(...(given as [number]));
    }
    static override now() {
      return RealDate.now() + byMs();
    }
  }
  globalThis.Date = AheadDate as DateConstructor;
}

async function untilServing({ url, isDead }: ServerProcess): Promise<void> {
  for (let tries = 0; tries < triesMax; tries++) {
    if (isDead()) throw new Error("The server exited while it started.");
    try {
      if ((await fetch(`${url}/health`)).ok) return;
    } catch {
      // It does not listen yet.
    }
    await sleep(50);
  }
  throw new Error(`The server at ${url} did not answer within two minutes.`);
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
