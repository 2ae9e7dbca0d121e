import { Hono } from "hono";
import { describe, expect, test } from "vitest";
import { createApp } from "./app.ts";
import { settings } from "./fixture.ts";
import { problems } from "./problem.ts";
import { declared, route } from "./route.ts";

const app = createApp(settings);

const json = { "content-type": "application/json" };
const good = { filename: "a.jpg", contentType: "image/jpeg", bytes: 1 };

describe("bad requests end as problems, and nothing else", () => {
  const post = (body: string, headers: Record<string, string> = json) =>
    app.request("/images", { method: "POST", headers, body });
  const send = (body: unknown) => post(JSON.stringify(body));
  const get = (path: string) => app.request(path);

  test.each<[string, () => Response | Promise<Response>, string, object[]?]>([
    ["a body that is not JSON", () => post('{"filename":'), "malformed_json"],
    ["an empty body", () => post(""), "malformed_json"],
    ["a body of another type", () => post("a=b", { "content-type": "text/plain" }), "unsupported_media_type"],
    ["JSON that does not say so", () => post(JSON.stringify(good), {}), "unsupported_media_type"],
    ["a list for an object", () => send([good]), "invalid_request", [{ pointer: "" }]],
    [
      "nothing of what is needed",
      () => send({}),
      "invalid_request",
      ["filename", "contentType", "bytes"].map((name) => ({ pointer: `/${name}`, detail: "Required." })),
    ],
    [
      "an unknown field",
      () => send({ ...good, status: "ready" }),
      "invalid_request",
      [{ pointer: "/status", detail: "Unknown field." }],
    ],
    ["a wrong type", () => send({ ...good, bytes: "1" }), "invalid_request", [{ pointer: "/bytes" }]],
    ["half a byte", () => send({ ...good, bytes: 1.5 }), "invalid_request", [{ pointer: "/bytes" }]],
    ["no byte", () => send({ ...good, bytes: 0 }), "invalid_request", [{ pointer: "/bytes" }]],
    ["too many bytes", () => send({ ...good, bytes: 26_214_401 }), "too_many_bytes"],
    [
      "a type that is not an image's",
      () => send({ ...good, contentType: "image/svg+xml" }),
      "unsupported_format",
    ],
    [
      "a hash in capitals",
      () => send({ ...good, sha256: "A".repeat(64) }),
      "invalid_request",
      [{ pointer: "/sha256" }],
    ],
    [
      "too many tags",
      () => send({ ...good, tags: Array.from({ length: 21 }, (_, i) => `t${i}`) }),
      "invalid_request",
      [{ pointer: "/tags" }],
    ],
    [
      "an empty tag",
      () => send({ ...good, tags: ["sea", " "] }),
      "invalid_request",
      [{ pointer: "/tags/1" }],
    ],
    [
      "metadata that is not text",
      () => send({ ...good, metadata: { "a/b": 1 } }),
      "invalid_request",
      [{ pointer: "/metadata/a~1b" }],
    ],
    [
      "too much metadata",
      () =>
        send({ ...good, metadata: Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`m${i}`, ""])) }),
      "invalid_request",
      [{ pointer: "/metadata" }],
    ],
    [
      "an owner that is none",
      () => send({ ...good, owner: "a/b" }),
      "invalid_request",
      [{ pointer: "/owner" }],
    ],
    ["an owner that is another", () => send({ ...good, owner: "somebody" }), "forbidden"],
    ["a limit of nothing", () => get("/images?limit=0"), "invalid_request", [{ parameter: "limit" }]],
    ["an absurd limit", () => get("/images?limit=999999999999"), "invalid_request", [{ parameter: "limit" }]],
    ["two limits", () => get("/images?limit=1&limit=2"), "invalid_request", [{ parameter: "limit" }]],
    [
      "an unknown filter",
      () => get("/images?colour=red"),
      "invalid_request",
      [{ parameter: "colour", detail: "Unknown parameter." }],
    ],
    [
      "a status that nothing has",
      () => get("/images?status=deleted"),
      "invalid_request",
      [{ parameter: "status" }],
    ],
    [
      "a time that never was",
      () => get("/images?createdAfter=2026-13-41T00:00:00Z"),
      "invalid_request",
      [{ parameter: "createdAfter" }],
    ],
    [
      "two filters that no index answers",
      () => get("/images?orderBy=takenAt&tag=sea"),
      "invalid_request",
      [{ parameter: "tag" }],
    ],
    [
      "ids beside other filters",
      () => get(`/images?id=img_${"0".repeat(26)}&status=ready`),
      "invalid_request",
      [{ parameter: "id" }],
    ],
    ["an id that is none, in a list", () => get("/images?id=x"), "invalid_request", [{ parameter: "id" }]],
    ["everybody's images", () => get("/images?owner=somebody"), "forbidden"],
    ["a cursor that is none", () => get("/images?cursor=x"), "invalid_cursor"],
    ["an id that is none", () => get("/images/x"), "image_not_found"],
    ["an id with a null byte", () => get("/images/img_%00"), "image_not_found"],
    ["an id that cannot be decoded", () => get("/images/%E0%A4%A"), "image_not_found"],
    [
      "a wait beyond the limit",
      () => get(`/images/img_${"0".repeat(26)}?wait=21`),
      "invalid_request",
      [{ parameter: "wait" }],
    ],
    [
      "a key for idempotency with spaces",
      () => post(JSON.stringify(good), { ...json, "idempotency-key": "a b" }),
      "invalid_request",
      [{ parameter: "Idempotency-Key" }],
    ],
    ["an address that is none", () => get("/imagesss"), "route_not_found"],
    ["a slash too many", () => get("/images/"), "route_not_found"],
    ["a wrong method", () => app.request("/images", { method: "PUT" }), "method_not_allowed"],
    [
      "a large body that says so",
      () => post("x".repeat(65_537), { ...json, "content-length": "65537" }),
      "body_too_large",
    ],
    ["a large body that does not", () => post("x".repeat(65_537)), "body_too_large"],
  ])("%s", async (_, ask, code, errors) => {
    const response = await ask();
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    const problem = await response.json();
    const { status, title } = problems[code as keyof typeof problems];
    expect(problem).toMatchObject({ code, status, title, ...(errors ? { errors } : {}) });
    expect(problem.errors?.length).toBe(errors?.length);
    expect(response.status).toBe(status);
    expect(problem.requestId).toBe(response.headers.get("x-request-id"));
    expect(problem.type).toBe(`http://127.0.0.1:9/docs#${code}`);
  });

  test("a large body is refused without being read", async () => {
    let read = 0;
    const body = new ReadableStream(
      {
        pull(controller) {
          read++;
          controller.enqueue(new Uint8Array(1024));
        },
      },
      { highWaterMark: 0 },
    );
    const headers = { ...json, "content-length": "100000000" };
    const response = await app.request("/images", {
      method: "POST",
      headers,
      body,
      duplex: "half",
    } as RequestInit);
    expect([response.status, read]).toEqual([413, 0]);
  });

  test("a wrong method gets 405 with the allowed ones", async () => {
    const response = await app.request(`/images/img_${"0".repeat(26)}`, { method: "PUT" });
    expect(response.headers.get("allow")?.split(", ").sort()).toEqual(["DELETE", "GET", "HEAD", "PATCH"]);
  });

  test("what went wrong on our side is withheld", async () => {
    // Nothing listens where the table should be.
    const response = await app.request("/images");
    const text = await response.text();
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "5"]);
    expect(JSON.parse(text)).toEqual({
      type: "http://127.0.0.1:9/docs#storage_unavailable",
      ...problems.storage_unavailable,
      detail: expect.stringContaining("The cause is logged under this request id."),
      code: "storage_unavailable",
      requestId: response.headers.get("x-request-id"),
    });
    expect(text).not.toMatch(/ECONNREFUSED|127\.0\.0\.1:(?!9\/docs)|node_modules|at /);
  });
});

describe("every answer", () => {
  const answers = {
    "a page": "/docs",
    "a document": "/openapi.json",
    "a problem": "/nothing",
    "a small answer": "/health",
  };

  test.each(Object.entries(answers))("carries the headers of safety: %s", async (_, path) => {
    const { headers } = await app.request(path);
    expect(Object.fromEntries(headers)).toMatchObject({
      "cache-control": "no-store",
      "content-security-policy": expect.stringMatching(/^default-src 'none';.*frame-ancestors 'none'$/),
      "referrer-policy": "no-referrer",
      "strict-transport-security": expect.stringMatching(/^max-age=63072000/),
      vary: expect.stringMatching(/^Authorization, Origin/),
      "x-content-type-options": "nosniff",
      "x-request-id": expect.stringMatching(/^[\w-]{20,}$/),
    });
    expect(headers.has("server")).toBe(false);
    expect(headers.get("access-control-allow-origin")).toBeNull();
  });

  test("repeats a request id that it is given, and makes one where that is no id", async () => {
    const given = async (id: string) => {
      const { headers } = await app.request("/health", { headers: { "x-request-id": id } });
      return headers.get("x-request-id") === id;
    };
    expect(await given("abc-123_X=")).toBe(true);
    expect(await given("x".repeat(65))).toBe(false);
    expect(await given("<script>")).toBe(false);
  });

  test("HEAD is GET without the body", async () => {
    const response = await app.request("/health", { method: "HEAD" });
    expect([response.status, await response.text()]).toEqual([200, ""]);
  });
});

test("a route without a declared scope stops the application from starting", () => {
  const open = new Hono().get("/open", (c) => c.text("for everybody"));
  expect(() => declared(open)).toThrow("GET /open declares no scope");
});

test("every route of the API declares a scope, and all but six authenticate the caller", () => {
  const routes = declared(app).map(
    ({ method, path, declaration }) => `${method} ${path} ${declaration.scope}`,
  );
  expect(routes.sort()).toMatchInlineSnapshot(`
    [
      "DELETE /images/:id images:write",
      "DELETE /webhooks/:webhook images:write",
      "GET /changes images:read",
      "GET /docs open",
      "GET /docs/:name{[a-z-]+\\.md} open",
      "GET /docs/reference.js open",
      "GET /health open",
      "GET /images images:read",
      "GET /images/:id images:read",
      "GET /images/:id/events images:read",
      "GET /images/:id/original images:read",
      "GET /images/:id/similar images:read",
      "GET /images/count images:read",
      "GET /llms.txt open",
      "GET /openapi.json open",
      "GET /stats service",
      "GET /usage images:read",
      "GET /webhooks images:read",
      "GET /webhooks/:webhook images:read",
      "GET /webhooks/:webhook/deliveries images:read",
      "PATCH /images/:id images:write",
      "PATCH /webhooks/:webhook images:write",
      "POST /images images:write",
      "POST /images/:id/reprocess images:write",
      "POST /images/:id/restore images:write",
      "POST /images/batch images:write",
      "POST /media-session images:read",
      "POST /uploads/sign images:write",
      "POST /webhooks images:write",
      "POST /webhooks/:webhook/deliveries/:delivery/retry images:write",
      "POST /webhooks/:webhook/rotate images:write",
      "POST /webhooks/:webhook/test images:write",
    ]
  `);
});

test("a guarded handler does not compile without its guard", () => {
  // @ts-expect-error: `caller` is known only behind `route()`.
  new Hono().get("/", (c) => c.text(c.var.caller.by));
  new Hono().get(
    "/",
    route({ operationId: "x", tag: "Images", summary: "x", scope: "images:read", responses: {}, errors: [] }),
    (c) => c.text(c.var.caller.by),
  );
});
