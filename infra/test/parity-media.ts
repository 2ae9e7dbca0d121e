/** Requests for the files under `/media`. Their preflights are in `parity-preflight.ts`. */
import { app, foreign, type Headers, type Row, refused } from "./parity.ts";

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
  headers: {
    ...fileHeaders,
    "content-type": "application/problem+json",
    "cache-control": "private, max-age=10",
  },
} as const;

/** Requests for files under `/media`. */
export const media: Row[] = [
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
    status: 403,
    body: "problem",
    headers: {},
    differs: { as: "sites", deployed: { status: 200, body: "file" } },
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
    name: "media: a missing file, for an <img>",
    path: "/media/img_0/a",
    sent: { accept: "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8" },
    status: 404,
    body: "file",
    headers: { ...noFile.headers, "content-type": "image/svg+xml" },
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
