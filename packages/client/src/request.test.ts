import { expect, test } from "vitest";
import { listen } from "./fixture.ts";
import { ClientError } from "./problem.ts";
import { createRequest } from "./request.ts";

/** A server that gives these answers, one after the other, and says how often it was asked. */
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
  title: "Invalid request",
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

test("waits as long as the server asks it to before it tries again", async () => {
  const { url } = await answering(
    { status: 503, headers: { "retry-after": "1" } },
    { status: 200, body: {} },
  );
  const began = Date.now();
  await createRequest({ baseUrl: url })("GET", "/images");
  expect(Date.now() - began).toBeGreaterThanOrEqual(990);
});

test("gives up after so many tries, with the last error", async () => {
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
    message: "The request is not valid.",
    status: 400,
    requestID: "01JD0Z6V9R",
    fields: [{ pointer: "/bytes", detail: "must be at least 1" }],
    isTransient: false,
  });
});

test("a page that is not the API's is named for what it is", async () => {
  const { url } = await answering(
    { status: 200, body: "<!doctype html>" },
    { status: 404, body: "not here" },
  );
  const request = createRequest({ baseUrl: url });
  await expect(request("GET", "/images")).rejects.toMatchObject({ code: "unexpected_answer" });
  await expect(request("GET", "/images")).rejects.toThrow("The service answered 404: not here");
});

test("where nothing answers, the error names the place", async () => {
  const requesting = createRequest({ baseUrl: "http://127.0.0.1:1", tries: 1 })("GET", "/images");
  await expect(requesting).rejects.toMatchObject({
    code: "network_error",
    message: "Nothing answered at http://127.0.0.1:1.",
  });
});

test("asks for the token anew for each request, so that it may be renewed", async () => {
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
  const { url } = await answering({ status: 503, headers: { "retry-after": "8" } });
  const cancel = new AbortController();
  const requesting = createRequest({ baseUrl: url })("GET", "/images", { signal: cancel.signal });
  setTimeout(() => cancel.abort(), 100);
  const began = Date.now();
  await expect(requesting).rejects.toMatchObject({ name: "AbortError" });
  expect(Date.now() - began).toBeLessThan(2000);
});
