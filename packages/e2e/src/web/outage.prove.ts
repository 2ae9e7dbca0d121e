import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createClient } from "@image-pipeline/client";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { chromiumPath, startBrowser, throttle } from "../browser.fixture.ts";
import { describeWith } from "../needs.ts";
import { drop, open } from "./page.fixture.ts";

let dataDir: string;
let server: ChildProcess;
let ports: number[];
let browser: Awaited<ReturnType<typeof startBrowser>>;

beforeAll(async () => {
  if (!chromiumPath) return;
  dataDir = await mkdtemp(join(tmpdir(), "image-outage-"));
  ports = await Promise.all([freePort(), freePort(), freePort()]);
  server = await startServer();
  browser = await startBrowser();
}, 60_000);

afterAll(async () => {
  await browser?.close();
  if (server) await kill(server);
  if (dataDir) await rm(dataDir, { recursive: true, force: true });
});

/** Starts the embedded mode like `npm start` and waits until it is healthy. */
async function startServer(): Promise<ChildProcess> {
  const [port, s3, dynamodb] = ports;
  const child = spawn(process.execPath, [fileURLToPath(import.meta.resolve("@image-pipeline/local/main"))], {
    env: {
      PATH: process.env.PATH,
      PORT: `${port}`,
      S3_PORT: `${s3}`,
      DYNAMODB_PORT: `${dynamodb}`,
      DATA_DIR: dataDir,
      TRASH_DAYS: "0",
    },
    stdio: "ignore",
  });
  const isHealthy = async () => {
    if (child.exitCode !== null) throw new Error(`The server exited with ${child.exitCode}.`);
    const response = await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined);
    return response?.ok;
  };
  await vi.waitUntil(isHealthy, { timeout: 60_000, interval: 200 });
  return child;
}

async function kill(child: ChildProcess) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** A JPEG of noise, about two megabytes. */
async function noise(): Promise<Buffer> {
  const noise = { type: "gaussian", mean: 128, sigma: 60 } as const;
  return sharp({ create: { width: 1400, height: 1050, channels: 3, background: "#888", noise } })
    .jpeg({ quality: 95 })
    .toBuffer();
}

describeWith("chromium", "in Chromium", () => {
  test("the page reports a server that is killed during an upload, and the upload continues when it is back", {
    timeout: 120_000,
  }, async () => {
    const url = `http://127.0.0.1:${ports[0]}`;
    const page = await open({ context: browser.context, url });
    await page.getByRole("heading", { name: "No images yet" }).waitFor();
    const bytes = await noise();
    // Ten seconds for the file, so that the server can be killed during the upload.
    await throttle(page, bytes.length / 10);
    await drop(page, [{ name: "noise.jpg", type: "image/jpeg", bytes }]);
    const tray = page.getByRole("region", { name: "Uploads" });
    await tray.getByText(/kB of/).waitFor();
    await kill(server);
    await page.getByText("The server cannot be reached.").waitFor({ timeout: 30_000 });
    await tray.getByText("Waiting for the server").first().waitFor();

    await throttle(page, -1);
    server = await startServer();
    await tray.getByText("1 uploaded").waitFor({ timeout: 60_000 });
    await expect.poll(() => page.getByText("The server cannot be reached.").count()).toBe(0);
    const { items } = await createClient({ baseUrl: url }).images.page();
    expect(items.map(({ status, source }) => [status, source.bytes])).toEqual([["ready", bytes.length]]);
  });
});
