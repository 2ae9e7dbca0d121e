/** The HTTP API, put together. */
import { randomUUID } from "node:crypto";
import { VisibleError } from "@image-pipeline/core/error";
import type { Settings } from "@image-pipeline/core/settings";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { cors } from "hono/cors";
import { methodNotAllowed } from "hono/method-not-allowed";
import { requestId } from "hono/request-id";
import { Resource } from "sst";
import { logRequest } from "./access-log.ts";
import { docs } from "./docs.ts";
import { addHeaders } from "./headers.ts";
import { health } from "./health.ts";
import { images } from "./images.ts";
import { answer } from "./problem.ts";
import { declared } from "./route.ts";
import { stats } from "./stats.ts";
import { uploads } from "./uploads.ts";

const { corsOrigins }: Pick<Settings.Pipeline, "corsOrigins"> = Resource.Settings;

/** Bodies are announcements and descriptions, a few KB at the most. Files go to the store. */
const bodyBytesMax = 65_536;

const root = new Hono();

root.use(
  requestId({ limitLength: 64, generator: ({ env }) => env?.lambdaContext?.awsRequestId ?? randomUUID() }),
  // One for both: each middleware costs a look-up a thirtieth of its CPU.
  async (c, next) => {
    const started = performance.now();
    addHeaders(c);
    await next();
    logRequest(c, started);
  },
);
// Apps on devices need none of it, and it is not free.
if (corsOrigins.length > 0) {
  root.use(
    cors({
      origin: corsOrigins,
      allowMethods: ["GET", "POST", "PATCH", "DELETE"],
      allowHeaders: [
        "authorization",
        "content-type",
        "if-match",
        "if-none-match",
        "idempotency-key",
        "x-request-id",
      ],
      exposeHeaders: ["etag", "link", "location", "retry-after", "x-request-id"],
      maxAge: 7200,
    }),
  );
}
root.use(
  bodyLimit({
    maxSize: bodyBytesMax,
    onError: (c) =>
      answer(new VisibleError("body_too_large", `At most ${bodyBytesMax} bytes, and no files here.`), c),
  }),
);
root.onError(answer);

const refuseMethod = methodNotAllowed({
  app: root,
  onMethodNotAllowed: (c, methods) => {
    const allow = methods.join(", ");
    c.header("allow", allow);
    return answer(new VisibleError("method_not_allowed", `Methods here: ${allow}.`), c);
  },
});
// Not a middleware of every request: only where no route was found may there be one of another method.
root.notFound(async (c) => {
  const none = async () => {
    c.res = answer(new VisibleError("route_not_found", "See /docs for what there is."), c);
  };
  return (await refuseMethod(c, none)) ?? c.res;
});

/** The whole application: every route with its middleware. */
export const app = root
  .route("/", images)
  .route("/", uploads)
  .route("/", stats)
  .route("/", health)
  .route("/", docs);

/** What the typed clients know of the API: `hc<Routes>(url)`. */
export type Routes = typeof app;

// Fails at start rather than serving a route that nobody guards.
declared(app);
