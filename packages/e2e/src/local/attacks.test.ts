/** Web pages against the ports of `npm start`, in Chromium. Every page knows the embedded key pair. */
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { S3Client } from "@aws-sdk/client-s3";
import { createPresignedPost } from "@aws-sdk/s3-presigned-post";
import { photo } from "@image-pipeline/core/fixture";
import { AwsClient } from "aws4fetch";
import type { BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startBrowser } from "../browser.fixture.ts";
import { startTestCloud, type TestCloud } from "../cloud.fixture.ts";
import { describeWith } from "../needs.ts";

/** A name that Chromium resolves to 127.0.0.1, as after DNS rebinding. */
const evil = "evil.example";

const site = createServer((_, response) =>
  response.setHeader("content-type", "text/html").end("<!doctype html><title>site</title>"),
);
const siteAt = (host: string) => `http://${host}:${(site.address() as AddressInfo).port}`;

let cloud: TestCloud;
let aws: AwsClient;
let s3: S3Client;
let media: string;
let browser: { context: BrowserContext; close(): Promise<void> };

/** Presigns a request to the uploads bucket, as any page can; `host` replaces the endpoint's. */
async function presigned(method: string, path: string, host = "127.0.0.1"): Promise<string> {
  const url = `${cloud.s3Url.replace("127.0.0.1", host)}/uploads${path}`;
  return (await aws.sign(url, { method, aws: { signQuery: true } })).url;
}

const put = async (key: string, body: Buffer | string, type: string) => {
  const init = { method: "PUT", headers: { "content-type": type }, body: new Uint8Array(Buffer.from(body)) };
  expect((await aws.fetch(`${cloud.s3Url}/uploads/${key}`, init)).status).toBe(200);
};

const isThere = async (key: string) =>
  (await aws.fetch(`${cloud.s3Url}/uploads/${key}`, { method: "HEAD" })).status === 200;

/** Opens a page, and collects its later requests and the statuses of the responses that the browser lets through. */
async function open(url: string) {
  const page = await browser.context.newPage();
  await page.goto(url);
  const [sent, statuses]: [string[], number[]] = [[], []];
  page.on("request", (request) => sent.push(request.url()));
  page.on("response", (response) => statuses.push(response.status()));
  return { page, sent, statuses };
}

/** Fetches from a page, and returns what the page learns. */
const request = (page: Page, url: string, init: RequestInit = {}) =>
  page.evaluate(
    ([url, init]) =>
      fetch(url, init).then(
        ({ type, status }) => (type === "opaque" ? type : status),
        () => "failed",
      ),
    [url, init] as const,
  );

const isShown = (page: Page, src: string) =>
  page.evaluate(async (src) => {
    const image = new Image();
    image.src = src;
    return await image.decode().then(
      () => image.naturalWidth > 0,
      () => false,
    );
  }, src);

/** Submits a form of the page to a frame, and resolves when the frame has loaded the response. */
const submit = (page: Page, action: string, fields: Record<string, string>, enctype: string) =>
  page.evaluate(
    ([action, fields, enctype]) =>
      new Promise<void>((done) => {
        const frame = document.createElement("iframe");
        frame.name = "response";
        document.body.append(frame);
        const form = document.createElement("form");
        Object.assign(form, { action, method: "POST", target: frame.name, enctype });
        for (const [name, value] of Object.entries(fields)) {
          const input = document.createElement("input");
          input.name = name;
          if (name === "file") {
            const transfer = new DataTransfer();
            transfer.items.add(new File([value], "photo.jpg"));
            Object.assign(input, { type: "file", files: transfer.files });
          } else input.value = value;
          form.append(input);
        }
        document.body.append(form);
        frame.onload = () => done();
        form.submit();
      }),
    [action, fields, enctype] as const,
  );

/** Opens a WebSocket from the page, and resolves with the event that ends the attempt. */
const socket = (page: Page, url: string) =>
  page.evaluate(
    (url) =>
      new Promise<string>((done) => {
        const socket = new WebSocket(url.replace("http", "ws"));
        socket.onopen = ({ type }) => done(type);
        socket.onerror = ({ type }) => done(type);
      }),
    url,
  );

const text = { "content-type": "text/plain" };

/** Signs a DeleteObjects request, which a page can send without a preflight. */
async function deletion(key: string): Promise<[url: string, init: RequestInit]> {
  const body = `<Delete><Object><Key>${key}</Key></Object></Delete>`;
  const md5 = encodeURIComponent(createHash("md5").update(body).digest("base64"));
  return [await presigned("POST", `?delete&Content-MD5=${md5}`), { method: "POST", body }];
}

const attacks: Record<string, (page: Page) => Promise<unknown>> = {
  "reads an object": async (page) => request(page, await presigned("GET", "/mine.jpg")),
  "reads an object without CORS": async (page) =>
    request(page, await presigned("GET", "/mine.jpg"), { mode: "no-cors" }),
  "lists the bucket": async (page) => request(page, await presigned("GET", "?list-type=2")),
  "puts an object": async (page) =>
    request(page, await presigned("PUT", "/planted.jpg"), { method: "PUT", body: "x" }),
  "deletes an object": async (page) =>
    request(page, await presigned("DELETE", "/mine.jpg"), { method: "DELETE" }),
  "deletes objects by a simple POST": async (page) => request(page, ...(await deletion("mine.jpg"))),
  "deletes objects by a POST without CORS": async (page) => {
    const [url, init] = await deletion("mine.jpg");
    return request(page, url, { ...init, mode: "no-cors" });
  },
  "deletes objects by a beacon": async (page) => {
    const [url, { body }] = await deletion("mine.jpg");
    await page.evaluate(([url, body]) => navigator.sendBeacon(url, body), [url, String(body)] as const);
    await page.waitForResponse(() => true);
  },
  "plants an object by a form": async (page) => {
    const Fields = { success_action_status: "201" };
    const { url, fields } = await createPresignedPost(s3, { Bucket: "uploads", Key: "planted.jpg", Fields });
    await submit(page, url, { ...fields, file: "x" }, "multipart/form-data");
  },
  "shows an object": async (page) => isShown(page, await presigned("GET", "/mine.jpg")),
  "shows a variant": (page) => isShown(page, media),
  "reads a variant": (page) => request(page, media),
  "reads the API": (page) => request(page, `${cloud.url}/images`),
  "reads the API without CORS": (page) => request(page, `${cloud.url}/images`, { mode: "no-cors" }),
  "posts text to the API": (page) =>
    request(page, `${cloud.url}/images`, { method: "POST", headers: text, body: "{}", mode: "no-cors" }),
  "posts a form to the API": (page) => submit(page, `${cloud.url}/images`, { a: "b" }, "text/plain"),
  "posts text to the table": (page) =>
    request(page, cloud.dynamodbUrl, { method: "POST", headers: text, body: "{}", mode: "no-cors" }),
  "reads the table": (page) => request(page, cloud.dynamodbUrl),
  "opens a WebSocket to the API": (page) => socket(page, cloud.url),
  "opens a WebSocket to S3": (page) => socket(page, cloud.s3Url),
  "rebinds its name to the API": (page) =>
    request(page, `${cloud.url.replace("127.0.0.1", evil)}/images`, { mode: "no-cors" }),
  "rebinds its name to S3": async (page) =>
    request(page, await presigned("GET", "?list-type=2", evil), { mode: "no-cors" }),
  "rebinds its name to the table": (page) =>
    request(page, cloud.dynamodbUrl.replace("127.0.0.1", evil), { mode: "no-cors" }),
};

describeWith("chromium", "in Chromium", () => {
  beforeAll(async () => {
    await new Promise<void>((done) => site.listen(0, "127.0.0.1", done));
    cloud = await startTestCloud();
    const { region, credentials, s3Url } = cloud;
    aws = new AwsClient({ ...credentials, region, service: "s3", retries: 0 });
    s3 = new S3Client({ region, credentials, endpoint: s3Url, forcePathStyle: true });
    await put("mine.jpg", await photo({ width: 300, height: 200 }), "image/jpeg");
    await cloud.settled();
    await put("page.html", "<script>document.title = 'ran'</script>", "text/html");
    const { items } = await (await fetch(`${cloud.url}/images?status=ready`)).json();
    media = items[0].variants.thumbnail.url;
    browser = await startBrowser([`--host-resolver-rules=MAP ${evil} 127.0.0.1`]);
  }, 60_000);

  afterAll(async () => {
    await browser.close();
    s3.destroy();
    await cloud.stop();
    await new Promise((done) => site.close(done));
  });

  test.each(Object.keys(attacks))("refuses a page of another site that %s", async (name) => {
    const { page, sent, statuses } = await open(siteAt(evil));
    const learnt = await attacks[name]?.(page);
    expect([undefined, false, "failed", "opaque", "error"]).toContain(learnt);
    // The handshake of a WebSocket is no event of the page.
    if (!name.includes("WebSocket")) expect(sent).not.toEqual([]);
    expect(statuses.filter((status) => status !== 403 && status !== 421)).toEqual([]);
    expect([await isThere("mine.jpg"), await isThere("planted.jpg")]).toEqual([true, false]);
    await page.close();
  });

  test("runs no script of an object that a page of another site opens", async () => {
    const { page } = await open(siteAt(evil));
    const popup = page.waitForEvent("popup");
    const url = await presigned("GET", "/page.html");
    await page.evaluate((url) => void window.open(url), url);
    const opened = await popup;
    await opened.waitForLoadState();
    expect([opened.url(), await opened.title()]).toEqual([url, ""]);
  });

  test.each(["127.0.0.1", "localhost"])(
    "lets a page of http://%s on another port upload, call the API and show variants",
    async (host) => {
      const { page } = await open(siteAt(host));
      const created = await page.evaluate(
        async ([api, bytes]) => {
          const body = JSON.stringify({ filename: "a.png", contentType: "image/png", bytes: bytes.length });
          const headers = { "content-type": "application/json" };
          const response = await fetch(`${api}/images`, { method: "POST", headers, body });
          const { upload } = await response.json();
          const init = { method: "PUT", headers: upload.headers, body: new Uint8Array(bytes) };
          return [response.status, (await fetch(upload.url, init)).status];
        },
        [cloud.url, [...Buffer.from(host)]] as const,
      );
      expect(created).toEqual([201, 200]);
      expect(await request(page, `${cloud.url}/images`)).toBe(200);
      expect(await request(page, media)).toBe(200);
      expect(await isShown(page, media)).toBe(true);
      expect(await isShown(page, media.replace("127.0.0.1", "localhost"))).toBe(true);
      expect(await isShown(page, await presigned("GET", "/mine.jpg"))).toBe(true);
    },
  );
});
