/**
 * A Lambda function URL: an HTTP request becomes an event of payload format 2.0 for the handler, and the handler's
 * answer becomes the response. https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
 */
import { randomUUID } from "node:crypto";
import type { APIGatewayProxyStructuredResultV2, LambdaFunctionURLEvent } from "aws-lambda";

/** Answers a request by calling the handler. */
export async function callFunction(
  handler: (event: LambdaFunctionURLEvent) => Promise<unknown>,
  request: Request,
): Promise<Response> {
  const result = (await handler(await eventOf(request))) as APIGatewayProxyStructuredResultV2;
  const { statusCode = 200, headers = {}, cookies = [], body = "", isBase64Encoded = false } = result;
  const bytes = new Uint8Array(Buffer.from(body, isBase64Encoded ? "base64" : "utf8"));
  const all = new Headers();
  for (const [name, value] of Object.entries(headers)) all.set(name, String(value));
  for (const cookie of cookies) all.append("set-cookie", cookie);
  return new Response(bytes.length > 0 ? bytes : null, { status: statusCode, headers: all });
}

/** Returns the event: header names in lower case, repeated headers and parameters joined by commas. */
async function eventOf(request: Request): Promise<LambdaFunctionURLEvent> {
  const { method, headers, url } = request;
  const { pathname, search, host } = new URL(url);
  const { cookie, ...others } = Object.fromEntries(headers);
  const sourceIp = "127.0.0.1";
  const query = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(search)) {
    const before = query.get(name);
    query.set(name, before === undefined ? value : `${before},${value}`);
  }
  const body = Buffer.from(await request.arrayBuffer());
  const text = isText(others["content-type"] ?? "");
  const now = new Date();
  return {
    version: "2.0",
    routeKey: "$default",
    rawPath: pathname,
    rawQueryString: search.slice(1),
    ...(cookie ? { cookies: cookie.split("; ") } : {}),
    // CloudFront sets these in front of a deployed API; the client's own values do not count.
    headers: {
      ...others,
      "x-forwarded-for": sourceIp,
      "x-forwarded-host": host,
      "x-forwarded-proto": "http",
    },
    ...(query.size > 0 ? { queryStringParameters: Object.fromEntries(query) } : {}),
    requestContext: {
      accountId: "anonymous",
      apiId: "local",
      domainName: host,
      domainPrefix: "local",
      http: {
        method,
        path: pathname,
        protocol: "HTTP/1.1",
        sourceIp,
        userAgent: headers.get("user-agent") ?? "",
      },
      requestId: randomUUID(),
      routeKey: "$default",
      stage: "$default",
      time: now.toUTCString(),
      timeEpoch: now.getTime(),
    },
    ...(body.length > 0 ? { body: body.toString(text ? "utf8" : "base64") } : {}),
    isBase64Encoded: body.length > 0 && !text,
  };
}

/** Bodies of these types reach the handler as text, all others in base64. */
const isText = (type: string) =>
  /^(text\/|application\/(json|javascript|xml|x-www-form-urlencoded|[\w.-]+\+json)\b)/i.test(type);
