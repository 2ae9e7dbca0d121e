/** The HTTP API: middleware, routes and error handling. */
import { randomUUID } from "node:crypto";
import { VisibleError } from "@image-pipeline/core/error";
import { Hono, type MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { cors } from "hono/cors";
import { methodNotAllowed } from "hono/method-not-allowed";
import { requestId } from "hono/request-id";
import type { AppSettings, Env, Guarded } from "./auth.ts";
import { batch } from "./batch.ts";
import { changes } from "./changes.ts";
import { formBytesMax, formTooLarge, formType } from "./form.ts";
import { image } from "./image.ts";
import { images } from "./images.ts";
import { mediaSession } from "./media-session.ts";
import { addHeaders, logRequest } from "./middleware.ts";
import { answer } from "./problem.ts";
import { declared } from "./route.ts";
import { service } from "./service.ts";
import { stats } from "./stats.ts";
import { tokenVerifier } from "./token.ts";
import { uploads } from "./uploads.ts";
import { usage } from "./usage.ts";
import { mediaTypeOf } from "./validator.ts";
import { webhooks } from "./webhooks.ts";

/** JSON bodies have a few KB. Files are uploaded to S3, or as a form. */
const bodyBytesMax = 65_536;

/** The types of the API's routes, for typed clients: `hc<Routes>(url)`. */
export type Routes = ReturnType<typeof createApp>;

/**
 * Creates the API for a stage. Reads nothing but `settings`, and the table and buckets once a request needs them.
 * Throws if a route has no declaration, and therefore no guard.
 */
export function createApp(settings: AppSettings) {
  const root = new Hono<Env>();
  const verifyToken = tokenVerifier(settings);
  root.use(
    requestId({ limitLength: 64, generator: ({ env }) => env?.lambdaContext?.awsRequestId ?? randomUUID() }),
    // One middleware for all of this: each costs a thirtieth of a look-up's CPU.
    async (c, next) => {
      const started = performance.now();
      c.set("settings", settings);
      c.set("verifyToken", verifyToken);
      addHeaders(c);
      await next();
      logRequest(c as typeof c & { var: Guarded["Variables"] }, started);
    },
  );
  const { corsOrigins } = settings;
  if (typeof corsOrigins === "function") root.use(crossOrigin(corsOrigins));
  else if (corsOrigins.length > 0) root.use(crossOrigin((origin) => corsOrigins.includes(origin)));
  root.use(limitBody(settings));
  root.onError(answer);
  root.notFound(notFound(root));

  const app = root
    .route("/", images)
    .route("/", image)
    .route("/", batch)
    .route("/", changes)
    .route("/", uploads)
    .route("/", mediaSession)
    .route("/", webhooks)
    .route("/", stats)
    .route("/", usage)
    .route("/", service);
  declared(app);
  return app;
}

/** Limits the bytes of a body: of JSON to a few KB, of forms to what the stage can pass on. */
function limitBody(settings: AppSettings): MiddlewareHandler<Env> {
  const limited = (maxSize: number, error: VisibleError) =>
    bodyLimit({ maxSize, onError: (c) => answer(error, c) });
  const json = limited(
    bodyBytesMax,
    new VisibleError(
      "body_too_large",
      `The body may have at most ${bodyBytesMax} bytes. Send files to the URL that \`POST /images\` returns, and fewer operations in a batch.`,
    ),
  );
  const form = limited(formBytesMax(settings), formTooLarge(settings));
  return (c, next) => {
    const isForm =
      c.req.method === "POST" &&
      c.req.path === "/images" &&
      mediaTypeOf(c.req.header("content-type")) === formType;
    return isForm ? form(c, next) : json(c, next);
  };
}

/**
 * Native apps send no `Origin`: without origins in the settings there is no CORS. A preflight may request any header, as
 * in the uploads bucket: Sentry and OpenTelemetry add `sentry-trace`, `baggage` and `traceparent` to a page's requests.
 * The API reads only the headers that it knows, and takes no credentials from cookies.
 */
const crossOrigin = (isAllowed: (origin: string) => boolean) =>
  cors({
    origin: (origin) => (isAllowed(origin) ? origin : undefined),
    allowMethods: ["GET", "POST", "PATCH", "DELETE"],
    exposeHeaders: ["etag", "link", "location", "retry-after", "x-request-id"],
    maxAge: 7200,
  });

/** Responds with 405 where the path has routes of other methods, otherwise with 404. */
function notFound(app: Hono<Env>) {
  const refuseMethod = methodNotAllowed({
    app,
    onMethodNotAllowed: (c, methods) => {
      const allow = methods.join(", ");
      c.header("allow", allow);
      return answer(new VisibleError("method_not_allowed", `This path allows ${allow}.`), c);
    },
  });
  // Not as a middleware of every request: it is needed only where no route matches.
  return async (c: Parameters<typeof refuseMethod>[0]) => {
    const none = async () => {
      c.res = answer(new VisibleError("route_not_found", "The routes are listed at `/docs`."), c);
    };
    return (await refuseMethod(c, none)) ?? c.res;
  };
}
