import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { describeWith } from "../needs.ts";
import { drop, eventually, faultsOf, open, startWorld, type World } from "./page.fixture.ts";
import { scene } from "./scenes.ts";

let world: World;
let page: Page;

beforeAll(async () => {
  world = await startWorld();
}, 60_000);
afterAll(() => world?.stop());
afterEach(async () => {
  await page?.close();
  expect(world.complaints.splice(0)).toEqual([]);
});

/** Uploads an image without the page. */
async function add(seed: number, title?: string, tags?: string[]): Promise<string> {
  const file = new File([new Uint8Array(await scene(seed))], `IMG_${seed}.jpg`, { type: "image/jpeg" });
  return (await world.client.upload(file, { title, tags })).id;
}

const titleOf = async (id: string) => (await world.client.images.get(id)).title;
const tile = (id: string) => page.locator(`.tile[href*="${id}"]`);

describeWith("chromium", "in Chromium", () => {
  test("a field is saved when it loses the focus, and when the image is closed or left with it", async () => {
    const [id, older] = [await add(2), await add(1)].reverse() as [string, string];
    page = await open(world);
    await tile(id).click();
    await page.getByLabel("Title").fill("Left with Tab");
    await page.getByLabel("Title").press("Tab");
    await page.getByText("Saved", { exact: true }).waitFor();
    expect(await titleOf(id)).toBe("Left with Tab");

    await page.getByLabel("Title").fill("Left with Escape");
    await page.keyboard.press("Escape");
    await eventually(() => titleOf(id)).toBe("Left with Escape");

    await tile(id).click();
    await page.getByLabel("Alternative text").fill("Left for the next image");
    await page.getByRole("button", { name: "Older image" }).click();
    await eventually(async () => (await world.client.images.get(id)).alt).toBe("Left for the next image");
    expect((await world.client.images.get(older)).alt).toBeUndefined();
  });

  test("an image shows its duplicates, which lead to one another", async () => {
    const bytes = new Uint8Array(await scene(61, "webp"));
    const file = new File([bytes], "copy.webp", { type: "image/webp" });
    const copy = await world.client.upload(file, { title: "The copy" });
    const id = await add(61, "The first");
    page = await open(world, `#/images/${id}`);
    const shown = page.getByRole("region", { name: "Similar images" });
    await shown.getByRole("link", { name: "The copy" }).click();
    await page.getByRole("heading", { name: "The copy" }).waitFor();
    expect(page.url()).toContain(copy.id);
    await shown.getByRole("link", { name: "The first" }).waitFor();
    expect(await faultsOf(page)).toEqual([]);
  });

  test("a click and the arrow keys move the focal point, each crop shows it at once, and Undo takes it back", async () => {
    const id = await add(62, "Around a point");
    const thumbnail = async () => (await world.client.images.wait(id)).variants?.thumbnail?.url;
    const focus = async () => (await world.client.images.get(id)).focus;
    const before = await thumbnail();
    page = await open(world, `#/images/${id}`);
    const point = page.getByRole("button", { name: "Focal point" });
    const preview = page.getByRole("img", { name: "Preview of thumbnail" });
    const box = await point.boundingBox();
    if (!box) throw new Error("The picture has no box.");
    await point.click({ position: { x: box.width * 0.9, y: box.height * 0.9 } });
    const positions = () => preview.evaluate(({ style }) => style.objectPosition.split(" ").toSorted());
    // At the edge of the long side, and in the middle of the other.
    await eventually(positions).toEqual(["100%", "50%"]);
    await eventually(focus).toMatchObject({ x: expect.closeTo(0.9, 1), y: expect.closeTo(0.9, 1) });
    await eventually(thumbnail).not.toBe(before);

    await point.focus();
    for (let n = 0; n < 10; n++) await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("Tab");
    await eventually(focus).toMatchObject({ x: expect.closeTo(0.7, 1), y: expect.closeTo(0.88, 1) });
    expect(page.url()).toContain(id);
    expect(await faultsOf(page)).toEqual([]);

    await page.getByRole("button", { name: "Undo" }).click();
    await eventually(focus).toBeUndefined();
    await page.getByRole("button", { name: "Focal point: automatic" }).waitFor();
    await thumbnail();
  });

  test("a focal point that was set elsewhere in the meantime is not overwritten", async () => {
    const id = await add(63);
    page = await open(world, `#/images/${id}`);
    const point = page.getByRole("button", { name: "Focal point" });
    await point.focus();
    await page.keyboard.press("ArrowLeft");
    await world.client.images.update(id, { focus: { x: 0.1, y: 0.1 } });
    await page.keyboard.press("Tab");
    await page.getByText("Changed elsewhere in the meantime.").waitFor();
    const conflict = page.getByRole("alert").filter({ hasText: "Changed elsewhere" });
    await conflict.getByText("10 %, 10 %").waitFor();
    expect((await world.client.images.get(id)).focus).toEqual({ x: 0.1, y: 0.1 });
    await page.getByRole("button", { name: "Reload" }).click();
    await page.getByRole("button", { name: "Focal point: 10 %, 10 %" }).waitFor();
    await world.client.images.wait(id);
  });

  test("Enter and a comma end a tag, and a pasted list is several", async () => {
    const id = await add(3);
    page = await open(world, `#/images/${id}`);
    const tags = page.getByRole("combobox", { name: "Tags" });
    await tags.fill("hills");
    await tags.press("Enter");
    await tags.pressSequentially("evening,");
    await tags.fill("dawn, dusk,");
    await eventually(async () => (await world.client.images.get(id)).tags?.toSorted()).toEqual([
      "dawn",
      "dusk",
      "evening",
      "hills",
    ]);
    await page.getByRole("button", { name: "Remove the tag dusk" }).click();
    await eventually(async () => (await world.client.images.get(id)).tags).not.toContain("dusk");
  });

  test("a concurrent change of another field is kept; of the same field, both versions are shown and either can be kept", async () => {
    const id = await add(4);
    page = await open(world, `#/images/${id}`);
    await page.getByLabel("Title").fill("Mine");
    await world.client.images.update(id, { alt: "Theirs" });
    await page.getByLabel("Title").press("Tab");
    await eventually(() => world.client.images.get(id)).toMatchObject({ title: "Mine", alt: "Theirs" });

    await page.getByLabel("Title").fill("Mine again");
    await world.client.images.update(id, { title: "Theirs" });
    await page.getByLabel("Title").press("Tab");
    const conflict = page.getByRole("alert").filter({ hasText: "Changed elsewhere" });
    await conflict.getByText("Theirs").first().waitFor();
    expect(await faultsOf(page)).toEqual([]);
    expect(await titleOf(id)).toBe("Theirs");
    await conflict.getByRole("button", { name: "Save anyway" }).click();
    await eventually(() => titleOf(id)).toBe("Mine again");

    await page.getByLabel("Title").fill("Lost");
    await world.client.images.update(id, { title: "Kept" });
    await page.getByLabel("Title").press("Tab");
    await page.getByRole("button", { name: "Reload" }).click();
    await eventually(() => page.getByLabel("Title").inputValue()).toBe("Kept");
    expect(await titleOf(id)).toBe("Kept");
  });

  test("an edit that could not be saved is kept, is reported after closing, and can be saved later", async () => {
    const id = await add(5, "Before");
    page = await open(world, `#/images/${id}`);
    await page.getByLabel("Title").waitFor();
    await page.route(`**/images/${id}`, (route) =>
      route.request().method() === "PATCH"
        ? route.fulfill({
            status: 403,
            contentType: "application/problem+json",
            body: '{"code":"forbidden"}',
          })
        : route.continue(),
    );
    await page.getByLabel("Title").fill("After");
    await page.keyboard.press("Escape");
    await page.getByText("Changes to Before were not saved.").waitFor();
    await page.unrouteAll();
    await page.getByRole("link", { name: "Open", exact: true }).click();
    expect(await page.getByLabel("Title").inputValue()).toBe("After");
    await page.getByRole("button", { name: "Save again" }).click();
    await eventually(() => titleOf(id)).toBe("After");
  });

  test("leaving during an upload asks first; after a reload the image says that it was not uploaded", async () => {
    page = await open(world);
    // The bytes never arrive.
    const held = Promise.withResolvers<void>();
    await page.route(/X-Amz-Signature/, () => held.promise);
    await drop(page, [{ name: "slow.jpg", type: "image/jpeg", bytes: Buffer.from(await scene(6)) }]);
    await page.locator(".tile", { hasText: "Uploading" }).waitFor();
    const asked = new Promise<string>((resolve) =>
      page.on("dialog", (dialog) => {
        resolve(dialog.type());
        // A page that is still closing cannot answer.
        dialog.accept().catch(() => undefined);
      }),
    );
    // Chromium asks only on a page that was clicked.
    await page.locator("main").click({ position: { x: 1, y: 1 } });
    await page.reload();
    expect(await asked).toBe("beforeunload");
    held.resolve();
    await page.unrouteAll({ behavior: "ignoreErrors" });
    const lost = page.locator(".tile", { hasText: "Not uploaded" });
    await lost.waitFor();
    expect(await lost.locator(".spinner").count()).toBe(0);
    await lost.click();
    await page.getByText("Choose the file again, or delete the image.").waitFor();
    const chooser = page.waitForEvent("filechooser");
    await page.getByRole("button", { name: "Choose the file again" }).click();
    await (await chooser).setFiles({
      name: "slow.jpg",
      mimeType: "image/jpeg",
      buffer: Buffer.from(await scene(6)),
    });
    await page.getByText("1 uploaded", { exact: true }).waitFor();
    await eventually(() => lost.count()).toBe(0);
  });

  test("failed uploads are listed first, and are tried again together", async () => {
    page = await open(world);
    const headers = { "access-control-allow-origin": "*", "access-control-expose-headers": "ETag" };
    await page.route(/X-Amz-Signature/, (route) => route.fulfill({ status: 403, headers, body: "<Error/>" }));
    const given = [7, 8].map(async (seed) => ({
      name: `bad-${seed}.jpg`,
      type: "image/jpeg",
      bytes: Buffer.from(await scene(seed)),
    }));
    await drop(page, await Promise.all(given));
    const tray = page.getByRole("region", { name: "Uploads" });
    await tray.getByText("0 uploaded, 2 not").waitFor();
    await page.unrouteAll();
    await drop(page, [{ name: "good.jpg", type: "image/jpeg", bytes: Buffer.from(await scene(9)) }]);
    await tray.getByText("1 uploaded, 2 not").waitFor();
    expect(await tray.locator("li").first().textContent()).toContain("bad-7.jpg");
    await tray.getByRole("button", { name: "Retry 2 failed" }).click();
    await tray.getByText("3 uploaded", { exact: true }).waitFor({ timeout: 30_000 });
  });

  test("several images are selected by mouse and keyboard, tagged, downloaded and deleted", async () => {
    const ids = [await add(10, "Ten"), await add(11, "Eleven"), await add(12, "Twelve", ["kept"])];
    page = await open(world);
    await tile(ids[2] ?? "").waitFor();
    await page.getByRole("checkbox", { name: "Select Twelve" }).check();
    await page.getByRole("checkbox", { name: "Select Ten" }).click({ modifiers: ["Shift"] });
    const bar = page.getByRole("region", { name: "Selection" });
    await bar.getByText("3 selected").waitFor();
    expect(await faultsOf(page)).toEqual([]);

    await bar.getByRole("button", { name: "Tag" }).click();
    await bar.getByRole("combobox").fill("trip, 2026");
    await bar.getByRole("button", { name: "Add" }).click();
    await eventually(() =>
      Promise.all(ids.map(async (id) => (await world.client.images.get(id)).tags?.toSorted())),
    ).toEqual([
      ["2026", "trip"],
      ["2026", "trip"],
      ["2026", "kept", "trip"],
    ]);

    const names: string[] = [];
    page.on("download", (download) => names.push(download.suggestedFilename()));
    await bar.getByRole("button", { name: "Download" }).click();
    await eventually(() => names.toSorted()).toEqual(["IMG_10.jpg", "IMG_11.jpg", "IMG_12.jpg"]);

    // The space bar on the focused tile deselects it.
    await tile(ids[0] ?? "").focus();
    await page.keyboard.press("Space");
    await bar.getByText("2 selected").waitFor();
    await bar.getByRole("button", { name: "Delete" }).click();
    const question = page.getByRole("dialog", { name: "Delete 2 images?" });
    await question.getByRole("button", { name: "Delete" }).click();
    await page.getByText("Deleted 2 images").waitFor();
    await bar.waitFor({ state: "detached" });
    await eventually(() => world.client.images.many(ids).then((left) => left.map(({ id }) => id))).toEqual([
      ids[0],
    ]);
  });

  test("an unknown URL and an unknown image lead back to the gallery", async () => {
    page = await open(world, "#/nowhere");
    await page.getByRole("heading", { name: "Page not found" }).waitFor();
    await page.getByRole("link", { name: "Back to the gallery" }).click();
    await page.locator(".tile").first().waitFor();
    await page.goto(`${world.url}/#/images/img_00000000000000000000000000`);
    await page.getByRole("button", { name: "Back to the gallery" }).click();
    await eventually(() => page.getByRole("dialog").count()).toBe(0);
  });

  test("an image opened by its URL shows no focus ring, and the first image is few tab stops away", async () => {
    const id = await add(13);
    page = await open(world, `#/images/${id}`);
    await page.getByRole("heading", { name: "Facts" }).waitFor();
    expect(await page.evaluate(() => document.activeElement?.tagName)).toBe("DIALOG");
    await page.keyboard.press("Escape");
    await page.goto(`${world.url}/#/`);
    await page.reload();
    await page.locator(".tile").first().waitFor();
    let stops = 0;
    const isTile = () => page.evaluate(() => document.activeElement?.classList.contains("tile") ?? false);
    for (; stops < 20 && !(await isTile()); stops++) await page.keyboard.press("Tab");
    expect(stops).toBeLessThanOrEqual(10);
  });
});
