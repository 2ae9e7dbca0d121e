/** Which web pages may talk to the buckets from a browser. */
import type { IncomingHttpHeaders } from "node:http";
import { S3Error } from "./error.ts";
import type { S3Response } from "./request.ts";

/** Origins by name, or every page of this machine, whatever its port. */
export type Origins = readonly string[] | "any local";

const local = /^https?:\/\/(localhost|[a-z0-9-]+\.localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/i;

const isAllowed = (origin: string, origins: Origins) =>
  origins === "any local" ? local.test(origin) : origins.includes(origin);

/** What every answer to a page carries. Without `ETag` exposed, a browser cannot finish a multipart upload. */
export function corsHeaders(headers: IncomingHttpHeaders, origins: Origins): Record<string, string> {
  const { origin } = headers;
  if (origin === undefined) return {};
  // Answers differ by origin, also for those that are not allowed: a cache must not mix them up.
  if (!isAllowed(origin, origins)) return { vary: "Origin" };
  return {
    vary: "Origin",
    "access-control-allow-origin": origin,
    "access-control-expose-headers":
      "ETag, Location, Content-Range, Last-Modified, x-amz-request-id, x-amz-checksum-crc32, x-amz-checksum-sha256",
  };
}

const methods = ["GET", "HEAD", "PUT", "POST", "DELETE"];

/** The answer to a preflight. Throws `AccessForbidden`. */
export function preflight(headers: IncomingHttpHeaders, origins: Origins): S3Response {
  const method = headers["access-control-request-method"];
  if (!headers.origin || !method)
    throw new S3Error("AccessForbidden", "Insufficient information. Origin request header needed.");
  if (!isAllowed(headers.origin, origins) || !methods.includes(method))
    throw new S3Error("AccessForbidden", "CORSResponse: This CORS request is not allowed.");
  return {
    status: 200,
    headers: {
      "access-control-allow-methods": methods.join(", "),
      "access-control-allow-headers": headers["access-control-request-headers"],
      "access-control-max-age": "3000",
    },
  };
}
