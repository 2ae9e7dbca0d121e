import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { app } from "@image-pipeline/functions/http/app";
import type { BrowserContext } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startBrowser } from "../browser.fixture.ts";
import { describeWith } from "../needs.ts";

let server: Server;
let url: string;
let context: BrowserContext;
let close: () => Promise<void>;

describeWith("chromium", "the page of the API in Chromium", () => {
  beforeAll(async () => {
    server = createServer(async (request, response) => {
      const answer = await app.request(request.url ?? "/");
      response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text());
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/docs`;
    ({ context, close } = await startBrowser());
  }, 60_000);

  afterAll(async () => {
    await close();
    await new Promise((resolve) => server.close(resolve));
  });

  test.each([375, 1360])(
    "asks nobody for anything, shows its style and fits a screen of %i px",
    async (width) => {
      const page = await context.newPage();
      const asked: string[] = [];
      const said: string[] = [];
      page.on("request", (request) => asked.push(request.url()));
      page.on("console", (message) => said.push(message.text()));
      await page.setViewportSize({ width, height: 800 });
      await page.goto(url);
      const look = await page.evaluate(() => ({
        wide: document.documentElement.scrollWidth,
        isStyled: getComputedStyle(document.body).fontFamily.includes("system-ui"),
      }));
      await page.close();
      expect({ asked, said, ...look }).toEqual({ asked: [url], said: [], wide: width, isStyled: true });
    },
  );

  test("a code in a problem's `type` leads to what it means", async () => {
    const page = await context.newPage();
    const problem = (await (await app.request("/nothing")).json()) as { type: string };
    await page.goto(url + new URL(problem.type).hash);
    expect(
      await page.evaluate(() => document.querySelector(":target")?.closest("tr")?.textContent),
    ).toContain("There is nothing at this address.");
    await page.close();
  });
});
