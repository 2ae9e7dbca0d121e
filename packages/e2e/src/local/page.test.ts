import { createServer, request, type Server } from "node:http";
import { closeServer, listen } from "@image-pipeline/local/listen";
import { isForPage, pageServer } from "@image-pipeline/local/page";
import { afterAll, beforeAll, expect, test } from "vitest";

let server: Server;
let url: string;

beforeAll(async () => {
  const page = pageServer({ store: "http://127.0.0.1:9", media: "http://127.0.0.1:8" });
  server = createServer((request, response) => {
    if (isForPage(request)) page(request, response).catch((error) => response.destroy(error));
    else response.end("the API");
  });
  url = await listen(server, 0);
});
afterAll(() => closeServer(server, 1000));

const page = () => fetch(`${url}/`);

/** The address of the page's script, as the page names it. */
const script = async () => /src="\.(\/assets\/[\w.-]+\.js)"/.exec(await (await page()).text())?.[1] ?? "";

test("the page is built by whoever asks first, and comes with its policy", { timeout: 60_000 }, async () => {
  const [response, other] = await Promise.all([page(), page()]);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(response.headers.get("cache-control")).toBe("no-cache");
  expect(response.headers.get("content-security-policy")).toContain("connect-src 'self' http://127.0.0.1:9");
  expect(await other.text()).toBe(await response.text());
});

test("its files may be kept for a year, and are known by their ETag", async () => {
  const response = await fetch(url + (await script()));
  expect(response.headers.get("content-type")).toBe("text/javascript; charset=utf-8");
  expect(response.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
  const etag = response.headers.get("etag") ?? "";
  const again = await fetch(url + (await script()), { headers: { "if-none-match": etag } });
  expect([again.status, again.headers.get("vary")]).toEqual([304, "Accept-Encoding"]);
});

test("its script is sent compressed, as the CDN sends it", async () => {
  const response = await fetch(url + (await script()));
  expect(response.headers.get("content-encoding")).toMatch(/^(br|gzip)$/);
  const bytes = Number(response.headers.get("content-length"));
  expect((await response.text()).length).toBeGreaterThan(bytes * 2);
});

test("HEAD tells as much as GET, without the page", async () => {
  const head = await fetch(`${url}/`, { method: "HEAD" });
  expect(head.headers.get("content-length")).toBe((await page()).headers.get("content-length"));
  expect(await head.text()).toBe("");
});

test.each([
  "/assets/",
  "/assets/../index.html",
  "/assets/%2e%2e/index.html",
  "/assets/none.js",
  "/assets/a/b.js",
])("there is nothing at %s", async (path) => {
  const target = new URL(url);
  const status = await new Promise<number | undefined>((done, fail) => {
    // Not by `fetch`, which would tidy the path up first.
    request({ host: target.hostname, port: target.port, path }, (response) => {
      response.resume();
      done(response.statusCode);
    })
      .on("error", fail)
      .end();
  });
  expect(status).toBe(404);
});

test.each([
  ["POST", "/"],
  ["GET", "/images"],
  ["GET", "/assetsx"],
])("%s %s is left to the API", async (method, path) => {
  expect(await (await fetch(url + path, { method })).text()).toBe("the API");
});
