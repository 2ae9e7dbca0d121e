import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createClient } from "./client.ts";
import type { Status } from "./types.ts";

const id = "img_01JD0Z6V9RW1QK4C6X4M2N8T3B";

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(0.5);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** The state of an image from a time on, in seconds since the start. */
type Step = { from: number; status: Status; retryAfter?: string };

/** A client of an API whose image goes through these steps; `asked` has the time and condition of each request. */
function waitingFor(...steps: Step[]) {
  const began = Date.now();
  const asked: { at: number; condition?: string; status: number }[] = [];
  const fetch = async (_url: string, { headers, signal }: RequestInit) => {
    signal?.throwIfAborted();
    const at = (Date.now() - began) / 1000;
    const version = steps.filter(({ from }) => from <= at).length;
    const step = steps[version - 1];
    if (!step) return new Response(null, { status: 404 });
    const condition = new Headers(headers).get("if-none-match") ?? undefined;
    const status = condition === `W/"v${version}"` ? 304 : 200;
    asked.push({ at, condition, status });
    return new Response(status === 304 ? null : JSON.stringify({ id, version, status: step.status }), {
      status,
      headers: step.retryAfter === undefined ? {} : { "retry-after": step.retryAfter },
    });
  };
  return { client: createClient({ baseUrl: "http://images.test", fetch }), asked };
}

test("wait looks the image up after each Retry-After and its jitter, and sends the version that it has", async () => {
  const { client, asked } = waitingFor(
    { from: 0, status: "pending", retryAfter: "1" },
    { from: 2, status: "processing", retryAfter: "2" },
    { from: 4, status: "ready" },
  );
  const waiting = client.images.wait(id);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(await waiting).toEqual({ id, version: 3, status: "ready" });
  expect(asked).toEqual([
    { at: 0, condition: undefined, status: 200 },
    { at: 1.125, condition: 'W/"v1"', status: 304 },
    { at: 2.25, condition: 'W/"v1"', status: 200 },
    { at: 4.5, condition: 'W/"v2"', status: 200 },
  ]);
});

test.each(["ready", "rejected", "failed"] as const)(
  "wait sends one request for an image that is %s, and leaves no timer",
  async (status) => {
    const { client, asked } = waitingFor({ from: 0, status });
    expect(await client.images.wait(id)).toMatchObject({ status });
    expect(asked).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  },
);

test("an API without Retry-After is asked about once a second", async () => {
  const { client, asked } = waitingFor({ from: 0, status: "pending" }, { from: 9, status: "ready" });
  const waiting = client.images.wait(id);
  await vi.advanceTimersByTimeAsync(12_000);
  await waiting;
  expect(asked).toHaveLength(9);
});

test("the jitter never shortens Retry-After, and lengthens it by a quarter at most", async () => {
  for (const [random, at] of [
    [0, 4],
    [0.999, 4.999],
  ] as const) {
    vi.mocked(Math.random).mockReturnValue(random);
    const { client, asked } = waitingFor(
      { from: 0, status: "pending", retryAfter: "4" },
      { from: 1, status: "ready" },
    );
    const waiting = client.images.wait(id);
    await vi.advanceTimersByTimeAsync(6_000);
    await waiting;
    expect(asked[1]?.at).toBeCloseTo(at, 2);
  }
});

test("wait throws timed_out with the last status once its seconds are over, in the middle of a pause", async () => {
  const { client, asked } = waitingFor({ from: 0, status: "processing", retryAfter: "8" });
  const waiting = expect(client.images.wait(id, { seconds: 12 })).rejects.toMatchObject({
    name: "ClientError",
    code: "timed_out",
    message: `${id} is still processing after 12 s. Call wait again, or look the image up later.`,
  });
  await vi.advanceTimersByTimeAsync(12_000);
  await waiting;
  expect(asked).toHaveLength(2);
  expect(vi.getTimerCount()).toBe(0);
});

/** A client of an API that never responds. */
function silent() {
  return createClient({
    baseUrl: "http://images.test",
    fetch: (_url, { signal }) =>
      new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason))),
  });
}

test("a request without a response ends with the time limit, too", async () => {
  const waiting = expect(silent().images.wait(id, { seconds: 5 })).rejects.toMatchObject({
    code: "timed_out",
    message: `There is no response for ${id} after 5 s. Call wait again, or look the image up later.`,
  });
  await vi.advanceTimersByTimeAsync(5_000);
  await waiting;
});

test("a cancellation ends a request or a pause at once with its reason, and no other request follows", async () => {
  const reason = new Error("The person left.");
  const { client, asked } = waitingFor({ from: 0, status: "pending", retryAfter: "8" });
  for (const each of [client, silent()]) {
    const cancel = new AbortController();
    const waiting = expect(each.images.wait(id, { signal: cancel.signal })).rejects.toBe(reason);
    await vi.advanceTimersByTimeAsync(1_000);
    cancel.abort(reason);
    await waiting;
    expect(vi.getTimerCount()).toBe(0);
  }
  expect(asked).toHaveLength(1);
  const before = AbortSignal.abort(reason);
  await expect(client.images.wait(id, { signal: before })).rejects.toBe(reason);
  expect(asked).toHaveLength(1);
});

test("an image that is deleted meanwhile ends the wait with image_not_found", async () => {
  let count = 0;
  const client = createClient({
    baseUrl: "http://images.test",
    fetch: () =>
      count++ === 0
        ? Response.json({ id, version: 1, status: "pending" })
        : Response.json({ code: "image_not_found" }, { status: 404 }),
  });
  const waiting = expect(client.images.wait(id)).rejects.toMatchObject({ code: "image_not_found" });
  await vi.advanceTimersByTimeAsync(2_000);
  await waiting;
  expect(count).toBe(2);
});

test("Lambda's own 429, sent while every concurrent execution is in use, is retried", async () => {
  const answers = [new Response("", { status: 429 }), Response.json({ id, version: 2, status: "ready" })];
  const client = createClient({
    baseUrl: "http://images.test",
    fetch: () => answers.shift() ?? new Response(null, { status: 500 }),
  });
  const waiting = client.images.wait(id);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await waiting).toMatchObject({ status: "ready" });
});
