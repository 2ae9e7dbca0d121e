import type { Context } from "aws-lambda";
import { expect, test } from "vitest";
import { handler } from "./api.ts";

const call = async (
  method: string,
  path: string,
  body?: string,
  headers: Record<string, string> = { "x-origin-secret": "2" },
) => {
  const event = {
    version: "2.0",
    rawPath: path,
    rawQueryString: "",
    headers: { host: "images.example.com", "content-type": "application/json", ...headers },
    requestContext: { domainName: "images.example.com", http: { method, path } },
    body,
    isBase64Encoded: false,
  } as unknown as Parameters<typeof handler>[0];
  return handler(event, { awsRequestId: "lambda-1" } as Context);
};

test("a function URL's event is answered in its own form", async () => {
  const { statusCode, headers, body, isBase64Encoded } = await call("GET", "/health");
  expect({ statusCode, body, isBase64Encoded }).toEqual({
    statusCode: 200,
    body: JSON.stringify({ status: "ok", trashDays: 7 }),
    isBase64Encoded: false,
  });
  expect(headers).toMatchObject({ "content-type": "application/json", "cache-control": "no-store" });
});

test("problems stay readable text", async () => {
  expect(await call("GET", "/nothing")).toMatchObject({
    statusCode: 404,
    isBase64Encoded: false,
    body: expect.stringContaining('"code":"route_not_found"'),
  });
});

test("a request without an id gets Lambda's own, so that both logs can be joined", async () => {
  expect((await call("GET", "/health")).headers).toMatchObject({ "x-request-id": "lambda-1" });
});

test("a body where none belongs changes nothing", async () => {
  expect((await call("GET", "/health", "{}")).statusCode).toBe(200);
});

test("methods that no request can have are refused like all others", async () => {
  expect((await call("TRACE", "/health")).statusCode).toBe(405);
});

test.each<Record<string, string>>([{}, { "x-origin-secret": "4" }])(
  "a request that bypassed the router is refused: %j",
  async (headers) => {
    for (const path of ["/health", "/images", "/docs"]) {
      expect(await call("GET", path, undefined, headers)).toMatchObject({ statusCode: 403 });
    }
  },
);

test("an invocation with an event that no function URL sends is refused", async () => {
  for (const forged of [{}, null, { requestContext: {} }, { Records: [] }]) {
    expect(await handler(forged as never, {} as Context)).toMatchObject({ statusCode: 403 });
  }
});
