/** The page of a stage with a trash. */
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { describeWith } from "../needs.ts";
import { eventually, faultsOf, open, startWorld, type World } from "./page.fixture.ts";
import { scene } from "./scenes.ts";

let world: World;
let page: Page;

beforeAll(async () => {
  world = await startWorld({ anonymous: true, trashDays: 7 });
}, 60_000);
afterAll(() => world?.stop());
afterEach(async () => {
  await page?.close();
  expect(world.complaints.splice(0)).toEqual([]);
});

/** Uploads an image without the page. */
async function add(seed: number, title: string): Promise<string> {
  const file = new File([new Uint8Array(await scene(seed))], `IMG_${seed}.jpg`, { type: "image/jpeg" });
  return (await world.client.upload(file, { title })).id;
}

const statusOf = (id: string) =>
  world.client.images.get(id).then(
    ({ status }) => status,
    ({ code }) => code,
  );
const tile = (id: string) => page.locator(`.tile[href*="${id}"]`);
const button = (name: string) => page.getByRole("button", { name, exact: true });

describeWith("chromium", "in Chromium", () => {
  test("a deleted image comes back by Undo, without a question", async () => {
    const [first, second] = [await add(1, "First"), await add(2, "Second")];
    page = await open(world);
    await tile(first).press("Delete");
    await page.getByText("Moved First to the trash").waitFor();
    expect(await statusOf(first)).toBe("trashed");
    expect(await page.getByRole("dialog").count()).toBe(0);
    await button("Undo").click();
    await page.getByText("Restored First").waitFor();
    await tile(first).waitFor();
    await eventually(() => statusOf(first)).toBe("ready");

    await tile(second).press("Delete");
    await page.getByText("Moved Second to the trash").waitFor();
    await page.keyboard.press("Control+z");
    await eventually(() => statusOf(second)).toBe("ready");
  });

  test("a server whose trash has gone while the page is open is asked, and so is the person", async () => {
    const id = await add(8, "Eight");
    page = await open(world);
    await page.route("**/health", (route) => route.fulfill({ json: { status: "ok", trashDays: 0 } }));
    await tile(id).press("Delete");
    const question = page.getByRole("dialog", { name: "Delete Eight?" });
    await question.getByText("This cannot be undone.").waitFor();
    await question.getByRole("button", { name: "Cancel" }).click();
    await tile(id).waitFor();
    expect(await statusOf(id)).toBe("ready");
  });

  test("the trash is a view, from which several images are restored or deleted permanently", async () => {
    const ids = [await add(3, "Three"), await add(4, "Four"), await add(5, "Five")];
    const [three = "", four = "", five = ""] = ids;
    for (const id of ids) await world.client.images.remove(id);
    page = await open(world);
    await page.getByLabel("Trash", { exact: true }).check();
    expect(page.url()).toContain("status=trashed");
    await page.getByRole("link", { name: /^Three Deleted in 7 days$/ }).waitFor();
    await page.getByRole("checkbox", { name: "Select Three" }).check();
    const bar = page.getByRole("region", { name: "Selection" });
    await bar.getByRole("button", { name: "Select all" }).click();
    await bar.getByText("3 selected").waitFor();
    await page.getByRole("checkbox", { name: "Select Five" }).uncheck();
    expect(await faultsOf(page)).toEqual([]);
    await bar.getByRole("button", { name: "Restore" }).click();
    await page.getByText("Restored 2 images").waitFor();
    await eventually(() => Promise.all(ids.map(statusOf))).toEqual(["ready", "ready", "trashed"]);
    await eventually(() => page.locator(".tile").count()).toBe(1);

    await tile(five).click();
    await page.getByText("It is deleted in 7 days, unless you restore it.").waitFor();
    // Its files are gone; the placeholder is not.
    const blurred = page.getByRole("dialog").getByRole("img", { name: "Five" });
    expect(await blurred.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBeGreaterThan(0);
    expect(await page.getByLabel("Title").count()).toBe(0);
    expect(await faultsOf(page)).toEqual([]);
    await button("Delete permanently").click();
    const question = page.getByRole("dialog", { name: "Delete Five permanently?" });
    await question.getByRole("button", { name: "Delete permanently" }).click();
    await page.getByText("Deleted Five").waitFor();
    expect(await statusOf(five)).toBe("image_not_found");
    await page.getByRole("heading", { name: "The trash is empty" }).waitFor();
    await page.getByLabel("All", { exact: true }).check();
    for (const id of [three, four]) await tile(id).waitFor();
  });

  test("of a selection, the images that could not be deleted stay and are named", async () => {
    const ids = [await add(6, "Six"), await add(7, "Seven")];
    const [six = "", seven = ""] = ids;
    page = await open(world);
    await page.route("**/images/batch", async (route) => {
      const { operations } = route.request().postDataJSON() as { operations: { id: string }[] };
      const others = operations.filter(({ id }) => id !== seven);
      const response = await route.fetch({ postData: { operations: others } });
      const { results } = (await response.json()) as { results: { id: string }[] };
      const problem = { status: 403, code: "forbidden", title: "Permission denied.", type: "about:blank" };
      const all = operations.map(
        ({ id }) => results.find((result) => result.id === id) ?? { id, status: 403, problem },
      );
      await route.fulfill({ json: { failed: 1, results: all } });
    });
    await tile(seven).focus();
    for (const [key, id] of [
      ["Space", seven],
      ["ArrowRight", six],
      ["Space", six],
    ] as const) {
      await page.keyboard.press(key);
      await eventually(() => page.evaluate(() => document.activeElement?.getAttribute("href"))).toContain(id);
    }
    const bar = page.getByRole("region", { name: "Selection" });
    await bar.getByText("2 selected").waitFor();
    await bar.getByRole("button", { name: "Delete" }).click();
    await page.getByText("Failed for Seven: Permission denied.").waitFor();
    await button("Undo").waitFor();
    await tile(seven).waitFor();
    expect(await tile(six).count()).toBe(0);
    expect([await statusOf(six), await statusOf(seven)]).toEqual(["trashed", "ready"]);
  });
});
