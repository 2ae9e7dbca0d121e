/** Components of `@image-pipeline/react` in Chromium, in StrictMode. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Client, createClient, type Image } from "@image-pipeline/client";
import { build } from "esbuild";
import type { BrowserContext, Page } from "playwright-core";
import { createElement } from "react";
import { renderToString } from "react-dom/server";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startBrowser } from "../browser.fixture.ts";
import { startTestCloud, type TestCloud } from "../cloud.fixture.ts";
import { describeWith } from "../needs.ts";
import { faultsOf, watch } from "../web/page.fixture.ts";
import { pages } from "./react.fixture.tsx";

/** Renders the component that the URL's path names into `#root`, or hydrates the HTML in it. */
const entry = `
  import { createElement, StrictMode } from "react";
  import { createRoot, hydrateRoot } from "react-dom/client";
  import { createClient } from "@image-pipeline/client";
  import { createUploads, indexedDBStore } from "@image-pipeline/client/uploads";
  import { pages } from "./react.fixture.tsx";
  const { name, images, baseUrl } = globalThis.given;
  const client = createClient({ baseUrl });
  const uploads = name === "Line" ? createUploads({ baseUrl, store: indexedDBStore() }) : undefined;
  const page = createElement(StrictMode, null, createElement(pages[name], { client, images, uploads }));
  const root = document.getElementById("root");
  if (root.firstChild) hydrateRoot(root, page);
  else createRoot(root).render(page);
`;

const site = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
  const isScript = pathname === "/page.js";
  response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
  if (isScript) return response.end(script);
  const name = pathname.slice(1);
  if (!(name in pages)) return response.writeHead(404).end();
  const html = searchParams.has("rendered")
    ? renderToString(createElement(pages.Album, { images: album }))
    : "";
  const given = JSON.stringify({ name, images: album, baseUrl: cloud.url });
  const scripts = searchParams.has("static")
    ? ""
    : `<script>given = ${given.replaceAll("<", "\\u003c")}</script><script src="/page.js" defer></script>`;
  return response.end(
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>Test</title><div id="root">${html}</div>${scripts}</html>`,
  );
});

let script: string;
let cloud: TestCloud;
let client: Client;
let context: BrowserContext;
let close: () => Promise<void>;
const album: Image[] = [];
const complaints: string[] = [];

describeWith("chromium", "in Chromium", () => {
  beforeAll(async () => {
    const { outputFiles } = await build({
      stdin: { contents: entry, resolveDir: import.meta.dirname },
      bundle: true,
      format: "iife",
      target: "es2022",
      define: { "process.env.NODE_ENV": '"development"' },
      write: false,
    });
    script = outputFiles[0]?.text ?? "";
    await new Promise<void>((resolve) => site.listen(0, "127.0.0.1", resolve));
    cloud = await startTestCloud();
    client = createClient({ baseUrl: cloud.url });
    ({ context, close } = await startBrowser());
    watch(context, complaints);
    for (const [width, height] of [
      [1200, 900],
      [600, 1200],
      [1600, 700],
    ] as const)
      album.push(await client.upload(await photo(width, height), { title: `${width} × ${height}` }));
  });

  afterAll(async () => {
    await close();
    await cloud.stop();
    await new Promise((resolve) => site.close(resolve));
  });

  test.each([
    ["that the browser renders", "Album"],
    ["that a server has rendered and React hydrates", "Album?rendered"],
    ["that a server has rendered, without any script,", "Album?rendered&static"],
  ])("pictures %s do not shift the layout while they load", async (_, path) => {
    complaints.length = 0;
    const { page, shift, moved } = await load(path);
    expect({ shift, moved }).toEqual({ shift: 0, moved: false });
    const opacity = () =>
      page
        .locator("img")
        .first()
        .evaluate((image) => getComputedStyle(image).opacity);
    if (path.includes("rendered")) expect(await opacity()).toBe("1");
    else await expect.poll(opacity).toBe("1");
    expect(complaints).toEqual([]);
    await page.close();
  });

  test("images without sizes shift the layout, as a control of the measurement", async () => {
    const { page, shift, moved } = await load("Shifting");
    expect(shift).toBeGreaterThan(0.01);
    expect(moved).toBe(true);
    await page.close();
  });

  test("a picture shows its placeholder until the file is loaded, and then fades in", async () => {
    const page = await context.newPage();
    const release = await hold(page);
    await page.goto(`${origin()}/Album`, { waitUntil: "domcontentloaded" });
    const img = page.locator("img").first();
    const styles = () =>
      img.evaluate((image) => ({
        opacity: getComputedStyle(image).opacity,
        backdrop: getComputedStyle(image.parentElement ?? image).backgroundImage.slice(0, 25),
        alt: image.getAttribute("alt"),
      }));
    await img.waitFor({ state: "attached" });
    expect(await styles()).toEqual({
      opacity: "0",
      backdrop: 'url("data:image/png;base6',
      alt: "1200 × 900",
    });
    release();
    await expect
      .poll(styles, { timeout: 15_000 })
      .toEqual({ opacity: "1", backdrop: "none", alt: "1200 × 900" });
    // 300 CSS pixels: without `sizes` Chromium measures the box, and needs no larger file.
    expect(await img.evaluate((image) => (image as HTMLImageElement).currentSrc)).toContain("/small.");
    await page.close();
  });

  test("an upload by keyboard shows its progress, then the image", async () => {
    complaints.length = 0;
    const page = await context.newPage();
    await page.goto(`${origin()}/Desk`);
    const input = page.getByLabel("Add photos");
    await input.waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await page.keyboard.press("Tab");
    const isFocused = await page.locator("label").getAttribute("data-focused");
    expect(isFocused).toBe("true");
    const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.keyboard.press("Space")]);
    expect(chooser.isMultiple()).toBe(true);
    const seen = page.getByRole("progressbar", { name: "Upload" }).waitFor();
    await chooser.setFiles([await given("a.jpg"), await given("b.jpg")]);
    await seen;
    await expect.poll(() => page.locator("picture").count(), { timeout: 15_000 }).toBe(2);
    await page.getByRole("progressbar").waitFor({ state: "detached" });
    expect((await client.images.page({ tag: "desk" })).items.map(({ title }) => title)).toEqual([
      "b.jpg",
      "a.jpg",
    ]);
    expect(complaints).toEqual([]);
    await page.close();
  });

  test("a click on the label opens the file chooser, and a refused file is an alert with its code", async () => {
    const page = await context.newPage();
    await page.goto(`${origin()}/Desk`);
    const [chooser] = await Promise.all([
      page.waitForEvent("filechooser"),
      page.getByText("Add photos").click(),
    ]);
    const notes = { name: "notes.jpg", mimeType: "image/jpeg", buffer: Buffer.from("no picture") };
    await chooser.setFiles([notes, await given("c.jpg")]);
    const alert = page.getByRole("alert");
    await alert.waitFor();
    expect(await alert.locator("p").getAttribute("data-code")).toBe("unsupported_format");
    expect(await alert.locator("p").textContent()).toContain("notes.jpg: ");
    // The file after it is uploaded.
    await page.getByRole("img", { name: "c.jpg" }).waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await page.close();
  });

  test("a button of a queue shows its progress, uploads after a reload, and a failed file is tried again or cancelled", async () => {
    const page = await context.newPage();
    let isOffline = true;
    await page.route("**/images", (route) =>
      isOffline && route.request().method() === "POST" ? route.abort() : route.continue(),
    );
    await page.goto(`${origin()}/Line`);
    await page.getByLabel("Add photos").setInputFiles([await given("f.jpg"), await given("g.jpg")]);
    await page.getByRole("progressbar", { name: "Upload" }).waitFor();
    await page.reload();
    await page.getByRole("progressbar", { name: "Upload" }).waitFor();
    isOffline = false;
    await page.reload();
    await page.getByText("f.jpg uploaded").waitFor();
    await page.getByText("g.jpg uploaded").waitFor();
    await page.getByRole("progressbar").waitFor({ state: "detached" });
    const { items } = await client.images.page({ limit: 2 });
    expect(items.map(({ filename }) => filename).sort()).toEqual(["f.jpg", "g.jpg"]);

    const notes = { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("no picture") };
    await page.getByLabel("Add photos").setInputFiles(notes);
    const alert = page.getByRole("alert");
    await alert.waitFor();
    expect(await alert.locator("p").getAttribute("data-code")).toBe("unsupported_format");
    expect(await alert.locator("p").textContent()).toContain("notes.txt: ");
    isOffline = true;
    await alert.getByRole("button", { name: "Try again" }).click();
    await alert.waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByText(/notes.txt/).waitFor({ state: "detached" });
    expect(await faultsOf(page)).toEqual([]);
    await page.close();
  });

  test.each(["Close", "Cancel"])("%s during an upload aborts it and deletes its image", async (name) => {
    const page = await context.newPage();
    const before = await client.images.page({ tag: "desk" });
    // The presigned PUT never ends.
    let sending: (() => void) | undefined;
    const sent = new Promise<void>((resolve) => {
      sending = resolve;
    });
    await page.route("**", (route) => (route.request().method() === "PUT" ? sending?.() : route.continue()));
    const failed = page.waitForEvent("requestfailed", { predicate: (request) => request.method() === "PUT" });
    await page.goto(`${origin()}/Desk`);
    await page.getByLabel("Add photos").setInputFiles([await given("d.jpg"), await given("e.jpg")]);
    await sent;
    await page.getByRole("button", { name }).click();
    await failed;
    await expect
      .poll(async () => (await client.images.page({ tag: "desk" })).items, { timeout: 15_000 })
      .toEqual(before.items);
    expect(await page.getByRole("alert").count()).toBe(0);
    await page.close();
  });
});

function origin(): string {
  return `http://localhost:${(site.address() as AddressInfo).port}`;
}

/** Opens a page, loads its images after its layout, and returns the sum of the layout shifts and if a text has moved. */
async function load(path: string) {
  const page = await context.newPage();
  await observeShifts(page);
  const release = await hold(page);
  await page.goto(`${origin()}/${path}`, { waitUntil: "domcontentloaded" });
  const texts = page.locator("section p");
  await texts.last().waitFor();
  const tops = () => texts.evaluateAll((all) => all.map((one) => one.getBoundingClientRect().top));
  const before = await tops();
  release();
  const shift = await page.evaluate(async () => {
    const images = [...document.images];
    for (const image of images) image.loading = "eager";
    await Promise.all(images.map((image) => image.decode()));
    // The observer is called after the frame of the shift.
    for (let frame = 0; frame < 3; frame++) await new Promise((resolve) => requestAnimationFrame(resolve));
    return (globalThis as unknown as { shift: number }).shift;
  });
  const after = await tops();
  return { page, shift, moved: after.some((top, index) => top !== before[index]) };
}

/** Adds up the layout shifts of a page in `shift`. */
async function observeShifts(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const sum = globalThis as unknown as { shift: number };
    sum.shift = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries())
        sum.shift += (entry as PerformanceEntry & { value: number }).value;
    }).observe({ type: "layout-shift", buffered: true });
  });
}

/** Holds the responses of all variants until the returned function is called. */
async function hold(page: Page): Promise<() => void> {
  let release: (() => void) | undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  await page.route("**/media/**", async (route) => {
    await released;
    await route.continue();
  });
  return () => release?.();
}

async function photo(width: number, height: number): Promise<File> {
  const bytes = await sharp({ create: { width, height, channels: 3, background: "teal" } })
    .jpeg()
    .toBuffer();
  return new File([new Uint8Array(bytes)], "photo.jpg", { type: "image/jpeg" });
}

async function given(name: string) {
  const buffer = Buffer.from(await (await photo(300, 200)).arrayBuffer());
  return { name, mimeType: "image/jpeg", buffer };
}
