/** One structured line for each request: enough to follow it up, and nothing that is secret. */
import type { Context } from "hono";
import { routePath } from "hono/route";
import { log } from "../log.ts";
import type { Known } from "./route.ts";

/**
 * Logs a request that has been answered and was `started` by `performance.now()`. The route's pattern, never the
 * address itself: queries hold cursors.
 */
export function logRequest(c: Context<Known & { Variables: { requestId: string } }>, started: number): void {
  log.info("request", {
    requestId: c.get("requestId"),
    method: c.req.method,
    route: routePath(c, -1),
    status: c.res.status,
    ms: Math.round(performance.now() - started),
    caller: c.get("caller")?.kind ?? "nobody",
  });
}
