import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listen } from "@image-pipeline/local/listen";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from "vitest";
import { chromiumPath, throttle } from "../browser.fixture.ts";
import { describeWith } from "../needs.ts";
import { drop, faultsOf, open, startWorld, type World } from "./page.fixture.ts";
import { scene } from "./scenes.ts";

let world: World;
let page: Page;
let folder: string;

beforeAll(async () => {
  if (!chromiumPath) return;
  world = await startWorld({ anonymous: true, egressLoopback: true });
  folder = await mkdtemp(join(tmpdir(), "image-folder-"));
  await mkdir(join(folder, "album", "deep"), { recursive: true });
  await writeFile(join(folder, "album", "IMG_1.jpg"), await scene(1));
  await writeFile(join(folder, "album", "deep", "IMG_2.jpg"), await scene(2));
  await writeFile(join(folder, "album", ".hidden"), "nothing to see");
}, 60_000);
afterAll(async () => {
  await world?.stop();
  if (folder) await rm(folder, { recursive: true });
});
afterEach(async () => {
  await page?.close();
  expect(world.complaints.splice(0)).toEqual([]);
});

const tray = () => page.getByRole("region", { name: "Uploads" });
const files = async (count: number, from: number) =>
  Promise.all(
    Array.from({ length: count }, async (_, i) => ({
      name: `IMG_${from + i}.jpg`,
      mimeType: "image/jpeg",
      buffer: await scene(from + i),
    })),
  );

describeWith("chromium", "in Chromium", () => {
  test("a dropped folder is uploaded with its subfolders and without hidden files", async () => {
    page = await open(world);
    await page.getByRole("heading", { name: "No images yet" }).waitFor();
    const session = await page.context().newCDPSession(page);
    // Through the debugger, as from the desktop: a script cannot create directory entries.
    const data = { items: [], files: [join(folder, "album")], dragOperationsMask: 1 };
    for (const type of ["dragEnter", "dragOver", "drop"] as const)
      await session.send("Input.dispatchDragEvent", { type, x: 200, y: 300, data });
    await tray().getByText("2 uploaded", { exact: true }).waitFor({ timeout: 30_000 });
    expect((await tray().locator(".name").allTextContents()).sort()).toEqual(["IMG_1.jpg", "IMG_2.jpg"]);
  });

  test("several files are chosen at once, and the same ones again", async () => {
    page = await open(world);
    for (const wanted of ["3 uploaded", "6 uploaded"]) {
      const asked = page.waitForEvent("filechooser");
      await page.getByRole("button", { name: "Add images" }).click();
      const chooser = await asked;
      expect(chooser.isMultiple()).toBe(true);
      await chooser.setFiles(await files(3, 10));
      await tray().getByText(wanted, { exact: true }).waitFor({ timeout: 30_000 });
    }
  });

  test("an image is pasted", async () => {
    await world.context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: world.url });
    page = await open(world);
    const png = (await scene(20, "png")).toString("base64");
    await page.evaluate(async (base64) => {
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      await navigator.clipboard.write([
        new ClipboardItem({ "image/png": new Blob([bytes], { type: "image/png" }) }),
      ]);
    }, png);
    await page.keyboard.press("Control+V");
    await tray().getByText("1 uploaded", { exact: true }).waitFor({ timeout: 30_000 });
  });

  test("images are added from URLs, typed or pasted, and what is refused stays with its reason", async () => {
    const bytes = await scene(41);
    const source = createServer(({ url }, response) => {
      response.statusCode = url === "/none.jpg" ? 404 : 200;
      response.end(bytes);
    });
    const origin = await listen(source, 0);
    onTestFinished(() => void source.close());
    page = await open(world);
    await page.getByRole("button", { name: "Add a folder or a URL" }).click();
    const dialog = page.getByRole("dialog", { name: "Add images" });
    const field = dialog.getByLabel("URLs of images, one on each line");
    await field.fill(`${origin}/boat.jpg\nboat`);
    const add = dialog.getByRole("button", { name: /^Add/ });
    await add.click();
    await dialog.getByText("Not a URL: boat.").waitFor();
    await field.fill(`${origin}/boat.jpg\nhttps://10.0.0.1/secret.jpg`);
    await add.click();
    await dialog.getByText(/^https:\/\/10\.0\.0\.1\/secret\.jpg: .*address that is not public/).waitFor();
    expect(await field.inputValue()).toBe("https://10.0.0.1/secret.jpg");
    expect(await faultsOf(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await page.getByRole("link", { name: "boat.jpg" }).locator("img.shown").waitFor({ timeout: 30_000 });

    await page.evaluate((text) => {
      const clipboardData = new DataTransfer();
      clipboardData.setData("text/plain", text);
      document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
    }, `${origin}/none.jpg`);
    expect(await field.inputValue()).toBe(`${origin}/none.jpg`);
    await page.keyboard.press("Tab");
    await add.click();
    await dialog.waitFor({ state: "detached" });
    const failed = page.getByRole("link", { name: "none.jpg" });
    await failed.getByText("The server of the URL did not send the file.").waitFor({ timeout: 30_000 });
    await failed.click();
    await page.getByText(`${origin}/none.jpg`, { exact: true }).waitFor();
    expect(await page.getByRole("button", { name: "Reprocess" }).isDisabled()).toBe(true);
  });

  test("a touch device offers its camera, and a device with a mouse does not", async () => {
    page = await open(world);
    await page.route(/\/images\?/, (request) => request.fulfill({ json: { items: [] } }));
    await page.reload();
    await page.getByRole("heading", { name: "No images yet" }).waitFor();
    const inputs = await page.locator(".pickers input").evaluateAll((all) =>
      all.map((input) => ({
        capture: input.getAttribute("capture"),
        folder: input.hasAttribute("webkitdirectory"),
        accept: input.getAttribute("accept"),
      })),
    );
    expect(inputs).toContainEqual({ capture: "environment", folder: false, accept: "image/*" });
    expect(inputs).toContainEqual({ capture: null, folder: true, accept: null });
    const camera = page.getByRole("button", { name: "Take a photo" });
    expect(await camera.isVisible()).toBe(false);
    const session = await page.context().newCDPSession(page);
    await session.send("Emulation.setEmulatedMedia", {
      features: [{ name: "pointer", value: "coarse" }],
    });
    await session.send("Emulation.setTouchEmulationEnabled", { enabled: true });
    await camera.waitFor();
  });

  test("an upload shows its progress, can be cancelled, and uploaded again", async () => {
    page = await open(world);
    await page.locator(".tile img.shown").first().waitFor();
    await throttle(page, 20_000);
    const [file] = await files(1, 30);
    if (!file) throw new Error("No file was made.");
    const bytes = Buffer.concat([file.buffer, Buffer.alloc(400_000, "x")]);
    await drop(page, [{ name: file.name, type: file.mimeType, bytes }]);
    const bar = tray().getByRole("progressbar", { name: file.name });
    await expect
      .poll(async () => Number(await bar.getAttribute("value")), { timeout: 15_000 })
      .toBeGreaterThan(0);
    expect(await tray().getByRole("progressbar", { name: "All uploads" }).count()).toBe(1);
    await tray()
      .getByRole("button", { name: `Cancel ${file.name}` })
      .click();
    await tray().getByText("Cancelled").waitFor();
    await throttle(page, -1);
    // The pending image is deleted.
    await expect
      .poll(async () => (await world.client.images.page({ status: "pending" })).items.length, {
        timeout: 15_000,
      })
      .toBe(0);
    await tray()
      .getByRole("button", { name: `Try ${file.name} again` })
      .click();
    await tray().getByText("1 uploaded", { exact: true }).waitFor({ timeout: 30_000 });
  });
});
