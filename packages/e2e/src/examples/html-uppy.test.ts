import { photo } from "@image-pipeline/core/fixture";
import type { BrowserContext } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startBrowser, throttle } from "../browser.fixture.ts";
import { startTestCloud, type TestCloud } from "../cloud.fixture.ts";
import { describeWith } from "../needs.ts";
import { example, freePort } from "./example.fixture.ts";

let cloud: TestCloud;
let url: string;
let context: BrowserContext;
let close: (() => Promise<void>) | undefined;

describeWith("chromium", "the example html-uppy", () => {
  beforeAll(async () => {
    cloud = await startTestCloud();
    const command = example(["html-uppy", "--port", await freePort()], { IMAGES_URL: cloud.url });
    const opened = await command.until(/^Open (\S+)$/m);
    url = opened[1] ?? "";
    ({ context, close } = await startBrowser());
  }, 300_000);

  afterAll(async () => {
    await close?.();
    await cloud.stop();
  });

  test("uploads a photo with progress, and shows it over its placeholder, also after a reload", async () => {
    const page = await context.newPage();
    const errors: string[] = [];
    page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
    page.on("pageerror", (error) => errors.push(String(error)));
    await page.goto(url);
    await throttle(page, 300_000);
    // A megabyte after the end of the photo, which decoders ignore, so that there is progress to see.
    const buffer = Buffer.concat([await photo({ width: 1200, height: 800 }), Buffer.alloc(1_000_000)]);
    await page
      .locator(".uppy-Dashboard-input")
      .first()
      .setInputFiles({ name: "boat.jpg", mimeType: "image/jpeg", buffer });
    await page.getByRole("button", { name: "Upload 1 file" }).click();
    await page.getByText(/Uploading: [1-9]\d?%/).waitFor();
    await throttle(page, -1);

    const picture = page.locator("#gallery img");
    await picture.waitFor();
    const shown = () =>
      picture.evaluate(async (element: HTMLImageElement) => {
        await element.decode();
        const { naturalWidth, width, height, style } = element;
        return { isLoaded: naturalWidth > 0, shape: width / height, placeholder: style.backgroundImage };
      });
    const expected = {
      isLoaded: true,
      shape: expect.closeTo(1.5, 1),
      placeholder: expect.stringMatching(/^url\("data:image\/png/),
    };
    expect(await shown()).toEqual(expected);
    await page.reload();
    expect(await shown()).toEqual(expected);
    expect(errors).toEqual([]);
  }, 60_000);
});
