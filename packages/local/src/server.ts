/** The front door: the one origin that clients know. It routes as the CDN does on a deployed stage. */
import { isIP } from "node:net";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { compress } from "hono/compress";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { isForSqs } from "./sqs.ts";

/** A handler in the terms of the Fetch standard. */
export type Fetch = (request: Request) => Response | Promise<Response>;

/** The handlers behind the front door: variants under `/media`, the gallery, the queue's endpoint, the API for the rest. */
export type Handlers = { media: Hono; gallery: Hono; sqs: Hono; api: Fetch };

/** Bytes in a request that Lambda accepts. */
const bodyBytesMax = 6_291_456;

/** Builds the front door. */
export function createFrontDoor({ media, gallery, sqs, api }: Handlers): Hono {
  const app = new Hono();
  app.onError((error, c) => {
    console.error(error);
    return problem(c, 500, "Internal server error", "The request failed. The terminal shows why.");
  });
  app.use(async (c, next) => {
    if (isLocal(new URL(c.req.url).hostname)) return await next();
    const detail = "Use http://localhost or an IP address: other host names are refused.";
    return problem(c, 421, "Misdirected request", detail);
  });
  app.use(async (c, next) => (isForSqs(c.req.raw) ? await sqs.fetch(c.req.raw) : await next()));
  // Not `app.route`, which would take `/media` as well: the CDN sends that to the API.
  app.use(async (c, next) =>
    c.req.path.startsWith("/media/") ? await media.fetch(c.req.raw) : await next(),
  );
  app.use(compress());
  app.route("/", gallery);
  const limit = bodyLimit({
    maxSize: bodyBytesMax,
    onError: (c) =>
      problem(
        c,
        413,
        "Content too large",
        `A request has at most ${bodyBytesMax} bytes. Upload files to the presigned URL of POST /images.`,
        "body_too_large",
      ),
  });
  // Forms with a file may be larger here than on Lambda: the API limits them itself.
  app.use((c, next) =>
    /^multipart\/form-data\b/i.test(c.req.header("content-type") ?? "") ? next() : limit(c, next),
  );
  app.all("*", (c) => api(c.req.raw));
  return app;
}

/**
 * Returns true if a host name is `localhost` or an IP address. A web page elsewhere can point a DNS name of its owner at
 * this machine (DNS rebinding); its requests would count as same-origin, and the embedded API asks for no key.
 */
const isLocal = (name: string) =>
  name === "localhost" || name.endsWith(".localhost") || isIP(name.replace(/^\[|\]$/g, "")) !== 0;

/** Answers with a problem document (RFC 9457), for errors that do not come from the API itself. */
export function problem(
  c: Context,
  status: ContentfulStatusCode,
  title: string,
  detail: string,
  code?: string,
): Response {
  const headers = {
    "content-type": "application/problem+json",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    // The rest of a body that is too large is not read, so the connection cannot serve another request.
    ...(status === 413 ? { connection: "close" } : {}),
  };
  return c.body(JSON.stringify({ type: "about:blank", title, status, detail, code }), status, headers);
}
