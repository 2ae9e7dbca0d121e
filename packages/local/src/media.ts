/** `/media/*`: the objects of the processed bucket, as the CDN serves them. */
import type { AwsClient } from "aws4fetch";
import { type Context, Hono } from "hono";
import { proxy } from "hono/proxy";
import { corsHeaders, type Origins } from "./s3/headers.ts";
import { problem } from "./server.ts";

/** Request headers that reach the bucket, and response headers that reach the client. */
const requestHeaders = [
  "range",
  "if-none-match",
  "if-match",
  "if-modified-since",
  "if-unmodified-since",
  "if-range",
];
const responseHeaders = [
  "content-type",
  "content-length",
  "content-range",
  "accept-ranges",
  "etag",
  "last-modified",
  "cache-control",
];

/** The CDN's response headers policy: a browser runs nothing that a variant contains. */
const policy = {
  "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
  "cross-origin-resource-policy": "cross-origin",
  "x-content-type-options": "nosniff",
  vary: "Origin",
};

export type Options = { aws: AwsClient; s3Url: string; bucket: string; corsOrigins: Origins };

/** Serves one object for each GET or HEAD, streamed, without the query: it could list the bucket or change headers. */
export function createMedia({ aws, s3Url, bucket, corsOrigins }: Options): Hono {
  const app = new Hono();
  app.all("*", async (c) => {
    const { method } = c.req;
    if (method !== "GET" && method !== "HEAD") {
      c.header("allow", "GET, HEAD");
      return problem(c, 405, "Method not allowed", `${method} is not allowed: files can only be read.`);
    }
    const path = pathOf(new URL(c.req.url).pathname);
    if (path === undefined) return missing(c);
    const found = await proxy(`${s3Url}/${bucket}/${path}`, {
      method,
      headers: pick(requestHeaders, (name) => c.req.header(name)),
      signal: c.req.raw.signal,
      customFetch: (request) => aws.fetch(request),
    });
    if (found.status >= 400) {
      await found.body?.cancel();
      return refusal(c, found.status);
    }
    const headers = {
      ...pick(responseHeaders, (name) => found.headers.get(name) ?? undefined),
      ...policy,
      ...corsHeaders({ origin: c.req.header("origin") }, corsOrigins),
    };
    return new Response(found.body, { status: found.status, headers });
  });
  return app;
}

function refusal(c: Context, status: number): Response {
  // 400: the bucket refuses the key, for example because it is too long.
  if ([400, 403, 404].includes(status)) return missing(c);
  if (status === 412)
    return problem(c, 412, "Precondition failed", "The file does not match If-Match or If-Unmodified-Since.");
  if (status === 416)
    return problem(c, 416, "Range not satisfiable", "The range begins after the end of the file.");
  return problem(c, 502, "Bad gateway", `The bucket answered ${status}.`);
}

/**
 * Returns the object's path in the bucket, percent-encoded, or undefined if the URL names no object. It checks the
 * decoded segments: `..%2f` is one segment to a URL parser, and would lead out of the bucket once it is decoded.
 */
function pathOf(path: string): string | undefined {
  let parts: string[];
  try {
    parts = decodeURIComponent(path.slice("/media/".length)).split("/");
  } catch {
    return undefined;
  }
  const isPlain = parts.every((part) => part !== "." && part !== ".." && !part.includes("\0"));
  return isPlain && parts.at(-1) !== "" ? parts.map(encodeURIComponent).join("/") : undefined;
}

const missing = (c: Context) => problem(c, 404, "Not found", "There is no file at this URL.");

function pick(names: readonly string[], find: (name: string) => string | undefined): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = find(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
