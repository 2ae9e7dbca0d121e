/** The sender over days, by a clock that only the test moves. Table, receiver and signatures are real. */
import { ID } from "@image-pipeline/core/id";
import type { Sender as SenderModule } from "@image-pipeline/core/webhooks/sender";
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  onTestFinished,
  test,
  vi,
} from "vitest";
import { createWorld, type MemoryWorld } from "../api/memory.fixture.ts";
import { type Received, type Receiver, startReceiver, verify } from "./receiver.fixture.ts";

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
}, 60_000);

afterAll(async () => {
  await receiver?.stop();
  await world?.stop();
});

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  receiver.received.length = 0;
  receiver.answer = () => ({ status: 204 });
  webhook = await ask("POST", "/webhooks", { url: receiver.url, events: ["image.updated"] });
  const file = { filename: "a.jpg", contentType: "image/jpeg", bytes: 9 };
  imageID = (await ask("POST", "/images", file)).id;
});

afterEach(async () => {
  await ask("DELETE", `/webhooks/${webhook.id}`);
  vi.useRealTimers();
});

async function ask(method: string, path: string, json?: object) {
  const response = await world.ask(path, { method, json });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${text}`);
  return text && JSON.parse(text);
}

type Delivery = { id: string; status: string; attempts: object[]; nextAttemptAt?: string };

const deliveries = async (): Promise<Delivery[]> =>
  (await ask("GET", `/webhooks/${webhook.id}/deliveries`)).items;

/** Changes the image, which writes a delivery, and returns the delivery's id. */
async function change(changes: object = { title: "A" }): Promise<string> {
  // The id of a delivery begins with its time, which only the test moves.
  vi.setSystemTime(Date.now() + 1);
  await ask("PATCH", `/images/${imageID}`, changes);
  const [newest] = await deliveries();
  if (!newest) throw new Error("The change has no delivery.");
  return newest.id;
}

/** Sends a delivery as the queue of slow receivers does, which every new one is in, for the attempt that comes next. */
async function attempt(
  deliveryID: string,
  { slow = true, ...means }: SenderModule.Means & { slow?: boolean } = {},
) {
  const { attempts } = (await deliveries()).find(({ id }) => id === deliveryID) ?? { attempts: [] };
  const message = { webhookID: webhook.id, deliveryID, tries: attempts.length, committed: true, slow };
  return Sender.handle(message, policy, means);
}

const find = async (deliveryID: string) => (await deliveries()).find(({ id }) => id === deliveryID);

/** Moves the clock to when a delivery is due, and past a pause of its endpoint, and returns the milliseconds. */
async function untilDue(deliveryID: string): Promise<number> {
  const before = Date.now();
  const { nextAttemptAt = "" } = (await find(deliveryID)) ?? {};
  vi.setSystemTime(Date.parse(nextAttemptAt) + second);
  return Date.now() - before;
}

const first = (): Received => {
  const [received] = receiver.received;
  if (!received) throw new Error("Nothing was received.");
  return received;
};

describe("a receiver that fails", () => {
  test("gets ten attempts with one webhook-id over about three days, after which the endpoint is disabled", async () => {
    receiver.answer = () => ({ status: 503 });
    // Delays vary by a tenth: the shortest ones end before the three days after which an endpoint is disabled.
    const random = vi.spyOn(Math, "random").mockReturnValue(0.5);
    onTestFinished(() => random.mockRestore());
    const id = await change();
    const waits: number[] = [];
    const started = Date.now();
    for (let made = 0; made < 10; made++) {
      if (made > 0) waits.push(await untilDue(id));
      // Before an endpoint is probed after a pause, a message may only postpone the delivery.
      await expect
        .poll(async () => {
          const { did } = await attempt(id);
          if (did.startsWith("postponed")) await untilDue(id);
          return did;
        })
        .toMatch(made === 9 ? /^failed/ : /^failed, will be retried/);
      expect((await find(id))?.attempts).toHaveLength(made + 1);
    }
    expect(await find(id)).toMatchObject({ status: "failed" });
    expect(new Set(receiver.received.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    const hours = (Date.now() - started) / hour;
    expect(hours).toBeGreaterThan(66);
    expect(hours).toBeLessThan(85);
    // The reconciler comes within five minutes, where SQS cannot delay a message for so long.
    const expected = [5 * second, 5 * minute, 30 * minute, 2 * hour, 5 * hour, 10 * hour, 14 * hour];
    for (const [index, delay] of [...expected, 20 * hour, 24 * hour].entries()) {
      expect(waits[index]).toBeGreaterThan(delay * 0.89);
      expect(waits[index]).toBeLessThan(delay * 1.11 + 6 * minute);
    }
    expect(await ask("GET", `/webhooks/${webhook.id}`)).toMatchObject({
      enabled: false,
      disabledReason: "failing",
    });
  });

  test("is not attempted before the time that its Retry-After names, up to a day", async () => {
    receiver.answer = () => ({ status: 503, headers: { "retry-after": "7200" } });
    const id = await change();
    await attempt(id);
    expect(await untilDue(id)).toBeGreaterThanOrEqual(2 * hour);
    receiver.answer = () => ({ status: 429, headers: { "retry-after": "999999999" } });
    await attempt(id);
    const wait = await untilDue(id);
    expect(wait).toBeGreaterThanOrEqual(24 * hour);
    expect(wait).toBeLessThan(25 * hour);
    const until = new Date(Date.now() + 3 * hour).toUTCString();
    receiver.answer = () => ({ status: 503, headers: { "retry-after": until } });
    await attempt(id);
    expect(await untilDue(id)).toBeGreaterThan(3 * hour - 2 * second);
  });

  test("is disabled by 410 at once, and its deliveries end without an attempt", async () => {
    receiver.answer = () => ({ status: 410 });
    const [id, other] = [await change(), await change({ title: "B" })];
    await attempt(id);
    expect(await ask("GET", `/webhooks/${webhook.id}`)).toMatchObject({ disabledReason: "gone" });
    expect(await attempt(other)).toMatchObject({ did: "failed: the endpoint is disabled" });
    expect(receiver.received).toHaveLength(1);
  });

  test.each([301, 302, 307, 308, 400, 404, 500])(
    "with %i is a failure, and a redirect is not followed",
    async (status) => {
      receiver.answer = () => ({ status, headers: { location: `${receiver.url}/other` } });
      const id = await change();
      await attempt(id);
      expect(await find(id)).toMatchObject({ status: "pending", attempts: [{ status }] });
      expect(receiver.received).toHaveLength(1);
    },
  );

  test("is paused after five failures in a row, in which another endpoint gets its deliveries", async () => {
    receiver.answer = () => ({ status: 500 });
    const ids = [];
    for (const title of ["1", "2", "3", "4", "5", "6"]) ids.push(await change({ title }));
    for (const id of ids.slice(0, 5)) await attempt(id);
    expect(await attempt(ids[5] ?? "")).toMatchObject({ did: "postponed: the endpoint is paused" });
    expect(receiver.received).toHaveLength(5);
    const healthy = await startReceiver();
    const other = await ask("POST", "/webhooks", { url: healthy.url, events: ["image.updated"] });
    const { id: deliveryID } = await ask("POST", `/webhooks/${other.id}/test`);
    const sent = Sender.handle({ webhookID: other.id, deliveryID, tries: 0, slow: true }, policy);
    expect(await sent).toMatchObject({ did: "delivered" });
    await ask("DELETE", `/webhooks/${other.id}`);
    await healthy.stop();
    // One probe ends the pause.
    receiver.answer = () => ({ status: 200 });
    await untilDue(ids[5] ?? "");
    expect(await attempt(ids[5] ?? "")).toMatchObject({ did: "delivered" });
    expect(await ask("GET", `/webhooks/${webhook.id}`)).not.toHaveProperty("failingSince");
  });
});

describe("a message", () => {
  test("is signed with both secrets for a day after a rotation, repeated rotations included", async () => {
    const secrets = [webhook.secret];
    for (let turn = 0; turn < 2; turn++)
      secrets.unshift((await ask("POST", `/webhooks/${webhook.id}/rotate`)).secret);
    await attempt(await change());
    for (const secret of secrets) expect(verify(secret, first())).toEqual(first().message);
    vi.setSystemTime(Date.now() + 24 * hour + second);
    receiver.received.length = 0;
    await attempt(await change({ title: "B" }));
    expect(verify(secrets[0] ?? "", first())).toEqual(first().message);
    for (const secret of secrets.slice(1)) expect(() => verify(secret, first())).toThrow(/signature/);
  });

  test("has the time of its attempt, which receivers check, and the same body and id by each", async () => {
    receiver.answer = () => ({ status: 500 });
    const id = await change();
    await attempt(id);
    await untilDue(id);
    await attempt(id);
    const [one, two] = receiver.received;
    expect([two?.body, two?.headers["webhook-id"]]).toEqual([one?.body, one?.headers["webhook-id"]]);
    expect(two?.headers["webhook-timestamp"]).toBe(String(Math.floor(Date.now() / 1000)));
  });

  test("has at most 20,000 bytes: longer texts are left out, and it says so", async () => {
    const metadata = Object.fromEntries(
      Array.from({ length: 20 }, (_, at) => [`name${at}`, "画".repeat(500)]),
    );
    await attempt(await change({ metadata, alt: "画".repeat(1000) }));
    const { body, message } = first();
    expect(Buffer.byteLength(body)).toBeLessThanOrEqual(20_000);
    expect(message).toMatchObject({ truncated: true, data: { id: imageID, version: expect.any(Number) } });
    expect(message.data).not.toHaveProperty("metadata");
  });

  test("is listed with every other one, more than 1 MB of them too", async () => {
    const { DeliveryEntity } = await import("@image-pipeline/core/table/delivery-entity");
    const key = { webhookID: webhook.id, deliveryID: await change() };
    const { data } = await DeliveryEntity.get(key).go();
    if (!data) throw new Error("The change has no delivery.");
    const attempts = [{ at: data.at, ms: 0, error: "x".repeat(50_000) }];
    for (let n = 0; n < 30; n++)
      await DeliveryEntity.put({ ...data, deliveryID: ID.createDeliveryID(), attempts }).go();
    expect(await deliveries()).toHaveLength(31);
  });

  test("that comes twice is ignored the second time", async () => {
    const deliveryID = await change();
    const message = { webhookID: webhook.id, deliveryID, tries: 0, committed: true, slow: true };
    expect(await Sender.handle(message, policy)).toMatchObject({ did: "delivered" });
    expect(await Sender.handle(message, policy)).toMatchObject({ did: "ignored: it is done" });
    expect(receiver.received).toHaveLength(1);
  });

  test("is sent to no internal address on a deployed stage", async () => {
    const id = await change();
    const message = { webhookID: webhook.id, deliveryID: id, tries: 0, committed: true, slow: true };
    await Sender.handle(message, {});
    expect(await find(id)).toMatchObject({ attempts: [{ error: "refused" }] });
    expect(receiver.received).toEqual([]);
  });
});

describe("the queue of slow receivers", () => {
  const moved = { did: "moved to the queue of slow receivers" };
  /** A clock by which every attempt takes longer than a receiver that is not slow. */
  const late = (_: number, run: () => void) => {
    run();
    return () => {};
  };

  test("is that of a new receiver until it accepts a message, and of a changed one", async () => {
    const id = await change();
    expect(await attempt(id, { slow: false })).toMatchObject(moved);
    expect(receiver.received).toEqual([]);
    receiver.answer = () => ({ status: 500 });
    await attempt(id);
    await untilDue(id);
    expect(await attempt(id, { slow: false })).toMatchObject(moved);
    receiver.answer = () => ({ status: 204 });
    expect(await attempt(id)).toMatchObject({ did: "delivered" });
    expect(await attempt(await change({ title: "B" }), { slow: false })).toMatchObject({ did: "delivered" });
    await ask("PATCH", `/webhooks/${webhook.id}`, { url: `${receiver.url}/other` });
    expect(await attempt(await change({ title: "C" }), { slow: false })).toMatchObject(moved);
  });

  test("is that of a receiver while it does not answer, until it answers in time", async () => {
    await attempt(await change());
    const stalled = await change({ title: "B" });
    const waits = Promise.withResolvers<void>();
    const means = {
      after: late,
      post: () => waits.promise.then(() => ({ status: 204, headers: {}, body: Buffer.alloc(0) })),
    };
    const stalling = attempt(stalled, { slow: false, ...means });
    let title = 0;
    const next = async () => await change({ title: `C${title++}` });
    await expect.poll(async () => await attempt(await next(), { slow: false })).toMatchObject(moved);
    waits.resolve();
    expect(await stalling).toMatchObject({ did: "delivered" });
    expect(await attempt(await next(), { after: late })).toMatchObject({ did: "delivered" });
    expect(await attempt(await next(), { slow: false })).toMatchObject(moved);
    expect(await attempt(await next())).toMatchObject({ did: "delivered" });
    expect(await attempt(await next(), { slow: false })).toMatchObject({ did: "delivered" });
  });
});
