/** One structured line for each request: enough to follow it up, and nothing that is secret. */
import type { MiddlewareHandler } from "hono";
import { routePath } from "hono/route";
import { log } from "../log.ts";
import type { Known } from "./route.ts";

/** Logs the route's pattern, never the address itself: queries hold cursors. */
export const accessLog: MiddlewareHandler<Known & { Variables: { requestId: string } }> = async (c, next) => {
  const started = performance.now();
  await next();
  log.info("request", {
    requestId: c.get("requestId"),
    method: c.req.method,
    route: routePath(c, -1),
    status: c.res.status,
    ms: Math.round(performance.now() - started),
    caller: c.get("caller")?.kind ?? "nobody",
  });
};
