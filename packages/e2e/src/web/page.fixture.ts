import { createClient } from "@image-pipeline/client";
import type { Settings } from "@image-pipeline/core/settings";
import axe from "axe-core";
import type { BrowserContext, Page } from "playwright-core";
import { expect } from "vitest";
import { startBrowser } from "../browser.fixture.ts";
import { startTestCloud } from "../cloud.fixture.ts";

export type World = Awaited<ReturnType<typeof startWorld>>;

/** A file to drop onto the page. */
export type Given = { name: string; type: string; bytes: Buffer };

/** Starts a cloud and a browser. `complaints` collects errors of the pages' consoles, such as policy violations. */
export async function startWorld(settings?: Partial<Settings.Pipeline>) {
  const cloud = await startTestCloud(settings);
  const browser = await startBrowser();
  const complaints: string[] = [];
  watch(browser.context, complaints);
  return {
    url: cloud.url,
    client: createClient({ baseUrl: cloud.url }),
    context: browser.context,
    complaints,
    settled: cloud.settled,
    async stop() {
      await browser.close();
      await cloud.stop();
    },
  };
}

/** Collects script errors and violations of the content security policy. */
export function watch(context: BrowserContext, complaints: string[]): void {
  context.on("page", (page) => {
    page.on("pageerror", (error) => complaints.push(String(error.stack ?? error)));
    page.on("console", (message) => {
      if (message.type() === "error" && !/Failed to load resource/.test(message.text()))
        complaints.push(message.text());
    });
  });
}

/** Opens the page at a route such as `#/operations`, in a window of this size. */
export async function open(
  { context, url }: Pick<World, "context" | "url">,
  route = "#/",
  size = { width: 1280, height: 860 },
): Promise<Page> {
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  await page.setViewportSize(size);
  await page.goto(`${url}/${route}`);
  await page.getByRole("link", { name: "Operations" }).waitFor();
  return page;
}

/** `expect.poll` with a timeout for a busy machine. */
export const eventually: typeof expect.poll = (run, options) =>
  expect.poll(run, { timeout: 30_000, ...options });

/** Drops files onto the page. */
export async function drop(page: Page, files: readonly Given[]): Promise<void> {
  const transfer = await page.evaluateHandle(
    (given) => {
      const data = new DataTransfer();
      for (const { name, type, base64 } of given) {
        const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
        data.items.add(new File([bytes], name, { type }));
      }
      return data;
    },
    files.map(({ name, type, bytes }) => ({ name, type, base64: bytes.toString("base64") })),
  );
  for (const type of ["dragenter", "dragover", "drop"])
    await page.dispatchEvent("body", type, { dataTransfer: transfer });
}

/** Returns axe's serious and critical violations, one line each, once no colour is in transition. */
export async function faultsOf(page: Page): Promise<string[]> {
  await page.evaluate(() =>
    Promise.allSettled(
      document
        .getAnimations()
        .filter((animation) => animation instanceof CSSTransition)
        .map(({ finished }) => finished),
    ),
  );
  // Through the debugger, which the content security policy does not restrict.
  const session = await page.context().newCDPSession(page);
  await session.send("Runtime.evaluate", { expression: axe.source });
  await session.detach();
  const { violations } = await page.evaluate(() => (globalThis as unknown as { axe: typeof axe }).axe.run());
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`));
}
