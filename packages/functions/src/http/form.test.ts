import type { Context } from "aws-lambda";
import { handle, type LambdaEvent } from "hono/aws-lambda";
import { expect, test } from "vitest";
import { createApp } from "./app.ts";
import { settings } from "./fixture.ts";
import { formBytesMax, lambdaBytesMax } from "./form.ts";

/** Bytes of an event that Lambda accepts. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const eventBytesMax = 6_291_456;

const app = createApp(settings);
const boundary = "boundary";

/** A form of exactly `bytes` bytes, with an unknown field, so that a form that is read is refused for it. */
function formOf(bytes: number): Buffer {
  const head = `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="a.jpg"\r\ncontent-type: image/jpeg\r\n\r\n`;
  const tail = `\r\n--${boundary}\r\ncontent-disposition: form-data; name="colour"\r\n\r\nred\r\n--${boundary}--\r\n`;
  return Buffer.concat([
    Buffer.from(head),
    Buffer.alloc(bytes - head.length - tail.length),
    Buffer.from(tail),
  ]);
}

/** Sends a form as Lambda hands it to the function: in base64. */
async function send(
  body: Buffer,
): Promise<{ event: number; status: number; problem: { code: string; detail: string; errors?: object[] } }> {
  const event = {
    version: "2.0",
    rawPath: "/images",
    rawQueryString: "",
    headers: {
      "content-type": `multipart/form-data; boundary=${boundary}`,
      "content-length": String(body.length),
      // CloudFront passes at most 20,480 bytes of headers on.
      authorization: "x".repeat(20_000),
    },
    requestContext: { domainName: "images.example.com", http: { method: "POST", path: "/images" } },
    body: body.toString("base64"),
    isBase64Encoded: true,
  } as unknown as Extract<LambdaEvent, { rawPath: string }>;
  const bytes = JSON.stringify(event).length;
  event.headers = { ...event.headers, authorization: undefined };
  const answer = (await handle(app)(event, {} as Context)) as { statusCode: number; body: string };
  return { event: bytes, status: answer.statusCode, problem: JSON.parse(answer.body) };
}

test("the largest form that a deployed stage reads fits into Lambda's event", async () => {
  const { event, problem } = await send(formOf(lambdaBytesMax));
  expect(event).toBeLessThan(eventBytesMax);
  expect(problem).toMatchObject({ code: "invalid_request", errors: [{ pointer: "/colour" }] });
});

test("a larger form is refused before it is read, with the presigned upload to use", async () => {
  const { event, status, problem } = await send(formOf(lambdaBytesMax + 1));
  expect(event).toBeLessThan(eventBytesMax);
  expect([status, problem.code]).toEqual([413, "body_too_large"]);
  expect(problem.detail).toMatch(/at most 4500000 bytes.*send POST \/images .*"bytes": .*`upload.url`/);
});

test("a form has at most the size of a file, and on one machine no other limit", () => {
  const { bytesMax } = settings;
  expect(formBytesMax({ stage: "local", bytesMax })).toBeGreaterThan(bytesMax);
  expect(formBytesMax({ stage: "production", bytesMax })).toBe(lambdaBytesMax);
  expect(formBytesMax({ stage: "production", bytesMax: 1_000_000 })).toBeLessThan(1_100_000);
});

test("only POST /images takes a form", async () => {
  const body = new FormData();
  body.set("file", new Blob([new Uint8Array(70_000)]), "a.jpg");
  for (const path of ["/uploads/sign", "/images/img_0", "/images/"]) {
    const response = await app.request(path, { method: "POST", body });
    expect([path, response.status < 500 && response.status >= 400]).toEqual([path, true]);
  }
});
