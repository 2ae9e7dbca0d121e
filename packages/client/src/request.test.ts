import { afterEach, expect, test, vi } from "vitest";
import { listen } from "./fixture.ts";
import { ClientError } from "./problem.ts";
import { createRequest } from "./request.ts";

afterEach(() => void vi.useRealTimers());

/** Starts a server that sends these responses one after the other; `asked` holds the requests it received. */
async function answering(...answers: { status: number; body?: unknown; headers?: Record<string, string> }[]) {
  const asked: { method?: string; url?: string; authorization?: string }[] = [];
  const url = await listen((request, response) => {
    const { status, body, headers = {} } = answers[asked.length] ?? { status: 500 };
    asked.push({ method: request.method, url: request.url, authorization: request.headers.authorization });
    const text = typeof body === "string" ? body : JSON.stringify(body);
    request.resume().on("end", () => response.writeHead(status, headers).end(text));
  });
  return { url, asked };
}

const problem = {
  type: "about:blank",
  title: "Invalid request.",
  status: 400,
  detail: "The request is not valid.",
  code: "invalid_request",
  requestId: "01JD0Z6V9R",
  errors: [{ pointer: "/bytes", detail: "must be at least 1" }],
};

test("tries again when the server is at fault, and not when the request is", async () => {
  const { url, asked } = await answering(
    { status: 503 },
    { status: 200, body: { id: "a" } },
    { status: 400 },
  );
  const request = createRequest({ baseUrl: url });
  expect(await request("GET", "/images/a")).toEqual({ id: "a" });
  expect(asked).toHaveLength(2);
  await expect(request("GET", "/images/a")).rejects.toThrow(ClientError);
  expect(asked).toHaveLength(3);
});

test("tries again while an earlier try is still being answered", async () => {
  const { url, asked } = await answering(
    { status: 409, body: { ...problem, code: "request_in_progress", status: 409 } },
    { status: 409, body: { ...problem, code: "image_not_ready", status: 409 } },
  );
  const requesting = createRequest({ baseUrl: url })("POST", "/images", { body: {} });
  await expect(requesting).rejects.toMatchObject({ code: "image_not_ready" });
  expect(asked).toHaveLength(2);
});

/** A `fetch` that returns these responses one after the other, for tests whose clock is faked. */
function fetching(...responses: Response[]) {
  const fetch = vi.fn(() => responses[fetch.mock.calls.length - 1] ?? new Response(null, { status: 500 }));
  return fetch;
}

test("waits for Retry-After before it tries again", async () => {
  vi.useFakeTimers();
  const fetch = fetching(
    new Response(null, { status: 503, headers: { "retry-after": "3" } }),
    Response.json({ id: "a" }),
  );
  const requesting = createRequest({ baseUrl: "http://images.test", fetch })("GET", "/images/a");
  await vi.advanceTimersByTimeAsync(2999);
  expect(fetch).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(await requesting).toEqual({ id: "a" });
  expect(fetch).toHaveBeenCalledTimes(2);
});

test("backs off exponentially, with jitter between half the pause and all of it", async () => {
  vi.useFakeTimers();
  const fetch = fetching();
  const requesting = createRequest({ baseUrl: "http://images.test", fetch })("GET", "/images");
  const failed = expect(requesting).rejects.toMatchObject({ status: 500 });
  const at: number[] = [];
  const began = Date.now();
  while (at.length < 5) {
    if (fetch.mock.calls.length > at.length) at.push(Date.now() - began);
    else await vi.advanceTimersByTimeAsync(10);
  }
  await failed;
  const pauses = at.slice(1).map((time, i) => time - (at[i] ?? 0));
  for (const [i, pause] of pauses.entries()) {
    expect(pause).toBeGreaterThanOrEqual(250 * 2 ** i);
    expect(pause).toBeLessThanOrEqual(500 * 2 ** i + 10);
  }
});

test("gives up after `tries` attempts, with the last error", async () => {
  const { url, asked } = await answering({ status: 503 }, { status: 502 }, { status: 200 });
  const requesting = createRequest({ baseUrl: url, tries: 2 })("GET", "/images");
  await expect(requesting).rejects.toMatchObject({ code: "unexpected_answer", status: 502 });
  expect(asked).toHaveLength(2);
});

test("a problem becomes an error with its code, its fields and its request id", async () => {
  const { url } = await answering({ status: 400, body: problem });
  const requesting = createRequest({ baseUrl: url })("POST", "/images", { body: {} });
  await expect(requesting).rejects.toMatchObject({
    name: "ClientError",
    code: "invalid_request",
    message: "Invalid request. /bytes: must be at least 1",
    status: 400,
    requestID: "01JD0Z6V9R",
    fields: [{ pointer: "/bytes", detail: "must be at least 1" }],
    isTransient: false,
  });
});

test("a response that is not the API's is an unexpected_answer that quotes it", async () => {
  const { url } = await answering(
    { status: 200, body: "<!doctype html>" },
    { status: 404, body: "not here" },
  );
  const request = createRequest({ baseUrl: url });
  await expect(request("GET", "/images")).rejects.toMatchObject({ code: "unexpected_answer" });
  await expect(request("GET", "/images")).rejects.toThrow(
    "The API returned 404 without a problem document: not here",
  );
});

test("without a response the error names the base URL", async () => {
  const requesting = createRequest({ baseUrl: "http://127.0.0.1:1", tries: 1 })("GET", "/images");
  await expect(requesting).rejects.toMatchObject({
    code: "network_error",
    message: "No response from http://127.0.0.1:1. Check the network and `baseUrl`.",
  });
});

test("calls the token function for each request, so that it can renew the token", async () => {
  const { url, asked } = await answering({ status: 200, body: {} }, { status: 200, body: {} });
  let count = 0;
  const request = createRequest({ baseUrl: `${url}/`, token: async () => `token-${++count}` });
  await request("GET", "/images", { query: { id: ["a b", "c"], tag: undefined } });
  await request("GET", "/images");
  expect(asked).toEqual([
    { method: "GET", url: "/images?id=a%20b&id=c", authorization: "Bearer token-1" },
    { method: "GET", url: "/images", authorization: "Bearer token-2" },
  ]);
});

test("a cancellation ends the pause between two tries", async () => {
  vi.useFakeTimers();
  const fetch = fetching(new Response(null, { status: 503, headers: { "retry-after": "8" } }));
  const cancel = new AbortController();
  const requesting = createRequest({ baseUrl: "http://images.test", fetch })("GET", "/images", {
    signal: cancel.signal,
  });
  const cancelled = expect(requesting).rejects.toMatchObject({ name: "AbortError" });
  await vi.advanceTimersByTimeAsync(100);
  // undici may keep timers of its connections.
  const timers = vi.getTimerCount();
  cancel.abort();
  await cancelled;
  expect(vi.getTimerCount()).toBe(timers - 1);
  expect(fetch).toHaveBeenCalledTimes(1);
});
