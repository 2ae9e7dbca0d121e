/** `/media/*`: the objects of the processed bucket, as the CDN serves them. */
import { negotiate } from "@image-pipeline/core/images/negotiate";
import { Placement } from "@image-pipeline/core/records/placement";
import { notFound } from "@image-pipeline/functions/missing";
import type { AwsClient } from "aws4fetch";
import { type Context, Hono } from "hono";
import { proxy } from "hono/proxy";
import { isTrustedOrigin, type Trust } from "./isolation.ts";
import type { Render } from "./rendering.ts";
import { problem } from "./server.ts";
import { type Keys, refusalOf } from "./signed-media.ts";

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

/** The CDN's response headers policy, on errors too: a browser runs nothing that a variant contains. */
const policy = {
  "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
  "cross-origin-resource-policy": "cross-origin",
  "x-content-type-options": "nosniff",
  vary: "Accept, Origin",
};

/** The CDN's answer to a preflight: any page may send a request, and the response says which origins may read it. */
const preflight = {
  allow: "GET, HEAD, OPTIONS",
  "access-control-allow-origin": "*",
  "access-control-max-age": "7200",
};

/**
 * `render` makes a lazy file that is not in the bucket yet; absent without lazy files in the recipe. `publicUrl` is the
 * origin of URLs for callers, and `keys` verify those of private files.
 */
export type Options = {
  aws: AwsClient;
  s3Url: string;
  bucket: string;
  trust: Trust;
  render?: Render;
  publicUrl: string;
  keys: Keys;
};

/** Serves one object for each GET or HEAD, streamed, without the query: it could list the bucket or change headers. */
export function createMedia({ aws, s3Url, bucket, trust, render, publicUrl, keys }: Options): Hono {
  const app = new Hono();
  app.options("*", (c) => {
    const wanted = c.req.header("access-control-request-headers");
    return c.body(null, 204, { ...preflight, ...(wanted && { "access-control-allow-headers": wanted }) });
  });
  app.use(async (c, next) => {
    await next();
    for (const [name, value] of Object.entries(policy)) c.header(name, value);
    const origin = c.req.header("origin");
    if (origin === undefined || !isTrustedOrigin(origin, trust)) return;
    c.header("access-control-allow-origin", origin);
    c.header("access-control-expose-headers", "etag");
  });
  app.get("*", async (c) => {
    const { pathname, search } = new URL(c.req.url);
    const path = pathOf(negotiate(pathname, c.req.header("accept") ?? ""));
    if (path === undefined || !isPlain(pathname)) return missing(c);
    if (Placement.isPrivate(path)) {
      const url = publicUrl + pathname + search;
      const why = refusalOf({ url, cookie: c.req.header("cookie"), now: Date.now() }, keys);
      if (why !== undefined) return problem(c, 403, "Forbidden", why);
    }
    const ask = () =>
      proxy(`${s3Url}/${bucket}/${path}`, {
        method: c.req.method,
        headers: pick(requestHeaders, (name) => c.req.header(name)),
        signal: c.req.raw.signal,
        customFetch: (request) => aws.fetch(request),
      });
    let found = await ask();
    if (isMissing(found) && render) {
      await found.body?.cancel();
      const { statusCode = 200, headers, body = "" } = await render(path, c.req.header("accept") ?? "");
      // Whole in a response of the renderer, or only in the bucket: there it is by now.
      if (statusCode >= 400)
        return new Response(body, { status: statusCode, headers: { ...headers } as HeadersInit });
      found = await ask();
    }
    if (isMissing(found) || found.status >= 500) {
      await found.body?.cancel();
      return isMissing(found)
        ? missing(c)
        : problem(c, 502, "Bad gateway", `The bucket answered ${found.status}.`);
    }
    const headers = pick(responseHeaders, (name) => found.headers.get(name) ?? undefined);
    return new Response(found.body, { status: found.status, headers });
  });
  app.all("*", (c) => {
    c.header("allow", preflight.allow);
    return problem(c, 405, "Method not allowed", `${c.req.method} is not allowed: files can only be read.`);
  });
  return app;
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

/** 400: the bucket refuses the key, for example because it is too long. */
const isMissing = ({ status }: Response) => [400, 403, 404].includes(status);

/** Refuses other paths, and encodings of these, as the edge does. */
const isPlain = (pathname: string) =>
  pathname.startsWith("/media/img_") || pathname.startsWith(`/media/${Placement.prefix}`);

function missing(c: Context): Response {
  const { statusCode, headers, body } = notFound(c.req.header("accept"));
  return c.body(body, statusCode, headers);
}

function pick(names: readonly string[], find: (name: string) => string | undefined): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = find(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
