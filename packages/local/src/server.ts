/** The front door: the one origin that clients know. It routes as the CDN does on a deployed stage. */
import { createServer, type RequestListener, type Server, type ServerResponse } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { compress } from "hono/compress";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { isolated, type Refusal, type Trust } from "./isolation.ts";
import { prefix } from "./s3/request.ts";
import { isForSqs } from "./sqs.ts";

/** A handler in the terms of the Fetch standard. */
export type Fetch = (request: Request) => Response | Promise<Response>;

/** The handlers behind the front door: variants under `/media`, the gallery, the queue's endpoint, the API for the rest. */
export type Handlers = { media: Hono; gallery: Hono; sqs: Hono; api: Fetch };

/** Bytes in a request that Lambda accepts. */
const bodyBytesMax = 6_291_456;

/** The handlers of the front door once they are loaded: the app, and S3 if it is reachable under `/s3`. */
export type Loaded = { app: Hono; s3: RequestListener | undefined };

/** Creates a server for the front door. Requests wait until the handlers are loaded. It does not listen yet. */
export function createFrontDoorServer(trust: Trust, loaded: Promise<Loaded>): Server {
  const serve = getRequestListener(async (request) => (await loaded).app.fetch(request));
  const listener: RequestListener = async (request, response) => {
    const s3 = request.url?.startsWith(`${prefix}/`) ? (await loaded).s3 : undefined;
    if (s3) s3(request, response);
    else await serve(request, response);
  };
  const server = createServer(isolated(trust, refuse, listener));
  // As at the S3 endpoint: a large upload over a slow line may take longer than Node's five minutes.
  server.requestTimeout = 0;
  return server;
}

/** Answers a request that the isolation policy refuses. */
const refuse = ({ status, title, detail }: Refusal, response: ServerResponse) =>
  response.writeHead(status, headersOf(status)).end(bodyOf(status, title, detail));

/** Builds the front door. */
export function createFrontDoor({ media, gallery, sqs, api }: Handlers): Hono {
  const app = new Hono();
  app.onError((error, c) => {
    console.error(error);
    return problem(c, 500, "Internal server error", "The request failed. The terminal shows why.");
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

/** Answers with a problem document (RFC 9457), for errors that do not come from the API itself. */
export function problem(
  c: Context,
  status: ContentfulStatusCode,
  title: string,
  detail: string,
  code?: string,
): Response {
  return c.body(bodyOf(status, title, detail, code), status, headersOf(status));
}

const bodyOf = (status: number, title: string, detail: string, code?: string) =>
  JSON.stringify({ type: "about:blank", title, status, detail, code });

const headersOf = (status: number) => ({
  "content-type": "application/problem+json",
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  // The rest of a body that is too large is not read, so the connection cannot serve another request.
  ...(status === 413 ? { connection: "close" } : {}),
});
