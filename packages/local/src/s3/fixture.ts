/** What the tests of the S3 endpoint share: an endpoint over a folder of its own, and the real SDK against it. */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
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
    corsOrigins: "any local",
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
      const client = new S3Client({
        endpoint: url,
        region: "us-east-1",
        credentials: keys,
        forcePathStyle: true,
        maxAttempts: 1,
        ...config,
      });
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

/** Bytes that no two calls share. */
export const bytesOf = (length: number): Buffer => randomBytes(length);

/** The error that a call ends with, as "Code 404"; "none" if it does not fail. */
export async function refusal(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "none";
  } catch (error) {
    if (error instanceof S3ServiceException) return `${error.name} ${error.$metadata.httpStatusCode}`;
    throw error;
  }
}

/** Status and S3 code of an answer, as "403 AccessDenied"; "200" where there is no code. */
export async function outcome(response: Response | Promise<Response>): Promise<string> {
  const { status, ...rest } = await Promise.resolve(response).then(async (answer) => ({
    status: answer.status,
    text: await answer.text(),
  }));
  return [status, /<Code>(.*?)<\/Code>/.exec(rest.text)?.[1]].filter(Boolean).join(" ");
}
