/**
 * `/media/*`: the processed bucket as the CDN shows it. Read only, one object at a time, with the prefix and the query
 * taken off.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import type { AwsClient } from "aws4fetch";
import { problem } from "./problem.ts";
import { corsHeaders, type Origins } from "./s3/cors.ts";

export const prefix = "/media/";

/** What the client may ask the store for, and what it learns from it. */
const asked = ["range", "if-none-match", "if-match", "if-modified-since", "if-unmodified-since", "if-range"];
const told = [
  "content-type",
  "content-length",
  "content-range",
  "accept-ranges",
  "etag",
  "last-modified",
  "cache-control",
];

/** The CDN's response headers policy. Nothing that a variant could hold is ever run. */
const policy = {
  "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
  "cross-origin-resource-policy": "cross-origin",
  "x-content-type-options": "nosniff",
  vary: "Origin",
};

export type Options = { aws: AwsClient; s3Url: string; bucket: string; corsOrigins: Origins };

/** Answers one request under `/media/`, streaming. */
export async function sendMedia(
  { aws, s3Url, bucket, corsOrigins }: Options,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method = "GET", url = "", headers } = request;
  if (method !== "GET" && method !== "HEAD") {
    response.setHeader("allow", "GET, HEAD");
    return problem(response, 405, "Method not allowed", "Files can only be read.");
  }
  const path = pathOf(url);
  if (path === undefined) return missing(response);
  const found = await aws.fetch(`${s3Url}/${bucket}/${path}`, {
    method,
    headers: pick(asked, (name) => headers[name]),
  });
  if (found.status >= 400) {
    await found.body?.cancel();
    const { status } = found;
    // 400: a key that cannot be one, such as one that is too long.
    if ([400, 403, 404].includes(status)) return missing(response);
    if (status === 412) return problem(response, 412, "Precondition failed", "The file is another one.");
    if (status === 416) return problem(response, 416, "Range not satisfiable", "The file is not that long.");
    return problem(response, 502, "Bad gateway", "The store could not be read.");
  }
  response.writeHead(found.status, {
    ...pick(told, (name) => found.headers.get(name) ?? undefined),
    ...policy,
    ...corsHeaders(headers, corsOrigins),
  });
  if (!found.body) response.end();
  else await pipeline(Readable.fromWeb(found.body as ReadableStream<Uint8Array>), response);
}

/**
 * The object's path, encoded anew; undefined where it names none. Decoded before it is judged, because a dot segment
 * would lead out of the bucket however it is written: URLs resolve `%2e%2e` as well.
 */
function pathOf(url: string): string | undefined {
  const [path = ""] = url.split("?", 1);
  let parts: string[];
  try {
    parts = decodeURIComponent(path.slice(prefix.length)).split("/");
  } catch {
    return undefined;
  }
  const plain = parts.every((part) => part !== "." && part !== ".." && !part.includes("\0"));
  return plain && parts.at(-1) !== "" ? parts.map(encodeURIComponent).join("/") : undefined;
}

const missing = (response: ServerResponse) => problem(response, 404, "Not found", "There is no such file.");

function pick(names: readonly string[], find: (name: string) => string | string[] | undefined) {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = find(name);
      return typeof value === "string" ? [[name, value]] : [];
    }),
  );
}
