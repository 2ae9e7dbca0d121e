import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startTestCloud, type TestCloud } from "../cloud.fixture.ts";
import { type Answer, type Received, type Receiver, startReceiver, verify } from "./receiver.fixture.ts";

let cloud: TestCloud;
let receiver: Receiver;
let other: Receiver;
let sample: Uint8Array<ArrayBuffer>;
let webhook: { id: string; secret: string; url: string };
let rejections: { id: string };

const all = ["image.ready", "image.rejected", "image.failed", "image.updated", "image.deleted"];
const answering = (status: number, headers?: Record<string, string>) => (): Answer => ({ status, headers });

beforeAll(async () => {
  cloud = await startTestCloud({ anonymous: true, egressLoopback: true, webhooksMax: 4 }, { workers: 1 });
  sample = new Uint8Array(await readFile("docs/sample.jpg"));
  [receiver, other] = await Promise.all([startReceiver(), startReceiver()]);
  // Before the first image: each process reads the endpoints at its first event, and keeps them for a while.
  webhook = await ask("POST", "/webhooks", { url: receiver.url, events: all });
  rejections = await ask("POST", "/webhooks", { url: other.url, events: ["image.rejected"] });
}, 120_000);

beforeEach(() => {
  for (const { received } of [receiver, other]) received.length = 0;
  receiver.answer = answering(204);
});

afterAll(async () => {
  await Promise.all([receiver.stop(), other.stop()]);
  await cloud.stop();
});

async function ask(method: string, path: string, json?: unknown, key?: string) {
  const response = await fetch(cloud.url + path, {
    method,
    ...(json !== undefined && { body: JSON.stringify(json) }),
    headers: {
      ...(json !== undefined && { "content-type": "application/json" }),
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
    },
  });
  const text = await response.text();
  return { http: response.status, ...(text && JSON.parse(text)) };
}

async function upload(bytes: Uint8Array<ArrayBuffer> = sample, visibility?: string) {
  const form = new FormData();
  if (visibility) form.set("visibility", visibility);
  form.set("file", new File([bytes], "a.jpg", { type: "image/jpeg" }));
  form.set("title", "A title");
  const response = await fetch(`${cloud.url}/images`, { method: "POST", body: form });
  return (await response.json()) as { id: string };
}

/** Sends a test message, and waits until its delivery has ended. */
async function deliver(id = webhook.id) {
  const { id: delivery } = await ask("POST", `/webhooks/${id}/test`);
  const find = async () => {
    const { items } = await ask("GET", `/webhooks/${id}/deliveries`);
    return items.find((item: { id: string }) => item.id === delivery);
  };
  await expect.poll(async () => (await find()).status).not.toBe("pending");
  return find();
}

const version = ({ message }: Received) => message.data.version ?? 0;

describe("an endpoint", () => {
  test("receives every event of an image once, signed, with the image as it was by then", async () => {
    const { id } = await upload();
    await receiver.until(1, ({ message }) => message.type === "image.ready");
    await ask("PATCH", `/images/${id}`, { title: "Another" });
    await ask("DELETE", `/images/${id}`);
    const received = (await receiver.until(3)).toSorted((a, b) => version(a) - version(b));
    for (const each of received) expect(verify(webhook.secret, each)).toEqual(each.message);
    expect(received.map(({ message: { type, data } }) => ({ type, data }))).toMatchObject([
      { type: "image.ready", data: { id, status: "ready", title: "A title", variants: {} } },
      { type: "image.updated", data: { id, title: "Another" } },
      { type: "image.deleted", data: { id, title: "Another" } },
    ]);
    expect(new Set(received.map(version)).size).toBe(3);
    expect(new Set(received.map(({ headers }) => headers["webhook-id"])).size).toBe(3);
    expect(other.received).toEqual([]);
    const { items } = await ask("GET", `/webhooks/${webhook.id}/deliveries?limit=3`);
    for (const item of items) expect(item).toMatchObject({ imageId: id, status: "delivered" });
  }, 60_000);

  test("gets of a private image no file and no signature, also once it is public and private again", async () => {
    const { id } = await upload(sample, "private");
    await receiver.until(1, ({ message }) => message.type === "image.ready");
    const image = await ask("GET", `/images/${id}`);
    const files = Object.values<{ url: string }>(image.variants).map(({ url }) => new URL(url).pathname);
    expect(files.length).toBeGreaterThan(0);
    await ask("PATCH", `/images/${id}`, { title: "Still private" });
    for (const { body, message } of await receiver.until(2)) {
      expect(message.data).toMatchObject({ id, visibility: "private" });
      expect(message.data).not.toHaveProperty("variants");
      expect(body).not.toMatch(/Signature=|Key-Pair-Id|Expires=|urlsExpireAt|\/private\//);
      for (const file of files) expect(body).not.toContain(file);
    }
    await ask("PATCH", `/images/${id}`, { visibility: "public" });
    const isPublic = ({ message: { data } }: Received) =>
      data.visibility !== "private" && Object.keys(data.variants ?? {}).length > 0;
    await receiver.until(1, isPublic);
    await ask("PATCH", `/images/${id}`, { visibility: "private" });
    await ask("DELETE", `/images/${id}`);
    const [deleted] = await receiver.until(1, ({ message }) => message.type === "image.deleted");
    expect(deleted?.message.data).toMatchObject({ id, visibility: "private" });
    expect(Object.keys(deleted?.message.data.variants ?? {})).toEqual([]);
    const { items } = await ask("GET", `/webhooks/${webhook.id}/deliveries?limit=5`);
    expect(JSON.stringify(items)).not.toMatch(/Signature=|variants/);
  }, 60_000);

  test("receives only the events that it subscribes to", async () => {
    const { id } = await upload(new Uint8Array([1, 2, 3]));
    const [received] = await other.until(1);
    expect(received?.message).toMatchObject({
      type: "image.rejected",
      data: { id, error: { code: "unsupported_format" } },
    });
    const { items } = await ask("GET", `/webhooks/${rejections.id}/deliveries`);
    expect(items).toHaveLength(1);
  }, 60_000);

  test("gets the same message again after a failed attempt, and by a retry of the delivery", async () => {
    receiver.answer = () => ({ status: receiver.received.length === 1 ? 500 : 200 });
    const { id } = await upload();
    const isOurs = ({ message }: Received) => message.data.id === id;
    await receiver.until(2, isOurs);
    const delivery = async () =>
      (await ask("GET", `/webhooks/${webhook.id}/deliveries`)).items.find(
        ({ imageId }: { imageId: string }) => imageId === id,
      );
    await expect.poll(delivery).toMatchObject({
      status: "delivered",
      attempts: [{ status: 500, error: "status" }, { status: 200 }],
    });
    const path = `/webhooks/${webhook.id}/deliveries/${(await delivery()).id}/retry`;
    expect(await ask("POST", path)).toMatchObject({ http: 202, status: "pending" });
    const [first, ...others] = await receiver.until(3, isOurs);
    for (const { headers, body } of others) {
      expect(headers["webhook-id"]).toBe(first?.headers["webhook-id"]);
      expect(body).toBe(first?.body);
    }
    expect(await ask("GET", `/webhooks/${webhook.id}`)).not.toHaveProperty("failingSince");
  }, 60_000);

  test("is signed with both secrets after a rotation", async () => {
    const { secret } = await ask("POST", `/webhooks/${webhook.id}/rotate`);
    expect(secret).not.toBe(webhook.secret);
    await deliver();
    const [received] = await receiver.until(1);
    if (!received) throw new Error("Nothing was received.");
    for (const each of [secret, webhook.secret])
      expect(verify(each, received)).toMatchObject({ type: "webhook.test" });
    expect(() => verify("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", received)).toThrow();
    webhook.secret = secret;
  });

  test("is not followed to where it redirects", async () => {
    receiver.answer = answering(302, { location: other.url });
    expect(await deliver()).toMatchObject({
      status: "failed",
      attempts: [{ status: 302, error: "redirect" }],
    });
    expect(other.received).toEqual([]);
  });

  test("is not sent the secret again, by any route", async () => {
    for (const path of ["/webhooks", `/webhooks/${webhook.id}`, `/webhooks/${webhook.id}/deliveries`])
      expect(JSON.stringify(await ask("GET", path))).not.toMatch(/whsec_/);
  });

  test("that answers 410 is disabled, and says so, until it is enabled", async () => {
    receiver.answer = answering(410);
    await upload();
    const path = `/webhooks/${webhook.id}`;
    await expect
      .poll(() => ask("GET", path), { timeout: 20_000 })
      .toMatchObject({ enabled: false, disabledReason: "gone", disabledAt: expect.any(String) });
    const { items } = await ask("GET", `${path}/deliveries?status=failed`);
    expect(items).toMatchObject([
      { type: "image.ready", attempts: [{ status: 410 }] },
      { type: "webhook.test" },
    ]);
    expect(await ask("POST", `${path}/deliveries/${items[0].id}/retry`)).toMatchObject({
      http: 409,
      code: "webhook_disabled",
    });
    receiver.answer = answering(200);
    const enabled = await ask("PATCH", path, { enabled: true });
    expect(enabled).toMatchObject({ http: 200, enabled: true });
    expect(enabled).not.toHaveProperty("disabledReason");
    await ask("POST", `${path}/deliveries/${items[0].id}/retry`);
    await receiver.until(2, ({ message }) => message.type === "image.ready");
  }, 60_000);
});

test("an owner's messages arrive while all receivers of another owner stall", async () => {
  const { ApiKey } = await import("@image-pipeline/core/api-key");
  const { key } = await ApiKey.create({
    name: "tenants",
    scopes: ["images:read", "images:write", "service"],
  });
  const [stalled, well] = await Promise.all([startReceiver(), startReceiver()]);
  stalled.answer = () => undefined;
  try {
    const subscribe = (owner: string, { url }: Receiver): Promise<{ id: string }> =>
      ask("POST", "/webhooks", { url, events: ["image.updated"], owner }, key);
    const announce = (owner: string): Promise<{ id: string }> =>
      ask("POST", "/images", { filename: "a.jpg", contentType: "image/jpeg", bytes: 9, owner }, key);
    const change = ({ id }: { id: string }, title: string) => ask("PATCH", `/images/${id}`, { title }, key);
    const endpoints = await Promise.all([1, 2, 3, 4].map(() => subscribe("stalled", stalled)));
    await subscribe("well", well);
    const [theirs, ours] = [await announce("stalled"), await announce("well")];
    await change(ours, "The first is accepted");
    await well.until(1);
    // More messages than the sender sends at once.
    for (let n = 0; n < 28; n++) await change(theirs, `Title ${n}`);
    await stalled.until(1);
    for (let n = 0; n < 10; n++) await change(ours, `Title ${n}`);
    await well.until(11);
    for (const { id } of endpoints) {
      const { items } = await ask("GET", `/webhooks/${id}/deliveries?limit=100`, undefined, key);
      expect(items).toHaveLength(28);
      for (const { status, attempts } of items) expect([status, attempts]).toEqual(["pending", []]);
    }
  } finally {
    await Promise.all([stalled.stop(), well.stop()]);
  }
}, 60_000);

describe("a problem changes nothing", () => {
  const valid = { url: "https://receiver.example.com/", events: ["image.ready"] };
  const urls = [
    "ftp://receiver.example.com/",
    "https://user:secret@receiver.example.com/",
    "https://10.0.0.1/",
    "https://169.254.169.254/latest/meta-data",
    "https://0xA9FEA9FE/",
    "https://[::ffff:10.0.0.1]/",
    "https://metadata.google.internal/",
    "https://intranet/",
    "https://receiver.example.com/\r\nx-injected: 1",
    "https://receiver.exam\tple.com/",
    `https://receiver.example.com/${"x".repeat(2_048)}`,
    "receiver",
  ];

  test.each([
    ...urls.map((url): [string, object] => [url.slice(0, 60), { ...valid, url }]),
    ["an unknown event", { ...valid, events: ["image.seen"] }],
    ["no event", { ...valid, events: [] }],
    ["an unknown field", { ...valid, secret: "whsec_" }],
  ])("for %s", async (_, json) => {
    const before = await ask("GET", "/webhooks");
    expect(await ask("POST", "/webhooks", json)).toMatchObject({ http: 400, code: "invalid_request" });
    expect(await ask("PATCH", `/webhooks/${rejections.id}`, json)).toMatchObject({ http: 400 });
    expect(await ask("GET", "/webhooks")).toEqual(before);
  });

  test("a URL that is not allowed is named by its pointer", async () => {
    const json = { ...valid, url: "https://10.0.0.1/" };
    const errors = [{ pointer: "/url", detail: expect.stringContaining("The URL was refused.") }];
    expect(await ask("POST", "/webhooks", json)).toMatchObject({ errors });
    expect(await ask("PATCH", `/webhooks/${rejections.id}`, json)).toMatchObject({ errors });
  });

  test("above the number of webhooks of an owner, also for requests in parallel", async () => {
    const made = await Promise.all(Array.from({ length: 6 }, () => ask("POST", "/webhooks", valid)));
    for (const { http, code } of made) if (http !== 201) expect(code).toBe("quota_exceeded");
    const { items } = await ask("GET", "/webhooks");
    expect(items.length).toBeLessThanOrEqual(4);
    for (const { id } of items.slice(2)) expect((await ask("DELETE", `/webhooks/${id}`)).http).toBe(204);
    expect((await ask("GET", "/webhooks")).items).toHaveLength(2);
  });
});
