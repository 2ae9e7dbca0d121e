/** The headers that every answer carries, errors included. */
import type { MiddlewareHandler } from "hono";

/**
 * Answers belong to one caller and are kept nowhere: the CDN's cache key knows no `Authorization`, so that one
 * answer marked public would be everybody's. A browser that is shown one as a page may load and run nothing.
 */
const always = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "strict-transport-security": "max-age=63072000; includeSubDomains",
  "x-content-type-options": "nosniff",
};

/** Adds them to whatever the routes answer; a route's own value of one stays. */
export const headers: MiddlewareHandler = async (c, next) => {
  await next();
  for (const [name, value] of Object.entries(always)) {
    if (!c.res.headers.has(name)) c.res.headers.set(name, value);
  }
  c.res.headers.append("vary", "Authorization");
};
