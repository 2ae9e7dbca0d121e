/**
 * A route's declaration: its scope, responses and errors. The scope is enforced here, so that no route has a
 * description without a guard; hono-openapi makes the OpenAPI document from the description.
 */
import { type Code, VisibleError } from "@image-pipeline/core/error";
import type { Scope } from "@image-pipeline/core/scope";
import type { Hono, MiddlewareHandler } from "hono";
import { describeRoute, resolver } from "hono-openapi";
import type * as v from "valibot";
import { type Guarded, identify } from "./auth.ts";
import { Problem, problems } from "./problem.ts";

/** A successful response. Without a schema it has no body. */
type Success = {
  description: string;
  schema?: v.GenericSchema;
  contentType?: string;
  headers?: Record<string, string>;
  example?: unknown;
};

/** A route as data. `open` routes need no authentication. */
export type Declaration = {
  operationId: string;
  tag: "Images" | "Uploads" | "Webhooks" | "Service";
  summary: string;
  description?: string;
  scope: Scope | "open";
  responses: Partial<Record<200 | 201 | 202 | 204 | 302 | 304, Success>>;
  errors: readonly Code[];
  /** The request headers that the route reads in addition to `Authorization`. */
  headers?: readonly (keyof typeof headerTexts)[];
  /** Query parameters that the schema of the route's validator cannot describe. */
  parameters?: readonly object[];
  /** An example of the JSON request body. */
  body?: unknown;
  /** Further content types of the request body. The validator of the route declares JSON. */
  bodies?: Record<string, { schema: v.GenericSchema; example?: unknown }>;
  /** Leaves the route out of the OpenAPI document. */
  isHidden?: boolean;
};

const headerTexts = {
  "Idempotency-Key":
    "A unique text such as a UUID: 1 to 255 printable ASCII characters without spaces. A request that is sent again with the same key within a day does not run again and gets the first response, with a new presigned URL once the first has expired.",
  "If-Match": "The ETag of the version to change. If the image has another version, the response is 412.",
  "If-None-Match":
    "The ETag of the version that the client has. If the image still has it, the response is 304.",
} as const;

/** The errors of every route that authenticates its caller. Open routes look nothing up that could fail. */
const guardedErrors: readonly Code[] = [
  "unauthenticated",
  "forbidden",
  "identity_unavailable",
  "storage_unavailable",
  "internal_error",
];

const declarations = new WeakMap<object, Declaration>();

/**
 * Declares a route and guards it: the middleware authenticates the caller and checks the scope before anything else
 * of the request is read. Throws `unauthenticated`, `forbidden`, `identity_unavailable`.
 */
export function route(declaration: Declaration): MiddlewareHandler<Guarded> {
  const { scope } = declaration;
  const guard: MiddlewareHandler<Guarded> = async (c, next) => {
    if (scope !== "open") {
      const caller = await identify(c.req.header("authorization"), c.var);
      c.set("caller", caller);
      if (!caller.scopes.includes(scope)) {
        throw new VisibleError("forbidden", `This route needs the scope \`${scope}\`.`);
      }
    }
    await next();
  };
  declarations.set(guard, declaration);
  // hono-openapi finds the description by a symbol on the handler.
  return Object.assign(guard, describeRoute(describe(declaration)));
}

/** A route of an application. `path` is Hono's pattern, such as `/images/:id`. */
export type Declared = { method: string; path: string; declaration: Declaration };

/** Returns every route of an application with its declaration. Throws if one has none and therefore no guard. */
export function declared(app: Pick<Hono, "routes">): Declared[] {
  const routes = new Map<string, Declared | undefined>();
  for (const { method, path, handler } of app.routes) {
    if (method === "ALL") continue; // middleware
    const name = `${method} ${path}`;
    const declaration = declarations.get(handler);
    routes.set(name, declaration ? { method, path, declaration } : routes.get(name));
  }
  return [...routes].map(([name, route]) => {
    if (!route) throw new Error(`${name} declares no scope and no errors: begin it with route().`);
    return route;
  });
}

type RouteDescription = Parameters<typeof describeRoute>[0];

/** The declaration as hono-openapi takes it. */
function describe(declaration: Declaration): RouteDescription {
  const {
    operationId,
    tag,
    summary,
    description,
    scope,
    responses,
    errors,
    headers = [],
    parameters = [],
    bodies,
  } = declaration;
  const codes = [...errors, ...(scope === "open" ? [] : guardedErrors)];
  return {
    operationId,
    tags: [tag],
    ...(declaration.isHidden ? { hide: true } : {}),
    summary,
    ...(description ? { description } : {}),
    security: scope === "open" ? [] : [{ bearer: [scope] }],
    ...(headers.length + parameters.length > 0
      ? { parameters: [...parameters, ...headers.map(headerParameter)] as RouteDescription["parameters"] }
      : {}),
    ...(bodies ? { requestBody: { required: true, content: contentOf(bodies) } } : {}),
    responses: {
      ...Object.fromEntries(
        Object.entries(responses).map(([status, success]) => [status, responseOf(success)]),
      ),
      ...problemResponses(codes),
    },
  };
}

const contentOf = (bodies: NonNullable<Declaration["bodies"]>) =>
  Object.fromEntries(
    Object.entries(bodies).map(([type, { schema, ...body }]) => [
      type,
      { ...body, schema: resolver(schema) },
    ]),
  );

const headerParameter = (name: keyof typeof headerTexts) => ({
  in: "header",
  name,
  description: headerTexts[name],
  schema: { type: "string" as const },
});

function responseOf({ description, schema, contentType = "application/json", headers, example }: Success) {
  const texts = Object.entries(headers ?? {}).map(([name, description]) => [
    name,
    { description, schema: { type: "string" as const } },
  ]);
  return {
    description,
    ...(headers ? { headers: Object.fromEntries(texts) } : {}),
    ...(schema
      ? { content: { [contentType]: { schema: resolver(schema), ...(example ? { example } : {}) } } }
      : {}),
  };
}

/** One response for each status, with the codes that it may have. */
function problemResponses(codes: readonly Code[]) {
  const byStatus = Map.groupBy(codes, (code) => problems[code].status);
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      {
        description: codes.map((code) => `\`${code}\`: ${problems[code].title}`).join("\n\n"),
        content: { "application/problem+json": { schema: resolver(Problem) } },
      },
    ]),
  );
}
