/** An example, copied and installed outside the repository, and its site in Chromium. */
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@image-pipeline/client";
import { photo } from "@image-pipeline/core/fixture";
import type { BrowserContext, Page } from "playwright-core";
import { expect, onTestFinished } from "vitest";
import { install, listExamples } from "../../../../examples/install.ts";

/** Copies an example into a new folder and installs it there, so that it finds nothing of the repository. */
export async function installExample(name: string): Promise<{ folder: string; remove(): Promise<void> }> {
  const found = (await listExamples()).find((example) => example.name === name);
  if (!found) throw new Error(`There is no example ${name}.`);
  const folder = await mkdtemp(join(tmpdir(), `example-${name}-`));
  const isSource = (path: string) =>
    !/\/(node_modules|dist|\.[a-z]+)(\/|$)/.test(path.slice(found.folder.length));
  await cp(found.folder, folder, { recursive: true, filter: isSource });
  await install(found, folder);
  return { folder, remove: () => rm(folder, { recursive: true, force: true, maxRetries: 5 }) };
}

/** A page that records errors and layout shifts. */
export type Site = { page: Page; errors: string[]; shift(): Promise<number> };

/** Opens a page. Every message of the console at the level of an error is recorded, and every exception. */
export async function open(context: BrowserContext, url: string): Promise<Site> {
  const page = await context.newPage();
  onTestFinished(() => page.close());
  const errors: string[] = [];
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.addInitScript(() => {
    const state = globalThis as unknown as { shift: number };
    state.shift = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) state.shift += (entry as unknown as { value: number }).value;
    }).observe({ type: "layout-shift", buffered: true });
  });
  await page.goto(url);
  return {
    page,
    errors,
    shift: () => page.evaluate(() => (globalThis as unknown as { shift: number }).shift),
  };
}

/** Uploads two photos, one upright. */
export async function addPhotos(baseUrl: string, token?: string): Promise<void> {
  const client = createClient({ baseUrl, token });
  for (const [width, height] of [
    [600, 900],
    [900, 600],
  ] as const) {
    const bytes = new Uint8Array(await photo({ width, height }));
    await client.upload(new File([bytes], "photo.jpg", { type: "image/jpeg" }));
  }
}

/** Files of variants arrive this much later than the page, in milliseconds. */
const delayMs = 500;

/**
 * Opens a page at the width of a phone, and expects that it has at least three pictures of which none moves or changes
 * its size while the files, which come late, are loaded. Returns the page's errors.
 */
export async function expectStill(context: BrowserContext, url: string, selector: string): Promise<string[]> {
  const { page, errors, shift } = await open(context, "about:blank");
  await page.setViewportSize({ width: 360, height: 800 });
  await page.route("**/media/**", async (route) => {
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    await route.continue();
  });
  await page.goto(url, { waitUntil: "domcontentloaded" });
  const pictures = page.locator(selector);
  await pictures.nth(2).waitFor({ state: "attached" });
  const boxes = () =>
    pictures.evaluateAll((all) =>
      all.map((one) => {
        const { top, width, height } = one.getBoundingClientRect();
        return [top + scrollY, width, height].map(Math.round);
      }),
    );
  const before = await boxes();
  await pictures.evaluateAll(async (all) => {
    for (const image of all as HTMLImageElement[]) image.loading = "eager";
    await Promise.all((all as HTMLImageElement[]).map((image) => image.decode()));
    // The observer is called after the frame of the shift.
    for (let frame = 0; frame < 3; frame++) await new Promise((resolve) => requestAnimationFrame(resolve));
  });
  expect({ boxes: await boxes(), shift: await shift() }).toEqual({ boxes: before, shift: 0 });
  return errors;
}

/** A photo of 1.5 : 1 with `padding` bytes after its end, which decoders ignore, so that an upload takes a while. */
export async function boat(padding = 0, width = 1200) {
  const buffer = Buffer.concat([await photo({ width, height: width / 1.5 }), Buffer.alloc(padding)]);
  return { name: "boat.jpg", mimeType: "image/jpeg", buffer };
}

/** Waits until an `<img>` is loaded, and expects the shape of the photo. */
export async function expectPicture(page: Page, selector: string): Promise<void> {
  const picture = page.locator(selector).first();
  await picture.waitFor();
  const shown = await picture.evaluate(async (element: HTMLImageElement) => {
    await element.decode();
    return { isLoaded: element.naturalWidth > 0, shape: element.width / element.height };
  });
  expect(shown).toEqual({ isLoaded: true, shape: expect.closeTo(1.5, 1) });
}
