/**
 * Requests that the embedded front door and a deployed stage answer alike, with the answer. `parity.test.ts` sends them to
 * both. In a path, `{file}` is the path of a variant under /media, `{asset}` that of the gallery's script and `{id}` an
 * image; in a header, `{etag}` and `{modified}` are those of the variant, and `{version}` the ETag of the image.
 */

/** A kind of body: a problem document, other JSON, S3's XML, a web page, text, the bytes of a file, or nothing. */
export type Kind = "problem" | "json" | "xml" | "html" | "text" | "file" | "none";

/** Headers that must have a value, or be absent (null). */
export type Headers = Record<string, string | RegExp | null>;

type Expected = { status: number; body: Kind; headers?: Headers };

export type Row = Expected & {
  name: string;
  method?: string;
  path: string;
  sent?: Record<string, string>;
  json?: string;
  /** The answer of S3 to the request for an existing file, and its source. By default 200 and the whole file. */
  s3?: { status: number; code?: string; headers?: Record<string, string>; source: string };
  /** Headers with other values, or on one side only, besides those of every row. */
  unequal?: readonly string[];
  /** A difference of the deployed stage: a key of `differences`, and what it answers there. */
  differs?: { as: keyof typeof differences; deployed: Partial<Expected> };
};

/** The known differences of rows, as docs/deploying.md lists them among others. */
export const differences = {
  methods: "Other methods than GET, HEAD and, for `/media`, OPTIONS",
  asset: "A missing file under `/assets`",
  brotli: "Compression",
} as const;

const app = "https://app.example.com";
const foreign = "https://evil.example";
/** Headers that Sentry, OpenTelemetry, Datadog and libraries of XMLHttpRequest add to a page's requests. */
const tracing =
  "authorization,baggage,content-type,sentry-trace,traceparent,tracestate,x-datadog-trace-id,x-requested-with";

const preflight = (origin: string, method: string, headers = tracing) => ({
  method: "OPTIONS",
  sent: {
    origin,
    "access-control-request-method": method,
    ...(headers && { "access-control-request-headers": headers }),
  },
});
const sources = {
  conditions:
    "https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html, If-Match to If-Unmodified-Since",
  range:
    "https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html, Range: one range, as in RFC 9110",
  multiple:
    "https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html: no multiple ranges in a request",
  ifRange:
    "RFC 9110, 13.1.5; CloudFront follows the RFC for ranges: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/RangeGETs.html",
} as const;

/** The headers of every response under /media, from the response headers policy. */
const fileHeaders: Headers = {
  "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
  "cross-origin-resource-policy": "cross-origin",
  "x-content-type-options": "nosniff",
};
const file = {
  path: "{file}",
  headers: {
    ...fileHeaders,
    "content-type": "image/webp",
    "cache-control": "public, max-age=31536000, s-maxage=604800, immutable",
    "accept-ranges": "bytes",
    etag: "{etag}",
    "last-modified": "{modified}",
    "access-control-allow-origin": null,
    "content-encoding": null,
  },
};
const noFile = {
  status: 404,
  body: "problem",
  headers: { ...fileHeaders, "content-type": "application/problem+json", "cache-control": "no-store" },
} as const;
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
/** The validators of the gallery's files, which are S3's on a stage. */
const validators = ["accept-ranges", "etag", "last-modified"];
const pageHeaders: Headers = {
  "content-security-policy": /^default-src 'none'; /,
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};
const refused = { as: "methods", deployed: { status: 403, body: "html" } } as const;

const preflights: Row[] = [
  ...[
    ["GET", "/images"],
    ["POST", "/images"],
    ["PATCH", "/images/{id}"],
    ["DELETE", "/images/{id}"],
    ["GET", "/openapi.json"],
  ].map(
    ([method = "", path = ""]): Row => ({
      name: `API: preflight of ${method} ${path} with tracing headers`,
      path,
      ...preflight(app, method),
      status: 204,
      body: "none",
      headers: {
        "access-control-allow-origin": app,
        "access-control-allow-methods": "GET,POST,PATCH,DELETE",
        "access-control-allow-headers": tracing,
        "access-control-allow-credentials": null,
        "access-control-max-age": "7200",
        vary: /Origin/,
      },
    }),
  ),
  {
    name: "API: preflight of a page that the stage does not name",
    path: "/images",
    ...preflight(foreign, "GET"),
    status: 204,
    body: "none",
    headers: { "access-control-allow-origin": null },
  },
  ...["{file}", "/media/img_0/none.webp", "/media/"].map(
    (path): Row => ({
      name: `media: preflight of ${path} with tracing headers`,
      path,
      ...preflight(app, "GET"),
      status: 204,
      body: "none",
      headers: {
        allow: "GET, HEAD, OPTIONS",
        "access-control-allow-origin": "*",
        "access-control-allow-headers": tracing,
        "access-control-max-age": "7200",
      },
    }),
  ),
  {
    name: "media: preflight without unusual headers",
    path: "{file}",
    ...preflight(app, "GET", ""),
    status: 204,
    body: "none",
    headers: { "access-control-allow-headers": null, "access-control-allow-origin": "*" },
  },
];

const media: Row[] = [
  { name: "media: a file", ...file, status: 200, body: "file" },
  { name: "media: HEAD of a file", ...file, method: "HEAD", status: 200, body: "none" },
  {
    name: "media: a query string is ignored",
    ...file,
    path: "{file}?response-content-type=text/html&versionId=1",
    status: 200,
    body: "file",
  },
  { name: "media: an encoded character", ...file, path: "{file%}", status: 200, body: "file" },
  {
    name: "media: a file is not compressed",
    ...file,
    sent: { "accept-encoding": "gzip" },
    status: 200,
    body: "file",
  },
  {
    name: "media: a page that may read a file",
    ...file,
    sent: { origin: app },
    status: 200,
    body: "file",
    headers: { ...file.headers, "access-control-allow-origin": app, "access-control-expose-headers": "etag" },
  },
  {
    name: "media: a page that may not read a file",
    ...file,
    sent: { origin: foreign },
    status: 200,
    body: "file",
  },
  ...(
    [
      ["If-None-Match with the ETag", "if-none-match", "{etag}"],
      ["If-None-Match with *", "if-none-match", "*"],
      ["If-Modified-Since", "if-modified-since", "{modified}"],
    ] as const
  ).map(
    ([name, header, value]): Row => ({
      name: `media: ${name}`,
      path: "{file}",
      sent: { [header]: value },
      s3: { status: 304, source: sources.conditions },
      status: 304,
      body: "none",
      headers: { ...fileHeaders, etag: "{etag}", "cache-control": /immutable/ },
    }),
  ),
  {
    name: "media: If-None-Match with another ETag",
    ...file,
    sent: { "if-none-match": '"other"' },
    status: 200,
    body: "file",
  },
  {
    name: "media: If-Modified-Since an older date",
    ...file,
    sent: { "if-modified-since": "Wed, 01 Jan 2020 00:00:00 GMT" },
    status: 200,
    body: "file",
  },
  ...(
    [
      ["if-match", '"other"'],
      ["if-unmodified-since", "Wed, 01 Jan 2020 00:00:00 GMT"],
    ] as const
  ).map(
    ([header, value]): Row => ({
      name: `media: ${header} that fails`,
      path: "{file}",
      sent: { [header]: value },
      s3: { status: 412, code: "PreconditionFailed", source: sources.conditions },
      status: 412,
      body: "xml",
      headers: { ...fileHeaders, "content-type": "application/xml" },
    }),
  ),
  ...(
    [
      ["a range", "bytes=4-7", 4, 7],
      ["an open range", "bytes=4-", 4, -1],
      ["a suffix", "bytes=-5", -5, -1],
    ] as const
  ).map(
    ([name, range, from, to]): Row => ({
      name: `media: ${name}`,
      ...file,
      sent: { range },
      s3: { status: 206, headers: { "content-range": `${from}:${to}` }, source: sources.range },
      status: 206,
      body: "file",
      headers: { ...file.headers, "content-range": /^bytes \d+-\d+\/\d+$/ },
    }),
  ),
  {
    name: "media: a range with If-Range of this version",
    ...file,
    sent: { range: "bytes=0-3", "if-range": "{etag}" },
    s3: { status: 206, headers: { "content-range": "0:3" }, source: sources.ifRange },
    status: 206,
    body: "file",
  },
  {
    name: "media: a range with If-Range of another version",
    ...file,
    sent: { range: "bytes=0-3", "if-range": '"other"' },
    s3: { status: 200, source: sources.ifRange },
    status: 200,
    body: "file",
  },
  ...["bytes=0-1,4-5", "bytes=9-4", "lines=1-2"].map(
    (range): Row => ({
      name: `media: ${range} is the whole file`,
      ...file,
      sent: { range },
      s3: { status: 200, source: sources.multiple },
      status: 200,
      body: "file",
    }),
  ),
  {
    name: "media: a range after the end",
    path: "{file}",
    sent: { range: "bytes=100000000-" },
    s3: { status: 416, code: "InvalidRange", source: sources.range },
    status: 416,
    body: "xml",
    headers: { ...fileHeaders, "content-type": "application/xml" },
  },
  ...[
    "/media/img_01KAR5ZJ5V0000000000000000/1-0a1b2c3d/none.webp",
    "/media/other.webp",
    "/media/",
    "/media/img_0/",
    "/media/%2e%2e%2fuploads%2fsecret.jpg",
    "/media/img_0/%00",
    "/media/?list-type=2",
  ].map((path): Row => ({ name: `media: no file at ${path}`, path, ...noFile })),
  { name: "media: HEAD of a missing file", method: "HEAD", path: "/media/img_0/a", ...noFile, body: "none" },
  {
    name: "media: a range of a missing file",
    path: "/media/img_0/a",
    sent: { range: "bytes=0-1" },
    ...noFile,
  },
  {
    name: "media: a missing file, for a page",
    path: "/media/img_0/a",
    sent: { origin: app },
    ...noFile,
    headers: { ...noFile.headers, "access-control-allow-origin": app },
  },
  ...["PUT", "POST", "PATCH", "DELETE"].map(
    (method): Row => ({
      name: `media: ${method}`,
      method,
      path: "{file}",
      status: 405,
      body: "problem",
      headers: { ...fileHeaders, allow: "GET, HEAD, OPTIONS" },
      differs: refused,
    }),
  ),
];

const page: Row[] = [
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

const api: Row[] = [
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
];

/** Every request to the URL of a stage. */
export const rows: Row[] = [...preflights, ...media, ...page, ...api];

/** Preflights to the uploads bucket. */
export const bucketRows: Row[] = [
  ...["PUT", "POST", "GET", "HEAD", "DELETE"].map(
    (method): Row => ({
      name: `uploads: preflight of ${method} with tracing headers`,
      path: "/uploads/default/img_1",
      ...preflight(app, method, "content-type, if-none-match, sentry-trace, baggage, x-amz-checksum-sha256"),
      status: 200,
      body: "none",
      headers: {
        "access-control-allow-origin": app,
        "access-control-allow-methods": "GET, HEAD, PUT, POST, DELETE",
        "access-control-allow-headers":
          "content-type, if-none-match, sentry-trace, baggage, x-amz-checksum-sha256",
        "access-control-expose-headers": "ETag",
        "access-control-max-age": "7200",
      },
    }),
  ),
  {
    name: "uploads: preflight of a page that the stage does not name",
    path: "/uploads/default/img_1",
    ...preflight(foreign, "PUT"),
    status: 403,
    body: "xml",
    headers: { "access-control-allow-origin": null },
  },
  {
    name: "uploads: preflight of a method that the bucket does not allow",
    path: "/uploads/default/img_1",
    ...preflight(app, "PATCH"),
    status: 403,
    body: "xml",
  },
];
