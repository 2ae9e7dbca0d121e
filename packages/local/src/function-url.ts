/**
 * What a Lambda function URL does: HTTP in, an event for the handler, its answer as HTTP out.
 * https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
 */
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { APIGatewayProxyStructuredResultV2, Context, LambdaFunctionURLEvent } from "aws-lambda";
import { readBody } from "./body.ts";
import { endCompressed } from "./compress.ts";
import { contextOf } from "./context.ts";
import { problem } from "./problem.ts";

/** A handler behind a function URL. */
export type Handler = (event: LambdaFunctionURLEvent, context: Context) => Promise<unknown>;

/** What Lambda takes as a request, the event around it included. */
const bytesMax = 6_291_456;

/** Answers a request by calling the handler. Whatever it throws is a 502, as at AWS. */
export async function callFunction(
  handler: Handler,
  request: IncomingMessage,
  response: ServerResponse,
  { name, region, timeoutSeconds }: { name: string; region: string; timeoutSeconds: number },
): Promise<void> {
  const body = await readBody(request, bytesMax);
  if (!body) {
    const detail = "Files do not go here: announce one, and send it to the store.";
    return problem(response, 413, "The body is too large.", detail, "body_too_large");
  }
  const requestID = randomUUID();
  const deadline = Date.now() + timeoutSeconds * 1000;
  try {
    const event = eventOf(request, body, requestID);
    const answer = await handler(event, contextOf({ name, region, requestID, deadline, memoryMB: 1024 }));
    await write(request, response, answer as APIGatewayProxyStructuredResultV2);
  } catch (error) {
    console.error(error);
    problem(response, 502, "Bad gateway", "The function failed. Its log says why.");
  }
}

/** The event, payload format 2.0. Header names are lower case, repeated headers joined by commas. */
export function eventOf(request: IncomingMessage, body: Buffer, requestID: string): LambdaFunctionURLEvent {
  const { method = "GET", url = "/", socket, headersDistinct } = request;
  const [rawPath = "/", rawQueryString = ""] = splitOnce(url, "?");
  const { cookie, ...headers } = headersDistinct;
  const sourceIp = socket.remoteAddress ?? "127.0.0.1";
  const joined = Object.fromEntries(
    Object.entries(headers).map(([name, values]) => [name, values?.join(",")]),
  );
  const query = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(rawQueryString)) {
    const before = query.get(name);
    query.set(name, before === undefined ? value : `${before},${value}`);
  }
  const text = isText(joined["content-type"] ?? "");
  const now = new Date();
  return {
    version: "2.0",
    routeKey: "$default",
    rawPath,
    rawQueryString,
    ...(cookie ? { cookies: cookie.flatMap((line) => line.split("; ")) } : {}),
    headers: {
      ...joined,
      // As the CDN in front of a deployed API sets them; what the client says of itself does not count.
      "x-forwarded-for": sourceIp,
      "x-forwarded-host": joined.host ?? "",
      "x-forwarded-proto": "http",
    },
    ...(query.size > 0 ? { queryStringParameters: Object.fromEntries(query) } : {}),
    requestContext: {
      accountId: "anonymous",
      apiId: "local",
      domainName: joined.host ?? "",
      domainPrefix: "local",
      http: {
        method,
        path: rawPath,
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp,
        userAgent: joined["user-agent"] ?? "",
      },
      requestId: requestID,
      routeKey: "$default",
      stage: "$default",
      time: now.toUTCString(),
      timeEpoch: now.getTime(),
    },
    ...(body.length > 0 ? { body: body.toString(text ? "utf8" : "base64") } : {}),
    isBase64Encoded: body.length > 0 && !text,
  };
}

async function write(
  request: IncomingMessage,
  response: ServerResponse,
  answer: APIGatewayProxyStructuredResultV2,
): Promise<void> {
  const { statusCode = 200, headers = {}, cookies = [], body = "", isBase64Encoded = false } = answer;
  const bytes = Buffer.from(body, isBase64Encoded ? "base64" : "utf8");
  response.statusCode = statusCode;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, String(value));
  if (cookies.length > 0) response.setHeader("set-cookie", cookies);
  if (statusCode === 204 || statusCode === 304) response.end();
  else await endCompressed(request, response, bytes);
}

/** Bodies of these types reach the handler as they are, all others in base64. */
const isText = (type: string) =>
  /^(text\/|application\/(json|javascript|xml|x-www-form-urlencoded|[\w.-]+\+json)\b)/i.test(type);

const splitOnce = (text: string, at: string) => {
  const index = text.indexOf(at);
  return index < 0 ? [text] : [text.slice(0, index), text.slice(index + 1)];
};
