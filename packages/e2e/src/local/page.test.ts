import { request, type Server } from "node:http";
import { createGallery } from "@image-pipeline/local/gallery";
import { closeServer, createFetchServer, listen } from "@image-pipeline/local/listen";
import { Hono } from "hono";
import { compress } from "hono/compress";
import { afterAll, beforeAll, expect, test } from "vitest";

let server: Server;
let url: string;

beforeAll(async () => {
  const app = new Hono().use(compress());
  app.route("/", createGallery({ store: "http://127.0.0.1:9", media: "http://127.0.0.1:8" }));
  app.all("*", (c) => c.text("the API", 404));
  server = createFetchServer(app.fetch);
  url = await listen(server, 0);
});
afterAll(() => closeServer(server, 1000));

const page = () => fetch(`${url}/`);

/** The URL of the page's script, as the page names it. */
const script = async () => /src="\.(\/assets\/[\w.-]+\.js)"/.exec(await (await page()).text())?.[1] ?? "";

test("the first request builds the page, which comes with its content security policy", async () => {
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

test("its script is sent compressed to a client that accepts it", async () => {
  const response = await fetch(url + (await script()));
  expect(response.headers.get("content-encoding")).toBe("gzip");
  const plain = await fetch(url + (await script()), { headers: { "accept-encoding": "identity" } });
  expect(plain.headers.get("content-encoding")).toBeNull();
  expect(await plain.text()).toBe(await response.text());
});

test("HEAD has the length that GET has without compression, and no body", async () => {
  const got = await fetch(`${url}/`, { headers: { "accept-encoding": "identity" } });
  const head = await fetch(`${url}/`, { method: "HEAD" });
  expect(head.headers.get("content-length")).toBe(got.headers.get("content-length"));
  expect(await head.text()).toBe("");
});

test("the folder of the assets leads to the gallery, as the deployed router does", async () => {
  const response = await fetch(`${url}/assets/`, { redirect: "manual" });
  expect([response.status, response.headers.get("location")]).toEqual([302, "/"]);
});

test.each(["/assets/../index.html", "/assets/%2e%2e/index.html", "/assets/none.js", "/assets/a/b.js"])(
  "there is no file at %s",
  async (path) => {
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
  },
);

test.each([
  ["POST", "/"],
  ["GET", "/images"],
  ["GET", "/assetsx"],
])("%s %s is left to the API", async (method, path) => {
  expect(await (await fetch(url + path, { method })).text()).toBe("the API");
});
