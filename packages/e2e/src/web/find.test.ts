import type { Page } from "playwright-core";
import sharp from "sharp";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { chromiumPath } from "../browser.fixture.ts";
import { describeWith } from "../needs.ts";
import { eventually, faultsOf, open, startWorld, type World } from "./page.fixture.ts";
import { scene } from "./scenes.ts";

let world: World;
let page: Page;

/** Images in the order of their creation; `taken` is the time of capture in EXIF. */
const images = [
  { title: "Mountain lake", tags: ["water", "hills"], taken: "2021:06:01 10:00:00" },
  { title: "Harbour at dawn", tags: ["water"], taken: "2023:01:15 06:30:00" },
  { title: "Old mountain road", tags: ["hills"], taken: undefined },
  { title: "Café terrace", tags: [], taken: "2022:08:20 18:00:00" },
];

beforeAll(async () => {
  if (!chromiumPath) return;
  world = await startWorld();
  for (const [seed, { title, tags, taken }] of images.entries()) {
    const picture = sharp(await scene(seed, seed === 3 ? "png" : "jpeg"));
    const bytes = taken
      ? await picture.withExif({ IFD2: { DateTimeOriginal: taken } }).toBuffer()
      : await picture.toBuffer();
    const file = new File([new Uint8Array(bytes)], `IMG_${seed}.jpg`, { type: "image/jpeg" });
    await world.client.upload(file, { title, tags });
  }
}, 60_000);
afterAll(() => world?.stop());
afterEach(async () => {
  await page?.close();
  expect(world.complaints.splice(0)).toEqual([]);
});

/** Titles of the shown images, in their order. */
const shown = () =>
  page
    .locator(".grid li")
    .evaluateAll((items) =>
      items
        .sort((a, b) => Number(a.ariaPosInSet) - Number(b.ariaPosInSet))
        .map((item) => item.querySelector(".pick")?.ariaLabel?.replace("Select ", "")),
    );
const hash = () => new URL(page.url()).hash;

describeWith("chromium", "in Chromium", () => {
  test("images are found while a word is typed, without its accents, and all are back when it is cleared", async () => {
    page = await open(world);
    await eventually(shown).toHaveLength(4);
    const search = page.getByRole("searchbox", { name: "Search" });
    await search.pressSequentially("moun");
    await eventually(shown).toEqual(["Old mountain road", "Mountain lake"]);
    await page.getByText("2 images", { exact: true }).waitFor();
    expect(hash()).toBe("#/?q=moun");
    await search.pressSequentially("tain lake");
    await eventually(shown).toEqual(["Mountain lake"]);
    await search.fill("cafe");
    await search.press("Enter");
    await eventually(shown).toEqual(["Café terrace"]);
    expect(await faultsOf(page)).toEqual([]);
    await page.getByRole("button", { name: "Clear" }).click();
    await eventually(shown).toHaveLength(4);
    expect(await search.inputValue()).toBe("");
  });

  test("several tags, a status and a format are combined", async () => {
    page = await open(world);
    await page.getByRole("button", { name: "Filter & sort" }).click();
    const tags = page.getByRole("combobox", { name: "Tags" });
    await tags.pressSequentially("water,");
    await eventually(shown).toEqual(["Harbour at dawn", "Mountain lake"]);
    await tags.fill("hills");
    await tags.press("Enter");
    await eventually(shown).toEqual(["Mountain lake"]);
    await page.getByRole("radio", { name: "Ready" }).check();
    expect(hash()).toBe("#/?tag=water&tag=hills&status=ready");
    await eventually(shown).toEqual(["Mountain lake"]);
    await page.getByRole("radio", { name: "Failed" }).check();
    await page.getByRole("heading", { name: "No image matches" }).waitFor();
    await page.getByRole("button", { name: "Show all images" }).click();
    await page.getByLabel("Format").selectOption("PNG");
    await eventually(shown).toEqual(["Café terrace"]);
  });

  test("images are ordered by the time of capture, those without one last, until another filter is chosen", async () => {
    page = await open(world);
    await page.getByRole("button", { name: "Filter & sort" }).click();
    const order = page.getByRole("combobox", { name: "Order" });
    await order.selectOption("Taken, newest first");
    await eventually(shown).toEqual([
      "Harbour at dawn",
      "Café terrace",
      "Mountain lake",
      "Old mountain road",
    ]);
    await order.selectOption("Taken, oldest first");
    await eventually(shown).toEqual([
      "Mountain lake",
      "Café terrace",
      "Harbour at dawn",
      "Old mountain road",
    ]);
    await page.getByLabel("From", { exact: true }).fill("2022-01-01");
    await page.getByLabel("To", { exact: true }).fill("2022-12-31");
    await eventually(shown).toEqual(["Café terrace"]);
    await page.getByRole("button", { name: "Clear" }).click();
    await order.selectOption("Oldest first");
    await eventually(shown).toEqual(images.map(({ title }) => title));
    await order.selectOption("Taken, newest first");
    await page.getByRole("searchbox", { name: "Search" }).fill("mountain");
    await eventually(shown).toEqual(["Old mountain road", "Mountain lake"]);
    expect(hash()).toBe("#/?q=mountain");
  });
});
