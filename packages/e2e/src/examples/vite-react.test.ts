import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { BrowserContext } from "playwright-core";
import { type PreviewServer, preview } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startBrowser, throttle } from "../browser.fixture.ts";
import { startTestCloud, type TestCloud } from "../cloud.fixture.ts";
import { describeWith } from "../needs.ts";
import { addPhotos, boat, expectPicture, expectStill, installExample, open } from "./site.fixture.ts";

const run = promisify(execFile);

let cloud: TestCloud;
let server: PreviewServer;
let url: string;
let context: BrowserContext;
let close: (() => Promise<void>) | undefined;
let remove: (() => Promise<void>) | undefined;

describeWith("chromium", "the example vite-react, built for production", () => {
  beforeAll(async () => {
    let folder: string;
    [{ folder, remove }, cloud] = await Promise.all([installExample("vite-react"), startTestCloud()]);
    const env = { ...process.env, NODE_ENV: "production", VITE_IMAGES_URL: cloud.url };
    await run("npm", ["run", "build"], { cwd: folder, env });
    server = await preview({ root: folder, preview: { port: 0, host: "127.0.0.1" }, logLevel: "error" });
    url = server.resolvedUrls?.local[0] ?? "";
    ({ context, close } = await startBrowser());
  }, 300_000);

  afterAll(async () => {
    await close?.();
    await server.close();
    await cloud.stop();
    await remove?.();
  });

  test("an upload survives a reload of the page, and its picture appears", async () => {
    const { page, errors } = await open(context, url);
    await throttle(page, 100_000);
    await page.getByLabel("Add photos").setInputFiles(await boat(1_000_000));
    await page.getByText(/boat\.jpg \d+ %/).waitFor();
    await page.reload();
    await page.getByText(/boat\.jpg/).waitFor();
    await throttle(page, -1);
    await expectPicture(page, ".grid img");
    await expect.poll(() => page.getByText("boat.jpg").count()).toBe(0);
    const { items } = (await (await fetch(`${cloud.url}/images`)).json()) as { items: object[] };
    expect(items).toHaveLength(1);
    // S3 answers 409 while it still has the connection of the upload that the reload interrupted.
    expect(errors.filter((text) => !text.includes("409 (Conflict)"))).toEqual([]);
  }, 60_000);

  test("pictures have their place before they are loaded: nothing moves", async () => {
    await addPhotos(cloud.url);
    expect(await expectStill(context, url, ".grid img")).toEqual([]);
  }, 60_000);

  test("a file that the pipeline rejects and one that the API refuses are named with the reason, and can be dismissed", async () => {
    const { page } = await open(context, url);
    const file = { name: "notes.jpg", mimeType: "image/jpeg", buffer: Buffer.from("notes") };
    await page.getByLabel("Add photos").setInputFiles(file);
    const alert = page.getByRole("alert").filter({ hasText: "notes.jpg: " });
    await alert.waitFor();
    await alert.getByRole("button", { name: "Dismiss" }).click();
    await alert.waitFor({ state: "detached" });

    const text = { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("notes") };
    await page.getByLabel("Add photos").setInputFiles(text);
    await page.getByRole("alert").filter({ hasText: "notes.txt: The content type" }).waitFor();
    await page.getByRole("button", { name: "Dismiss" }).click();
    await expect.poll(() => page.getByText("notes.txt").count()).toBe(0);
  }, 60_000);
});
