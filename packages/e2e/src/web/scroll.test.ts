import { afterAll, beforeAll, expect, test } from "vitest";
import { chromiumPath } from "../browser.fixture.ts";
import { describeWith } from "../needs.ts";
import { fill } from "./fill.fixture.ts";
import { faultsOf, open, startWorld, type World } from "./page.fixture.ts";

const count = process.env.PROVE ? 2000 : 600;
const pageSize = 100;

let world: World;

beforeAll(async () => {
  if (!chromiumPath) return;
  world = await startWorld();
  await fill(world.client, count);
}, 180_000);
afterAll(() => world?.stop());

describeWith("chromium", "in Chromium", () => {
  test("a long gallery takes one list request per hundred images, and at most fifty tiles at a time", {
    timeout: 180_000,
  }, async () => {
    const page = await open(world);
    const lists: string[] = [];
    page.on("request", (request) => {
      const { pathname, searchParams } = new URL(request.url());
      if (pathname === "/images" && searchParams.has("cursor")) lists.push(request.url());
    });
    await page.locator(".tile img.shown").first().waitFor();

    // Counted by the page in each frame while the wheel turns.
    await page.evaluate(() => {
      const seen = { frames: 0, late: 0, tilesMax: 0 };
      Object.assign(globalThis, { seen });
      let before = performance.now();
      const look = (now: number) => {
        seen.frames++;
        if (now - before > 34) seen.late += Math.round((now - before) / 16.7) - 1;
        before = now;
        seen.tilesMax = Math.max(seen.tilesMax, document.querySelectorAll(".tile").length);
        requestAnimationFrame(look);
      };
      requestAnimationFrame(look);
    });
    await page.mouse.move(640, 500);
    const isAtEnd = async () =>
      (await page.locator(`li[aria-setsize="${count}"][aria-posinset="${count}"]`).count()) > 0;
    while (!(await isAtEnd())) await page.mouse.wheel(0, 600);

    const seen = await page.evaluate(() => (globalThis as unknown as { seen: Record<string, number> }).seen);
    console.log(`Scrolled ${count} images: ${lists.length + 1} list requests, ${JSON.stringify(seen)}`);
    // The first page has no cursor.
    expect(lists).toHaveLength(count / pageSize - 1);
    expect(new Set(lists).size).toBe(lists.length);
    expect(seen.tilesMax).toBeLessThanOrEqual(50);
    expect(world.complaints).toEqual([]);
  });

  test("arrow keys scroll the focused image into view, and it stays in the document when it is scrolled away", async () => {
    const page = await open(world);
    await page.locator(".tile img.shown").first().waitFor();
    const focused = () =>
      page.evaluate(() => {
        const tile = document.activeElement;
        const { top = 0, bottom = 0 } = tile?.getBoundingClientRect() ?? {};
        const index = Number(tile?.getAttribute("data-index") ?? -1);
        return { index, isVisible: top >= 0 && bottom <= innerHeight };
      });
    await page.locator(".tile").first().focus();
    for (let i = 0; i < 10; i++) await page.keyboard.press("ArrowDown");
    await expect.poll(focused).toMatchObject({ isVisible: true });
    const { index } = await focused();
    expect(index).toBeGreaterThan(20);
    await page.mouse.move(640, 500);
    await page.mouse.wheel(0, 6000);
    await expect.poll(focused).toEqual({ index, isVisible: false });
    await page.keyboard.press("ArrowRight");
    await expect.poll(focused).toEqual({ index: index + 1, isVisible: true });
  });

  test("the number of all images is shown, and, once scrolled, their month and the way to another day", async () => {
    const page = await open(world);
    await page.getByText(`${count.toLocaleString("en-US")} images`, { exact: true }).waitFor();
    const month = new Intl.DateTimeFormat("en-US", { month: "long", year: "numeric" }).format(new Date());
    const chip = page.getByRole("button", { name: month });
    expect(await chip.count()).toBe(0);
    await page.mouse.move(640, 500);
    await page.mouse.wheel(0, 3000);
    await chip.waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await page.locator(".date-here input").fill("2020-01-01");
    await page.getByRole("heading", { name: "No image matches" }).waitFor();
    expect(new URL(page.url()).hash).toBe("#/?to=2020-01-01");
  });

  test("loading images causes no layout shift", async () => {
    const page = await open(world);
    await page.addInitScript(() => {
      const shifts: number[] = [];
      Object.assign(globalThis, { shifts });
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries())
          shifts.push((entry as PerformanceEntry & { value: number }).value);
      }).observe({ type: "layout-shift", buffered: true });
    });
    await page.goto(`${world.url}/`);
    await page.locator(".tile img.shown").nth(8).waitFor();
    const shifts = await page.evaluate(() => (globalThis as unknown as { shifts: number[] }).shifts);
    // Core Web Vitals call up to 0.1 good.
    expect(shifts.reduce((sum, shift) => sum + shift, 0)).toBeLessThan(0.02);
  });
});
