/** Helpers for the tests of the S3 endpoint: an endpoint over a temporary folder, and the AWS SDK's client for it. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { S3Client, type S3ClientConfig, S3ServiceException } from "@aws-sdk/client-s3";
import type { ObjectEvent } from "./event.ts";
import { type S3Options, startS3 } from "./server.ts";

/** A secret with characters that are easily lost in escaping. */
export const keys = { accessKeyId: "local", secretAccessKey: "local/secret+with=chars" };

export type Served = {
  url: string;
  port: number;
  dataDir: string;
  /** In the order in which they came. */
  events: ObjectEvent[];
  /** Added to the machine's clock, in milliseconds. */
  clock: { aheadMs: number };
  client(config?: S3ClientConfig): S3Client;
  /** Stops the endpoint; the folder stays. */
  stop(): Promise<void>;
  /** Stops, and removes the folder. */
  end(): Promise<void>;
};

/** Starts an endpoint with the buckets `uploads` and `processed`. */
export async function serve(options: Partial<S3Options> = {}): Promise<Served> {
  const dataDir = options.dataDir ?? (await mkdtemp(path.join(tmpdir(), "s3-")));
  const events: ObjectEvent[] = [];
  const clock = { aheadMs: 0 };
  const { url, close } = await startS3({
    dataDir,
    port: 0,
    buckets: ["uploads", "processed"],
    region: "us-east-1",
    ...keys,
    onEvent: (event) => {
      events.push(event);
    },
    now: () => Date.now() + clock.aheadMs,
    ...options,
  });
  const clients: S3Client[] = [];
  let stopped = false;
  const stop = async () => {
    if (stopped) return;
    stopped = true;
    for (const client of clients) client.destroy();
    await close();
  };
  return {
    url,
    port: Number(new URL(url).port),
    dataDir,
    events,
    clock,
    client(config) {
      const client = clientFor(url, config);
      clients.push(client);
      return client;
    },
    stop,
    async end() {
      await stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

export type Spawned = {
  url: string;
  /** Every event that the process reported, in order. */
  events: ObjectEvent[];
  /** Its output on stderr so far. */
  log(): string;
  /** Passes a line to the shell that started it. */
  tell(line: string): void;
  /** Sends SIGKILL; resolves when the process is dead and all of its output has been read. */
  kill(): Promise<void>;
};

/** Starts the endpoint as a process, run by the shell script `shell`, in which `"$@"` is the command. */
export async function spawnServer(dataDir: string, shell = 'exec "$@"'): Promise<Spawned> {
  const script = path.join(import.meta.dirname, "fixture-process.ts");
  const command = [shell, "sh", process.execPath, script, dataDir];
  const child = spawn("sh", ["-c", ...command], { stdio: "pipe", detached: true });
  const events: ObjectEvent[] = [];
  let log = "";
  child.stderr.on("data", (text) => {
    log += text;
  });
  let isClosed = false;
  const closed = new Promise<void>((resolve) =>
    child.on("close", () => {
      isClosed = true;
      resolve();
    }),
  );
  const url = await new Promise<string>((resolve, reject) => {
    createInterface(child.stdout).on("line", (line) => {
      const said: { url?: string; event?: ObjectEvent } = JSON.parse(line);
      if (said.event) events.push(said.event);
      if (said.url) resolve(said.url);
    });
    void closed.then(() => reject(new Error(`The endpoint did not start: ${log}`)));
  });
  return {
    url,
    events,
    log: () => log,
    tell: (line) => child.stdin.write(`${line}\n`),
    async kill() {
      // Kills the process group: the shell may have ended before the endpoint, or may be the last process left.
      if (child.pid !== undefined && !isClosed) killGroup(child.pid);
      await closed;
    },
  };
}

function killGroup(id: number): void {
  try {
    process.kill(-id, "SIGKILL");
  } catch (error) {
    // Every process has ended; only the end of the output is still unread.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** The SDK's client for an endpoint. */
export const clientFor = (endpoint: string, config: S3ClientConfig = {}): S3Client =>
  new S3Client({
    endpoint,
    region: "us-east-1",
    credentials: keys,
    forcePathStyle: true,
    maxAttempts: 1,
    ...config,
  });

/** Returns random bytes. */
export const bytesOf = (length: number): Buffer => randomBytes(length);

/** Returns the error of a call, as "Code 404"; "none" if it succeeds. */
export async function refusal(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "none";
  } catch (error) {
    if (error instanceof S3ServiceException) return `${error.name} ${error.$metadata.httpStatusCode}`;
    throw error;
  }
}

/** Returns the status and S3 code of a response, as "403 AccessDenied"; "200" if there is no code. */
export async function outcome(response: Response | Promise<Response>): Promise<string> {
  const { status, ...rest } = await Promise.resolve(response).then(async (answer) => ({
    status: answer.status,
    text: await answer.text(),
  }));
  return [status, /<Code>(.*?)<\/Code>/.exec(rest.text)?.[1]].filter(Boolean).join(" ");
}
