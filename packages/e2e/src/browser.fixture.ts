/** A page in a real Chromium with the client on it. */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { type BrowserContext, chromium, type Page } from "playwright-core";

/** Where a Chromium or Chrome is, if this machine has one; `CHROME_PATH` names another. */
export const chromiumPath = [
  process.env.CHROME_PATH ?? "",
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
].find((path) => path !== "" && existsSync(path));

const args = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Starts a browser with a profile of its own. `close` ends it and removes the profile. */
export async function startBrowser(): Promise<{ context: BrowserContext; close(): Promise<void> }> {
  const profile = await mkdtemp(join(tmpdir(), "image-browser-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: chromiumPath,
    headless: true,
    args,
  });
  return {
    context,
    async close() {
      await context.close();
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** The client as a page's script: everything it exports, as `globalThis.images`. */
export async function bundle(): Promise<string> {
  const contents =
    'export * from "@image-pipeline/client/client"; export * from "@image-pipeline/client/show"; export * from "@image-pipeline/client/placeholder"; export * from "@image-pipeline/client/send";';
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

/** Slows a page's network down to so many bytes a second, up and down; 0 cuts it. */
export async function throttle(page: Page, bytesPerSecond: number): Promise<void> {
  const session = await page.context().newCDPSession(page);
  await session.send("Network.emulateNetworkConditions", {
    offline: bytesPerSecond === 0,
    latency: 0,
    uploadThroughput: bytesPerSecond,
    downloadThroughput: bytesPerSecond,
  });
}
