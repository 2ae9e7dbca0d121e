/** The dialog of settings and usage. */
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { describeWith } from "../needs.ts";
import { eventually, faultsOf, open, startWorld, type World } from "./page.fixture.ts";
import { scene } from "./scenes.ts";

let world: World;
let page: Page;

beforeAll(async () => {
  world = await startWorld({ anonymous: true });
}, 60_000);
afterAll(() => world?.stop());
afterEach(async () => {
  await page?.close();
  expect(world.complaints.splice(0)).toEqual([]);
});

const dialog = () => page.getByRole("dialog", { name: "Usage" });
const openDialog = () => page.getByRole("button", { name: "Usage" }).click();

describeWith("chromium", "in Chromium", () => {
  test("the usage of a month is loaded when it is asked for, and another month can be chosen", async () => {
    const file = new File([new Uint8Array(await scene(1))], "one.jpg", { type: "image/jpeg" });
    await world.client.upload(file);
    const asked: string[] = [];
    page = await open(world, "#/operations", { width: 360, height: 780 });
    page.on("request", (request) => asked.push(new URL(request.url()).pathname));
    await openDialog();
    const numberOf = (name: string) =>
      dialog()
        .locator(".numbers div", { has: page.getByText(name, { exact: true }) })
        .locator("dd");
    await eventually(() => numberOf("Uploads").textContent()).toBe("1");
    expect(await numberOf("Bytes of uploads").textContent()).toMatch(/[kM]B$/);
    expect(asked).toContainEqual(expect.stringMatching(/^\/assets\/settings-.*\.js$/));
    expect(await faultsOf(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
    const months = dialog().getByLabel("Month");
    expect(await months.locator("option").count()).toBe(13);
    await months.selectOption({ index: 1 });
    await eventually(() => numberOf("Uploads").textContent()).toBe("0");
    await page.keyboard.press("Escape");
    await dialog().waitFor({ state: "detached" });
  });
});
