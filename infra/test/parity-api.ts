/** Requests for the gallery and for the API. */
import { app, type Headers, preflight, type Row, refused } from "./parity.ts";

const apiHeaders: Headers = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "strict-transport-security": "max-age=63072000; includeSubDomains",
  "x-content-type-options": "nosniff",
  "x-request-id": /./,
};
const json = { body: "json", headers: { ...apiHeaders, "content-type": "application/json" } } as const;
const problem = {
  body: "problem",
  headers: { ...apiHeaders, "content-type": "application/problem+json" },
} as const;
const markdown = {
  body: "text",
  headers: {
    ...apiHeaders,
    "cache-control": "public, max-age=3600",
    "content-type": "text/markdown; charset=utf-8",
    etag: /^W\/"[\w-]{43}"$/,
  },
} as const;
/** The validators of the gallery's files, which are S3's on a stage. */
const validators = ["accept-ranges", "etag", "last-modified"];
const pageHeaders: Headers = {
  "content-security-policy": /^default-src 'none'; /,
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/** Requests for the gallery. */
export const page: Row[] = [
  ...["/", "/?from=mail"].map(
    (path): Row => ({
      name: `page: ${path}`,
      path,
      status: 200,
      unequal: validators,
      body: "html",
      headers: {
        ...pageHeaders,
        "content-type": /^text\/html; ?charset=utf-8$/i,
        "cache-control": "no-cache",
      },
    }),
  ),
  {
    name: "page: its script",
    path: "{asset}",
    unequal: validators,
    status: 200,
    body: "text",
    headers: {
      ...pageHeaders,
      "content-type": /^text\/javascript/,
      "cache-control": "public, max-age=31536000, immutable",
    },
  },
  {
    name: "page: HEAD",
    method: "HEAD",
    path: "/",
    unequal: validators,
    status: 200,
    body: "none",
    headers: pageHeaders,
  },
  {
    name: "page: its script, compressed",
    path: "{asset}",
    unequal: validators,
    sent: { "accept-encoding": "gzip" },
    status: 200,
    body: "text",
    headers: { "content-encoding": "gzip", vary: /Accept-Encoding/i },
  },
  {
    name: "page: a missing file",
    path: "/assets/none.js",
    status: 404,
    body: "text",
    differs: { as: "asset", deployed: { body: "xml" } },
  },
  ...["/assets", "/assets/"].map(
    (path): Row => ({ name: `page: ${path}`, path, status: 302, body: "none", headers: { location: "/" } }),
  ),
  { name: "page: POST", method: "POST", path: "/", status: 404, body: "problem", differs: refused },
  {
    name: "page: a preflight",
    path: "/",
    ...preflight(app, "GET"),
    status: 204,
    body: "none",
    differs: refused,
  },
];

/** Requests for the API. */
export const api: Row[] = [
  { name: "API: health", path: "/health", status: 200, ...json },
  { name: "API: a list", path: "/images?status=ready&tag=", status: 400, ...problem },
  { name: "API: a list with an encoded query", path: "/images?tag=a%20b%2Bc", status: 200, ...json },
  {
    name: "API: an image",
    path: "/images/{id}",
    status: 200,
    ...json,
    headers: { ...json.headers, etag: "{version}", "retry-after": null },
  },
  {
    name: "API: an image, for a page",
    path: "/images/{id}",
    sent: { origin: app, "sentry-trace": "1-2", baggage: "a=b" },
    status: 200,
    ...json,
    headers: {
      ...json.headers,
      "access-control-allow-origin": app,
      "access-control-expose-headers": "etag,link,location,retry-after,x-request-id",
    },
  },
  {
    name: "API: an unchanged image",
    path: "/images/{id}",
    sent: { "if-none-match": "{version}" },
    status: 304,
    body: "none",
    headers: { etag: "{version}" },
  },
  { name: "API: HEAD of an image", method: "HEAD", path: "/images/{id}", status: 200, ...json, body: "none" },
  { name: "API: an encoded id", path: "/images/{id%}", status: 200, ...json },
  { name: "API: an unknown image", path: `/images/img_${"0".repeat(26)}`, status: 404, ...problem },
  ...["/none", "/images/", "/images/{id}/", "/media", "/mediafile", "/index.html", "//", "/assetsfile"].map(
    (path): Row => ({ name: `API: no route at ${path}`, path, status: 404, ...problem }),
  ),
  {
    name: "API: a method that a route does not have",
    method: "PUT",
    path: "/images",
    status: 405,
    ...problem,
    headers: { ...problem.headers, allow: "POST, GET, HEAD" },
  },
  {
    name: "API: a version that is no longer current",
    method: "PATCH",
    path: "/images/{id}",
    sent: { "if-match": 'W/"v999"', "content-type": "application/json" },
    json: '{"title":"A"}',
    status: 412,
    ...problem,
  },
  {
    name: "API: a body that is not JSON",
    method: "POST",
    path: "/images",
    sent: { "content-type": "text/plain" },
    json: "a",
    status: 415,
    ...problem,
  },
  {
    name: "API: a body that is too large",
    method: "POST",
    path: "/images",
    sent: { "content-type": "application/json" },
    json: JSON.stringify({ filename: "a".repeat(70_000) }),
    status: 413,
    ...problem,
  },
  { name: "API: the OpenAPI document", path: "/openapi.json", status: 200, ...json },
  {
    name: "API: the OpenAPI document, compressed",
    path: "/openapi.json",
    sent: { "accept-encoding": "gzip" },
    status: 200,
    ...json,
    headers: { ...json.headers, "content-encoding": "gzip", vary: /Accept-Encoding/ },
  },
  {
    name: "API: the OpenAPI document, for a browser",
    path: "/openapi.json",
    sent: { "accept-encoding": "gzip, deflate, br, zstd" },
    status: 200,
    ...json,
    headers: { ...json.headers, "content-encoding": "gzip" },
    differs: { as: "brotli", deployed: { headers: { "content-encoding": "br" } } },
  },
  {
    name: "API: the script of the reference",
    path: "/docs/reference.js",
    status: 200,
    body: "text",
    headers: { ...apiHeaders, "cache-control": "public, max-age=3600", "content-encoding": "gzip" },
  },
  {
    name: "API: the reference",
    path: "/docs",
    status: 200,
    body: "html",
    headers: { ...apiHeaders, "content-security-policy": /^default-src 'none'; script-src 'self'/ },
  },
  ...["/llms.txt", "/docs/api.md", "/docs/queries.md"].flatMap((path): Row[] => [
    // The links contain the stage's URL, so the ETags differ.
    { name: `API: ${path}`, path, unequal: ["etag"], status: 200, ...markdown },
    {
      name: `API: HEAD of ${path}`,
      method: "HEAD",
      path,
      unequal: ["etag"],
      status: 200,
      ...markdown,
      body: "none",
    },
  ]),
  {
    name: "API: a document, compressed",
    path: "/docs/queries.md",
    sent: { "accept-encoding": "gzip" },
    status: 200,
    ...markdown,
    headers: { ...markdown.headers, "content-encoding": "gzip" },
    differs: { as: "brotli", deployed: { headers: { ...markdown.headers, "content-encoding": null } } },
  },
  {
    name: "API: a document, for a page",
    path: "/docs/queries.md",
    unequal: ["etag"],
    sent: { origin: app },
    status: 200,
    ...markdown,
    headers: { ...markdown.headers, "access-control-allow-origin": app },
  },
  { name: "API: a document that does not exist", path: "/docs/none.md", status: 404, ...problem },
  {
    name: "API: POST to a document",
    method: "POST",
    path: "/llms.txt",
    status: 405,
    ...problem,
    headers: { ...problem.headers, allow: "GET, HEAD" },
  },
];
