/** A page in a real Chromium with the client on it. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { type BrowserContext, type CDPSession, chromium, type Page } from "playwright-core";

/** The path of Chromium or Chrome, if one is installed that runs; `CHROME_PATH` overrides it. */
export const chromiumPath = [
  process.env.CHROME_PATH ?? "",
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
].find((path) => existsSync(path) && spawnSync(path, ["--version"], { stdio: "ignore" }).status === 0);

const args = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Starts a browser with a temporary profile and further flags. `close` ends it and removes the profile. */
export async function startBrowser(
  flags: readonly string[] = [],
): Promise<{ context: BrowserContext; close(): Promise<void> }> {
  const profile = await mkdtemp(join(tmpdir(), "image-browser-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: chromiumPath,
    headless: true,
    args: [...args, ...flags],
  });
  return {
    context,
    async close() {
      await context.close();
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Bundles the client as a script that sets `globalThis.images` to its exports. */
export async function bundle(): Promise<string> {
  const contents =
    'export * from "@image-pipeline/client"; export * from "@image-pipeline/client/show"; export * from "@image-pipeline/client/placeholder"; export * from "@image-pipeline/client/sync"; export * from "@image-pipeline/client/uploads"; export * from "../../client/src/send.ts";';
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: import.meta.dirname },
    bundle: true,
    format: "iife",
    globalName: "images",
    target: "es2022",
    write: false,
  });
  return outputFiles[0]?.text ?? "";
}

/** The session that limits a page's network: a limit set by another one would go on. */
const throttles = new WeakMap<Page, CDPSession>();

/** Limits a page's network to `bytesPerSecond`, up and down; 0 disconnects it, -1 lifts the limit. */
export async function throttle(page: Page, bytesPerSecond: number): Promise<void> {
  const session = throttles.get(page) ?? (await page.context().newCDPSession(page));
  throttles.set(page, session);
  await session.send("Network.emulateNetworkConditions", {
    offline: bytesPerSecond === 0,
    latency: 0,
    uploadThroughput: bytesPerSecond,
    downloadThroughput: bytesPerSecond,
  });
}
