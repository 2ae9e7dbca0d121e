/** The middleware of every request: response headers and the access log. */
import type { Context } from "hono";
import { routePath } from "hono/route";
import { logger } from "../log.ts";
import type { Guarded } from "./auth.ts";

/**
 * Responses are one caller's and are never cached: the CDN's cache key does not contain `Authorization`, so that a
 * response marked public would be sent to every caller. A browser that renders one as a page may load and run nothing.
 */
const always = Object.entries({
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "strict-transport-security": "max-age=63072000; includeSubDomains",
  vary: "Authorization, Origin",
  "x-content-type-options": "nosniff",
});

/** Sets the headers that every response has, errors included. A route may replace one. */
export function addHeaders(c: Context): void {
  // Before the response exists: changing one costs more than making it with them.
  for (const [name, value] of always) c.header(name, value);
}

/**
 * Logs a completed request, `started` by `performance.now()`, as one JSON line. The line has the route's pattern and
 * not the URL, whose query may hold cursors.
 */
export function logRequest(c: Context<Guarded>, started: number): void {
  logger().info("request", {
    requestId: c.get("requestId"),
    method: c.req.method,
    route: routePath(c, -1),
    status: c.res.status,
    ms: Math.round(performance.now() - started),
    caller: c.get("caller")?.kind ?? "none",
  });
}
