/** The headers that every answer carries, errors included. */
import type { Context } from "hono";

/**
 * Answers belong to one caller and are kept nowhere: the CDN's cache key knows no `Authorization`, so that one
 * answer marked public would be everybody's. A browser that is shown one as a page may load and run nothing.
 */
const always = Object.entries({
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "strict-transport-security": "max-age=63072000; includeSubDomains",
  vary: "Authorization, Origin",
  "x-content-type-options": "nosniff",
});

/** Adds them to whatever the routes answer; a route's own value of one stands. */
export function addHeaders(c: Context): void {
  // Before the answer is made: changing one that is made costs more than making it.
  for (const [name, value] of always) c.header(name, value);
}
