import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Hono } from "hono";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startDynamodb } from "./dynamodb.ts";
import type { Trust } from "./isolation.ts";
import { closeServer, listen } from "./listen.ts";
import { startS3 } from "./s3/server.ts";
import { createFrontDoorServer } from "./server.ts";

const trust: Trust = { hosts: ["phone.example"], origins: ["https://app.example"] };
const urls: Record<string, string> = {};
const stops: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "isolation-"));
  const keys = { accessKeyId: "local", secretAccessKey: "local-secret" };
  const bucket = { buckets: ["uploads"], region: "us-east-1", ...keys, onEvent() {} };
  const s3 = await startS3({ dataDir, port: 0, trust, ...bucket });
  const table = await startDynamodb({ port: 0, trust });
  const app = new Hono().all("*", (c) => c.text("served"));
  const frontDoor = createFrontDoorServer(trust, Promise.resolve({ app, s3: s3.serve }));
  urls["the front door"] = await listen(frontDoor, 0);
  urls["S3 at the front door"] = `${urls["the front door"]}/s3/`;
  Object.assign(urls, { S3: s3.url, DynamoDB: table.url });
  stops.push(
    () => closeServer(frontDoor, 0),
    s3.close,
    table.close,
    () => rm(dataDir, { recursive: true }),
  );
});

afterAll(async () => {
  for (const stop of stops) await stop();
});

/** Sends exactly these headers; `fetch` would replace some. Resolves with the status and the body. */
const ask = (url: string, method: string, headers: Record<string, string>) =>
  new Promise<{ status: number; body: string }>((done, fail) => {
    request(url, { method, headers }, async (response) => {
      let body = "";
      for await (const part of response) body += part;
      done({ status: response.statusCode ?? 0, body });
    })
      .on("error", fail)
      .end();
  });

const navigation = { "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };
const image = { "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image" };

const refused: [string, string, Record<string, string>, number][] = [
  ["a foreign host", "GET", { host: "evil.example" }, 421],
  ["a foreign host that contains a loopback name", "GET", { host: "localhost.evil.example:3000" }, 421],
  ["a foreign host after a loopback name", "GET", { host: "127.0.0.1@evil.example" }, 421],
  [
    "a foreign host that a proxy claims is local",
    "GET",
    { host: "evil.example", "x-forwarded-host": "localhost" },
    421,
  ],
  ["a page of a foreign origin", "POST", { origin: "https://evil.example" }, 403],
  ["the preflight of a page of a foreign origin", "OPTIONS", { origin: "https://evil.example" }, 403],
  ["a page without an origin", "POST", { origin: "null" }, 403],
  ["an extension", "POST", { origin: "chrome-extension://abc" }, 403],
  ["an image in a page of another site", "GET", { "sec-fetch-site": "cross-site", ...image }, 403],
  [
    "an image in a page of another site that sends its Referer",
    "GET",
    { "sec-fetch-site": "cross-site", referer: "https://evil.example/localhost", ...image },
    403,
  ],
  ["a POST that navigates from another site", "POST", { "sec-fetch-site": "cross-site", ...navigation }, 403],
  [
    "a frame in a page of another site",
    "GET",
    { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe" },
    403,
  ],
  [
    "a page of a sibling of the public host",
    "GET",
    { host: "phone.example", "sec-fetch-site": "same-site", ...image },
    403,
  ],
];

const allowed: [string, Record<string, string>][] = [
  ["a client that is no browser", {}],
  ["the host of a setting", { host: "phone.example" }],
  ["the gallery", { "sec-fetch-site": "same-origin" }],
  ["a URL that a person typed", { "sec-fetch-site": "none", ...navigation }],
  ["a link in a page of another site", { "sec-fetch-site": "cross-site", ...navigation }],
  ["an image in a page of the same host", { "sec-fetch-site": "same-site", ...image }],
  [
    "an image in a page of another loopback name",
    { "sec-fetch-site": "cross-site", referer: "http://localhost:5173/", ...image },
  ],
];

const allowedPages: Record<string, string>[] = [
  { origin: "http://localhost:5173" },
  { origin: "http://127.0.0.1:8081", "sec-fetch-site": "cross-site" },
  { origin: "http://[::1]:3000" },
  { origin: "http://app.localhost:3000" },
  { origin: "https://app.example", "sec-fetch-site": "cross-site" },
  { host: "192.168.1.5:3000", origin: "http://192.168.1.5:3000" },
];

describe.each(["the front door", "S3 at the front door", "S3", "DynamoDB"])("%s", (name) => {
  const send = (method: string, headers: Record<string, string>) => ask(urls[name] ?? "", method, headers);

  test.each(refused)("refuses %s", async (_, method, headers, status) => {
    const answer = await send(method, headers);
    expect(answer.status).toBe(status);
    expect(answer.body).toMatch(status === 421 ? /PUBLIC_URL/ : /CORS_ORIGINS/);
  });

  test.each(allowed)("admits %s", async (_, headers) => {
    expect((await send("GET", headers)).body).not.toMatch(/PUBLIC_URL|CORS_ORIGINS/);
  });
});

describe.each(["the front door", "S3 at the front door", "S3"])("%s", (name) => {
  test.each(allowedPages)("admits a page with %o", async (headers) => {
    expect((await ask(urls[name] ?? "", "POST", headers)).body).not.toMatch(/PUBLIC_URL|CORS_ORIGINS/);
  });
});

test("the table admits no page, because none needs it", async () => {
  for (const headers of allowedPages) {
    expect((await ask(urls.DynamoDB ?? "", "POST", headers)).status).toBe(403);
  }
});
