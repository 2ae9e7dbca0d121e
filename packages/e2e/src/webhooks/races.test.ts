/** Changes of an endpoint while its deliveries are attempted, by a clock that only the test moves. */
import type { Sender as SenderModule } from "@image-pipeline/core/webhooks/sender";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { createWorld, type MemoryWorld } from "../api/memory.fixture.ts";
import { type Receiver, startReceiver, verify } from "./receiver.fixture.ts";

const [second, minute, hour] = [1_000, 60_000, 3_600_000];
const policy = { http: true, loopback: true };

let world: MemoryWorld;
let receiver: Receiver;
let Sender: typeof SenderModule;
let webhook: { id: string; secret: string };
let imageID: string;

beforeAll(async () => {
  world = await createWorld({ anonymous: true, egressLoopback: true, webhooksMax: 100 });
  receiver = await startReceiver();
  ({ Sender } = await import("@image-pipeline/core/webhooks/sender"));
});

afterAll(async () => {
  await receiver?.stop();
  await world?.stop();
});

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  receiver.received.length = 0;
  webhook = await ask("POST", "/webhooks", { url: receiver.url, events: ["image.updated"] });
  const file = { filename: "a.jpg", contentType: "image/jpeg", bytes: 9 };
  imageID = (await ask("POST", "/images", file)).id;
});

afterEach(() => void vi.useRealTimers());

async function ask(method: string, path: string, json?: object) {
  const response = await world.ask(path, { method, json });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${text}`);
  return text && JSON.parse(text);
}

const path = () => `/webhooks/${webhook.id}`;
let titles = 0;

/** Changes the image, and returns the id of the delivery that this writes. */
async function change(): Promise<string> {
  vi.setSystemTime(Date.now() + 1);
  await ask("PATCH", `/images/${imageID}`, { title: `Title ${titles++}` });
  return (await ask("GET", `${path()}/deliveries?limit=1`)).items[0].id;
}

const attempt = (deliveryID: string, post?: SenderModule.Means["post"], tries = 0) =>
  Sender.handle(
    { webhookID: webhook.id, deliveryID, tries, committed: true, slow: true },
    policy,
    post && { post },
  );

/** Begins an attempt, and resolves with a function that lets the receiver answer with a status. */
async function begin(deliveryID: string, tries = 0) {
  const asked = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<number>();
  const ended = attempt(
    deliveryID,
    async () => {
      asked.resolve();
      return { status: await answered.promise, headers: {}, body: Buffer.alloc(0) };
    },
    tries,
  );
  await asked.promise;
  return (status: number) => {
    answered.resolve(status);
    return ended;
  };
}

/** Seconds until the next attempt at a delivery. */
async function secondsOf(deliveryID: string): Promise<number> {
  const { items } = await ask("GET", `${path()}/deliveries`);
  const { nextAttemptAt } = items.find(({ id }: { id: string }) => id === deliveryID);
  return (Date.parse(nextAttemptAt) - Date.now()) / second;
}

test("every secret of rotations in parallel signs", async () => {
  const rotated = await Promise.all(Array.from({ length: 4 }, () => ask("POST", `${path()}/rotate`)));
  const secrets = [webhook.secret, ...rotated.map(({ secret }) => secret)];
  expect(new Set(secrets).size).toBe(5);
  await attempt(await change());
  const [received] = receiver.received;
  if (!received) throw new Error("Nothing was received.");
  for (const secret of secrets) expect(verify(secret, received)).toEqual(received.message);
});

test("a 410 of the URL of before does not disable an endpoint that was moved meanwhile", async () => {
  const answer = await begin(await change());
  await ask("PATCH", path(), { url: `${receiver.url}/moved` });
  expect(await answer(410)).toMatchObject({ did: "failed, will be retried" });
  const moved = await ask("GET", path());
  expect(moved).toMatchObject({ enabled: true, url: `${receiver.url}/moved` });
  expect(moved).not.toHaveProperty("failingSince");
});

test("an attempt of before does not disable an endpoint that was enabled meanwhile", async () => {
  const id = await change();
  await (await begin(id))(500);
  vi.setSystemTime(Date.now() + 73 * hour);
  const answer = await begin(id, 1);
  await ask("PATCH", path(), { enabled: false });
  await ask("PATCH", path(), { enabled: true });
  await answer(500);
  expect(await ask("GET", path())).toMatchObject({ enabled: true });
});

test("attempts that fail together begin one pause, of a minute", async () => {
  const ids: string[] = [];
  for (let n = 0; n < 8; n++) ids.push(await change());
  const answers = await Promise.all(ids.map((id) => begin(id)));
  await Promise.all(answers.map((answer) => answer(500)));
  const waiting = await change();
  expect(await attempt(waiting)).toMatchObject({ did: "postponed: the endpoint is paused" });
  expect(await secondsOf(waiting)).toBeLessThanOrEqual(121);
  // The probe fails: two minutes.
  vi.setSystemTime(Date.now() + 2 * minute + second);
  await (await begin(waiting))(500);
  const next = await change();
  expect(await attempt(next)).toMatchObject({ did: "postponed: the endpoint is paused" });
  expect(await secondsOf(next)).toBeLessThanOrEqual(181);
  expect(await secondsOf(next)).toBeGreaterThan(118);
});

test("a delivery whose endpoint is deleted while it is attempted is not attempted again", async () => {
  const id = await change();
  const answer = await begin(id);
  await ask("DELETE", path());
  expect(await answer(500)).toMatchObject({ did: "failed, will be retried" });
  expect(await attempt(id, undefined, 1)).toMatchObject({ did: "removed: the endpoint is gone" });
  expect(receiver.received).toEqual([]);
});
