/** CORS preflights to every kind of path, with the headers that tracing libraries add. */
import { app, foreign, preflight, type Row, tracing } from "./parity.ts";

/** Preflights to the API and to `/media`. */
export const preflights: Row[] = [
  ...[
    ["GET", "/images"],
    ["POST", "/images"],
    ["PATCH", "/images/{id}"],
    ["DELETE", "/images/{id}"],
    ["GET", "/openapi.json"],
    ["GET", "/llms.txt"],
    ["GET", "/docs/api.md"],
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
    status: 403,
    body: "problem",
    headers: { "access-control-allow-origin": null },
    differs: {
      as: "sites",
      deployed: { status: 204, body: "none", headers: { "access-control-allow-origin": null } },
    },
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
