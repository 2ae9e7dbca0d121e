import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { BrowserContext } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startBrowser } from "../browser.fixture.ts";
import { startTestCloud, type TestCloud } from "../cloud.fixture.ts";
import { describeWith } from "../needs.ts";
import { freePort, launch } from "./example.fixture.ts";
import { addPhotos, boat, expectPicture, expectStill, installExample, open } from "./site.fixture.ts";

const run = promisify(execFile);

let cloud: TestCloud;
let key: string;
let url: string;
let context: BrowserContext;
let close: (() => Promise<void>) | undefined;
let remove: (() => Promise<void>) | undefined;

describeWith("chromium", "the example nextjs, built for production", () => {
  beforeAll(async () => {
    let folder: string;
    [{ folder, remove }, cloud] = await Promise.all([
      installExample("nextjs"),
      startTestCloud({ anonymous: false }),
    ]);
    const { ApiKey } = await import("@image-pipeline/core/api-key");
    ({ key } = await ApiKey.create({ name: "site", scopes: ["images:read", "images:write"] }));
    const { PATH = "", HOME = "" } = process.env;
    const env = { PATH, HOME, NEXT_TELEMETRY_DISABLED: "1", IMAGES_URL: cloud.url, IMAGES_TOKEN: key };
    await run("npm", ["run", "build"], { cwd: folder, env });
    const port = await freePort();
    const next = join(folder, "node_modules/next/dist/bin/next");
    await launch([next, "start", "--port", port], env, folder).until(/Ready/);
    url = `http://127.0.0.1:${port}`;
    ({ context, close } = await startBrowser());
  }, 300_000);

  afterAll(async () => {
    await close?.();
    await cloud.stop();
    await remove?.();
  });

  test("an upload goes through the server, which has the API key, and its picture appears", async () => {
    const { page, errors } = await open(context, url);
    const requests: string[] = [];
    const received: Promise<string>[] = [];
    page.on("request", (request) => requests.push(`${request.method()} ${new URL(request.url()).origin}`));
    page.on("response", (response) => received.push(response.text().catch(() => "")));
    await page.reload();
    await page.getByLabel("Add photos").setInputFiles(await boat());
    await expectPicture(page, ".grid img");
    // The browser calls the API through its own site, and sends the bytes to S3.
    expect(requests).toContain(`POST ${url}`);
    expect(requests.filter((request) => request.startsWith("PUT"))).toHaveLength(1);
    expect(requests).not.toContain(`POST ${new URL(cloud.url).origin}`);
    expect((await Promise.all(received)).filter((text) => text.includes(key))).toEqual([]);
    expect(errors).toEqual([]);
  }, 60_000);

  test("the HTML of the server has the pictures, and nothing moves while they load", async () => {
    const html = await (await fetch(url)).text();
    // `Picture` in a Server Component, and `next/image`.
    expect(html).toMatch(/<picture class="newest"[^>]*aspect-ratio:[^>]*><img [^>]*\/media\//);
    expect(html.match(/data-nimg/g)).toHaveLength(1);
    await addPhotos(cloud.url, key);
    expect(await expectStill(context, url, "main img")).toEqual([]);
  }, 60_000);

  test("the proxy forwards the requests of an upload alone", async () => {
    const statuses = [];
    for (const [method, path] of [
      ["GET", "images"],
      ["GET", "stats"],
      ["POST", "images/img_1/reprocess"],
      ["DELETE", "images"],
    ])
      statuses.push((await fetch(`${url}/api/${path}`, { method })).status);
    expect(statuses).toEqual([404, 404, 404, 404]);
  });
});
