import { wordsFor } from "@image-pipeline/web/words";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { describeWith } from "../needs.ts";
import { drop, eventually, faultsOf, type Given, open, startWorld, type World } from "./page.fixture.ts";
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

const picture = async (seed: number): Promise<Given> => ({
  name: `IMG_${seed}.jpg`,
  type: "image/jpeg",
  bytes: await scene(seed),
});

const bad: Given[] = [
  { name: "notes.jpg", type: "image/jpeg", bytes: Buffer.from("only words") },
  {
    name: "torn.jpg",
    type: "image/jpeg",
    bytes: Buffer.concat([Buffer.from("ffd8ffe0", "hex"), Buffer.alloc(900, 7)]),
  },
  {
    name: "page.svg",
    type: "image/svg+xml",
    bytes: Buffer.from("<svg xmlns='http://www.w3.org/2000/svg'/>"),
  },
];

/** Uploads an image without the page. */
async function add(seed: number, title?: string): Promise<string> {
  const { name, type, bytes } = await picture(seed);
  const file = new File([new Uint8Array(bytes)], name, { type });
  return (await world.client.upload(file, { title })).id;
}

const tiles = () => page.locator(".tile");
const tray = () => page.getByRole("region", { name: "Uploads" });

describeWith("chromium", "in Chromium", () => {
  test("an empty gallery offers the ways to upload", async () => {
    page = await open(world);
    await page.getByRole("heading", { name: "No images yet" }).waitFor();
    await page.getByRole("button", { name: "Choose a folder" }).waitFor();
    expect(await faultsOf(page)).toEqual([]);
  });

  test("of twelve files dropped at once nine become ready, and three are rejected with their reasons", async () => {
    page = await open(world);
    const good = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8, 9].map(picture));
    await drop(page, [...good.slice(0, 5), ...bad, ...good.slice(5)]);
    expect(await faultsOf(page)).toEqual([]);
    await tray().getByText("9 uploaded, 3 not").waitFor({ timeout: 90_000 });
    // Files that the browser cannot decode have an icon instead of a preview.
    await eventually(() => tray().locator(".unknown").count()).toBe(2);
    const text = await tray().textContent();
    expect(text).toContain(wordsFor("unsupported_format").what);
    expect(text).toContain(wordsFor("corrupt_image").what);
    // A rejected file would be rejected again.
    expect(
      await tray()
        .getByRole("button", { name: /^Try .* again$/ })
        .count(),
    ).toBe(0);
    await eventually(() => page.locator(".tile img.shown").count(), { timeout: 20_000 }).toBe(9);
    await page.getByRole("button", { name: "Close uploads" }).click();
    expect(await tray().count()).toBe(0);
    // The API refused to create an image for the SVG: it is not in the gallery.
    await eventually(() => tiles().count()).toBe(11);
  });

  test("an image uploaded elsewhere appears in the gallery", async () => {
    page = await open(world);
    await tiles().first().waitFor();
    const id = await add(20, "From elsewhere");
    await page.locator(`.tile[href$="${id}"] img.shown`).waitFor({ timeout: 15_000 });
  });

  test("an image that is first listed as pending is followed until it is ready", async () => {
    // The page lists final images alone, and so polls none.
    await world.settled();
    page = await open(world);
    await tiles().first().waitFor();
    const { bytes } = await picture(25);
    const body = { filename: "slow.jpg", contentType: "image/jpeg", bytes: bytes.length };
    const announced = await fetch(`${world.url}/images`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const { id, upload } = (await announced.json()) as {
      id: string;
      upload: { url: string; headers: HeadersInit };
    };
    const tile = page.locator(`.tile[href$="${id}"]`);
    await tile.getByText("Uploading").waitFor();
    await fetch(upload.url, { method: "PUT", headers: upload.headers, body: new Uint8Array(bytes) });
    await tile.locator("img.shown").waitFor();
  });

  test("filters select images, are part of the URL, and can be cleared", async () => {
    page = await open(world);
    await tiles().first().waitFor();
    await page.getByRole("radio", { name: "Rejected" }).check();
    await eventually(() => tiles().count()).toBe(2);
    expect(new URL(page.url()).hash).toBe("#/?status=rejected");
    await page.getByRole("button", { name: "Filter & sort" }).click();
    await page.getByLabel("From").fill("2100-01-01");
    await page.getByRole("heading", { name: "No image matches" }).waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await page.getByRole("button", { name: "Show all images" }).click();
    await eventually(() => tiles().count()).toBeGreaterThan(9);
  });

  test("title, alternative text and tags are edited in place", async () => {
    const id = await add(21);
    page = await open(world, `#/images/${id}`);
    await page.getByLabel("Title").fill("Over the pass");
    await page.getByLabel("Alternative text").fill("Hills behind hills in evening light");
    await page.getByRole("combobox", { name: "Tags" }).fill("hills");
    await page.getByRole("combobox", { name: "Tags" }).press("Enter");
    await page.getByRole("heading", { name: "Over the pass" }).waitFor();
    await eventually(() => world.client.images.get(id)).toMatchObject({
      title: "Over the pass",
      alt: "Hills behind hills in evening light",
      tags: ["hills"],
    });
    await page.getByText("Updated").first().waitFor();
    expect(await faultsOf(page)).toEqual([]);

    await page.getByRole("link", { name: "hills", exact: true }).click();
    await eventually(() => tiles().count()).toBe(1);
  });

  test("without a trash a deletion is confirmed first, by mouse and keyboard, and offers no undo", async () => {
    const id = await add(22, "Soon gone");
    const status = () =>
      world.client.images.get(id).then(
        ({ status }) => status,
        ({ code }) => code,
      );
    page = await open(world, `#/images/${id}`);
    await page.getByRole("button", { name: "Delete" }).click();
    const question = page.getByRole("dialog", { name: "Delete Soon gone?" });
    expect(await faultsOf(page)).toEqual([]);
    await question.getByRole("button", { name: "Cancel" }).click();
    await question.waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Close" }).click();

    const tile = page.locator(`.tile[href$="${id}"]`);
    await tile.press("Delete");
    await question.waitFor();
    await page.keyboard.press("Escape");
    expect(await status()).toBe("ready");

    await tile.press("Delete");
    await question.getByRole("button", { name: "Delete" }).click();
    await page.getByText("Deleted Soon gone").waitFor();
    expect(await page.getByRole("button", { name: "Undo" }).count()).toBe(0);
    expect(await status()).toBe("image_not_found");
    expect(await tile.count()).toBe(0);
  });

  test("gallery and image can be used with the keyboard alone", async () => {
    page = await open(world);
    await tiles().nth(5).waitFor();
    const focused = () =>
      page.evaluate(
        () => document.activeElement?.getAttribute("data-index") ?? document.activeElement?.textContent ?? "",
      );
    await page.keyboard.press("Tab");
    expect(await focused()).toContain("Skip to the content");
    await page.keyboard.press("Enter");
    // Past the filters, to the grid's one tab stop.
    for (let i = 0; i < 20 && (await focused()) !== "0"; i++) await page.keyboard.press("Tab");
    expect(await focused()).toBe("0");
    await page.keyboard.press("ArrowRight");
    expect(await focused()).toBe("1");
    await page.keyboard.press("ArrowDown");
    const below = Number(await focused());
    expect(below).toBeGreaterThan(1);
    await page.keyboard.press("ArrowUp");
    expect(Number(await focused())).toBeLessThan(below);
    await page.keyboard.press("End");
    expect(Number(await focused())).toBe((await tiles().count()) - 1);
    await page.keyboard.press("Home");
    await page.keyboard.press("ArrowRight");

    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("heading", { name: "Facts" }).waitFor();
    const first = page.url();
    await page.keyboard.press("ArrowRight");
    await eventually(() => page.url()).not.toBe(first);
    await page.keyboard.press("ArrowLeft");
    await eventually(() => page.url()).toBe(first);
    await page.keyboard.press("Escape");
    await eventually(() => dialog.count()).toBe(0);
    await eventually(focused).toBe("1");
  });

  test("Back and Forward open and close an image", async () => {
    page = await open(world);
    await tiles().nth(1).click();
    await page.getByRole("dialog").waitFor();
    await page.getByRole("button", { name: "Close", exact: true }).click();
    await eventually(() => page.getByRole("dialog").count()).toBe(0);
    await page.goForward();
    await page.getByRole("dialog").waitFor();
    await page.goBack();
    await eventually(() => page.getByRole("dialog").count()).toBe(0);
  });

  test("the lightbox opens full screen, the URL follows its image, and Escape closes one layer at a time", async () => {
    page = await open(world);
    await tiles().nth(3).click();
    await page.getByRole("button", { name: /Open full screen/ }).click();
    // PhotoSwipe takes focus and keys at the end of its opening animation.
    await page.locator(".pswp--open:focus").waitFor();
    const before = page.url();
    await page.keyboard.press("ArrowRight");
    await eventually(() => page.url()).not.toBe(before);
    await page.keyboard.press("Escape");
    await eventually(() => page.locator(".pswp").count()).toBe(0);
    expect(await page.getByRole("dialog").count()).toBe(1);
    await page.keyboard.press("Escape");
    await eventually(() => page.getByRole("dialog").count()).toBe(0);
  });

  test("the URL of each variant and the code for each platform can be copied", async () => {
    await world.context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: world.url });
    page = await open(world);
    await page.locator(".tile:has(img.shown)").first().click();
    await page.getByRole("button", { name: "Copy the URL of medium" }).click();
    const copied = () => page.evaluate(() => navigator.clipboard.readText());
    await eventually(copied).toMatch(/\/media\/img_\w+\/\d+-\w+\/medium\.webp$/);
    const response = await fetch(await copied());
    expect(response.headers.get("content-type")).toBe("image/webp");
    await page.getByRole("tab", { name: "Kotlin" }).click();
    await page.getByRole("button", { name: "Copy the Kotlin" }).click();
    await eventually(copied).toContain("contentDescription");
  });

  test("an image can be reprocessed, and its audit trail says so", async () => {
    const id = await add(24);
    page = await open(world, `#/images/${id}`);
    await page.getByRole("button", { name: "Reprocess" }).click();
    await page.getByText("Reprocessed").waitFor();
    await eventually(
      () =>
        page
          .locator(".history li")
          .allTextContents()
          .then((all) => all.filter((line) => line.startsWith("Ready")).length),
      { timeout: 20_000 },
    ).toBe(2);
  });

  test("the operations view shows counters, rates and rejections by reason", async () => {
    const lists: string[] = [];
    world.context.on("request", (request) => {
      if (new URL(request.url()).pathname === "/images") lists.push(request.url());
    });
    page = await open(world, "#/operations");
    await page.locator(".counts").getByText("Rejected").waitFor();
    const { images } = await world.client.stats();
    await eventually(() =>
      page.locator(".counts div", { hasText: "Ready" }).locator("dd").textContent(),
    ).toBe(String(images.ready));
    await page.getByText(wordsFor("corrupt_image").what).waitFor();
    const plots = await page.locator("figure.plot").evaluateAll((all) =>
      all.map((plot) => ({
        ticks: [...plot.querySelectorAll(".ticks span")].map(({ textContent }) => Number(textContent)),
        most: Math.max(
          ...[...plot.querySelectorAll("td")].map(({ textContent }) =>
            (textContent?.match(/\d+/g) ?? []).reduce((sum, part) => sum + Number(part), 0),
          ),
        ),
      })),
    );
    expect(plots).toHaveLength(3);
    for (const { ticks, most } of plots) {
      const [top = 0] = ticks;
      expect(ticks.at(-1)).toBe(0);
      expect(String(top)).toMatch(/^[124680]0*$/);
      expect([most <= top, top <= most * 2]).toEqual([true, true]);
    }
    expect(await faultsOf(page)).toEqual([]);
    // The gallery loads its list when it is opened.
    expect(lists).toEqual([]);
    await page.getByRole("link", { name: "Gallery" }).click();
    await page.locator(".tile img.shown").first().waitFor();
    expect(lists).toHaveLength(1);
  });

  test.each(["light", "dark"] as const)(
    "axe finds nothing serious in gallery and image in %s",
    async (colorScheme) => {
      page = await open(world);
      await page.emulateMedia({ colorScheme });
      await page.locator(".tile img.shown").first().waitFor();
      expect(await faultsOf(page)).toEqual([]);
      await tiles().nth(2).click();
      await page.getByRole("heading", { name: "History" }).waitFor();
      expect(await faultsOf(page)).toEqual([]);
    },
  );

  test("on a phone no control scrolls under the button that closes the image", async () => {
    page = await open(world, "#/", { width: 360, height: 780 });
    await page.locator(".tile:has(img.shown)").first().click();
    await page.getByRole("heading", { name: "History" }).waitFor();
    const seen = await page.locator(".detail-frame").evaluate((frame) => {
      const close = frame.querySelector(".close")?.getBoundingClientRect();
      if (!close) throw new Error("No element matches .close.");
      frame.scrollTop = frame.scrollHeight / 2;
      // Left of the button, down to its lower edge: the bar that covers what scrolls.
      return Array.from({ length: Math.ceil(close.bottom) }, (_, y) =>
        document.elementFromPoint(close.left - 4, y),
      ).filter((element) => element !== frame).length;
    });
    expect(seen).toBe(0);
  });

  test("nothing overflows a window of 320 px", async () => {
    for (const route of ["#/", "#/operations"]) {
      page = await open(world, route, { width: 320, height: 640 });
      await page
        .locator(route === "#/" ? ".tile img.shown" : ".counts")
        .first()
        .waitFor();
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(320);
      if (route === "#/") {
        await tiles().nth(2).click();
        await page.getByRole("heading", { name: "History" }).waitFor();
        expect(
          await page.locator(".panel").evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth),
        ).toBe(0);
        await page.close();
      }
    }
  });
});
