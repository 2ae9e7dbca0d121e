import { crc32 } from "node:zlib";
import type { Context } from "aws-lambda";
import { afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";

type Line = Record<string, unknown>;

let lines: Line[];
let api: typeof import("./api.ts");
let log: typeof import("./log.ts");

beforeAll(async () => {
  process.env.POWERTOOLS_LOG_LEVEL = "INFO";
  // Nothing listens there.
  process.env.AWS_ENDPOINT_URL_DYNAMODB = "http://127.0.0.1:9";
  api = await import("./api.ts");
  log = await import("./log.ts");
});

beforeEach(() => {
  lines = [];
  for (const stream of [process.stdout, process.stderr]) {
    vi.spyOn(stream, "write").mockImplementation((text) => {
      lines.push(JSON.parse(String(text)));
      return true;
    });
  }
});
afterEach(() => vi.restoreAllMocks());

const request = async (method: string, path: string, query: string, headers: Record<string, string>) => {
  const event = {
    version: "2.0",
    rawPath: path,
    rawQueryString: query,
    headers: { host: "images.example.com", "x-origin-secret": "2", ...headers },
    requestContext: { domainName: "images.example.com", http: { method, path } },
    isBase64Encoded: false,
  } as unknown as Parameters<typeof api.handler>[0];
  return api.handler(event, { awsRequestId: "lambda-1" } as Context);
};

test("a request is one line, without its token, its query and its headers", async () => {
  const secret = "a-secret-of-the-caller";
  const headers = { authorization: `Bearer ${secret}`, cookie: secret };
  const { statusCode } = await request(
    "GET",
    "/images/img_1",
    `cursor=${secret}&X-Amz-Signature=${secret}`,
    headers,
  );
  expect(lines).toEqual([
    {
      level: "INFO",
      message: "request",
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      service: "image-pipeline-test",
      sampling_rate: 0,
      requestId: "lambda-1",
      method: "GET",
      route: "/images/:id",
      status: statusCode,
      ms: expect.any(Number),
      caller: "none",
    },
  ]);
  expect(JSON.stringify(lines)).not.toContain(secret);
});

test("a failure of DynamoDB is logged with its code, and without the caller's API key", async () => {
  const [keyID, secret] = ["0".repeat(16), "5ec".repeat(22).slice(0, 64)];
  const key = `imgkey_${keyID}_${secret}${crc32(keyID + secret)
    .toString(16)
    .padStart(8, "0")}`;
  await request("GET", "/images", "", { authorization: `Bearer ${key}` });
  expect(lines).toMatchObject([
    { level: "ERROR", message: "failed", requestId: "lambda-1", error: { stack: expect.any(String) } },
    { level: "INFO", message: "request", status: 503 },
  ]);
  expect(JSON.stringify(lines)).toContain("ECONNREFUSED");
  expect(JSON.stringify(lines)).not.toContain(secret);
});

test("an error is written with its stack, its code and its cause", () => {
  const cause = Object.assign(new Error("inner"), { code: "ECONNRESET" });
  log.logger().error("failed", { error: Object.assign(new TypeError("outer", { cause }), { status: 503 }) });
  expect(lines).toMatchObject([
    {
      level: "ERROR",
      message: "failed",
      error: {
        name: "TypeError",
        message: "outer",
        stack: expect.stringContaining("TypeError: outer\n    at "),
        cause: { name: "Error", message: "inner", code: "ECONNRESET" },
        status: 503,
      },
    },
  ]);
});
