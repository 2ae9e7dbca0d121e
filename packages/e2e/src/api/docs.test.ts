import type { BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startBrowser } from "../browser.fixture.ts";
import { describeWith } from "../needs.ts";
import { startWorld, type World } from "./fixture.ts";

let world: World;
let context: BrowserContext;
let close: () => Promise<void>;

/** Opens the reference and waits until Scalar has rendered the last table of the guide. */
async function open(page: Page, hash = ""): Promise<void> {
  await page.goto(`${world.url}/docs${hash}`);
  await page.getByText("idempotency_key_reused", { exact: true }).first().waitFor({ state: "attached" });
}

describeWith("chromium", "the API reference in Chromium", () => {
  beforeAll(async () => {
    [world, { context, close }] = await Promise.all([startWorld({ anonymous: true }), startBrowser()]);
  }, 60_000);

  afterAll(async () => {
    await close();
    await world.stop();
  });

  test.each([
    [375, "light"],
    [375, "dark"],
    [1360, "light"],
    [1360, "dark"],
  ] as const)(
    "requests nothing but its script and the document, logs no error and fits %i px, %s",
    async (width, colorScheme) => {
      const page = await context.newPage();
      const requests: string[] = [];
      const messages: string[] = [];
      page.on("request", (request) => requests.push(request.url()));
      page.on("console", (message) => messages.push(message.text()));
      page.on("pageerror", (error) => messages.push(String(error)));
      await page.setViewportSize({ width, height: 800 });
      await page.emulateMedia({ colorScheme });
      await open(page);
      const look = await page.evaluate(() => ({
        width: document.documentElement.scrollWidth,
        isDark: document.body.classList.contains("dark-mode"),
        isFilled: (document.getElementById("reference")?.textContent.length ?? 0) > 1_000,
      }));
      await page.close();
      const paths = ["/docs", "/docs/reference.js", "/openapi.json"];
      const expected = paths.map((path) => world.url + path);
      expect([...new Set(requests)].filter((url) => !url.startsWith("data:"))).toEqual(expected);
      // Scalar logs its version.
      expect(messages.filter((text) => !/^@scalar\/api-reference@/.test(text))).toEqual([]);
      expect(look).toEqual({ width, isDark: colorScheme === "dark", isFilled: true });
    },
  );

  test("shows every operation of the document", async () => {
    const page = await context.newPage();
    await page.setViewportSize({ width: 1360, height: 800 });
    await open(page);
    const { paths } = (await (await world.ask("/openapi.json")).json()) as {
      paths: Record<string, Record<string, { summary: string }>>;
    };
    const operations = Object.values(paths).flatMap((methods) => Object.values(methods));
    for (const { summary } of operations)
      await page.getByText(summary, { exact: true }).first().waitFor({ state: "attached" });
    await page.close();
  });

  test("the URL in a problem's `type` scrolls to the meaning of its code", async () => {
    const { type } = (await (await world.ask("/nothing")).json()) as { type: string };
    const page = await context.newPage();
    await open(page, new URL(type).hash);
    const row = page.locator("tr", { hasText: "route_not_found" });
    await expect.poll(() => row.evaluate((element) => element.style.outlineStyle)).toBe("solid");
    expect(await row.textContent()).toContain("Route not found.");
    await expect
      .poll(() =>
        row.evaluate((element) => {
          const { top, bottom } = element.getBoundingClientRect();
          return top >= 0 && bottom <= innerHeight;
        }),
      )
      .toBe(true);
    await page.close();
  });
});
