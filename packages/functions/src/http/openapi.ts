/** The API's description as an OpenAPI 3.1 document, made from the routes' own declarations. */

import type { Code } from "@image-pipeline/core/error";
import { scopes } from "@image-pipeline/core/scope";
import type { JsonSchema } from "@valibot/to-json-schema";
import type { Hono } from "hono";
import type * as v from "valibot";
import { components, inline, named } from "./json-schema.ts";
import { Problem, problems } from "./problem.ts";
import { type Answer, type Declared, declared } from "./route.ts";
import { type Reads, readsOf } from "./valid.ts";

/** What can go wrong on every route that asks who is calling. The others look nothing up that could fail. */
const guarded: readonly Code[] = ["unauthenticated", "forbidden", "identity_unavailable", "internal_error"];

const headerTexts = {
  "Idempotency-Key":
    "Any text of your own, such as a UUID. The same request sent again under it is answered with the first answer for a day, and not carried out again.",
  "If-Match": "The ETag that the image must still have.",
  "If-None-Match": "The ETag that you have.",
} as const;

type Operation = Declared & { reads: Reads[] };

/** The document of an application. `version` is the product's. */
export function documentOf(app: Pick<Hono, "routes">, version: string) {
  const operations = declared(app).map((route) => ({ ...route, reads: readsOfRoute(app, route) }));
  const requests = operations.flatMap(({ reads }) => reads.map(({ schema }) => schema));
  const answers = operations.flatMap(({ declaration }) =>
    Object.values(declaration.answers).flatMap((answer) => answer.schema ?? []),
  );
  const incoming = named(requests);
  const outgoing = named([Problem, ...answers]);
  for (const name of incoming.keys()) {
    if (outgoing.has(name))
      throw new Error(`${name} is both sent and received; they must be able to differ.`);
  }
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of operations) {
    const path = operation.path.replace(/:(\w+)/g, "{$1}");
    paths[path] = {
      ...paths[path],
      [operation.method.toLowerCase()]: describe(operation, incoming, outgoing),
    };
  }
  return {
    openapi: "3.1.0",
    info: { title: "Images", version, description, license: { name: "MIT", identifier: "MIT" } },
    servers: [{ url: "/" }],
    tags: [
      { name: "Images", description: "Uploaded pictures and the variants made from them." },
      { name: "Uploads", description: "For uploaders that speak S3 themselves." },
      { name: "Service", description: "About the API itself." },
    ],
    paths,
    components: {
      securitySchemes: {
        bearer: {
          type: "http",
          scheme: "bearer",
          description: `A token of the issuer that this API trusts, or an API key. Scopes: ${scopes.join(", ")}.`,
        },
      },
      schemas: { ...components(incoming, "input"), ...components(outgoing, "output") },
    },
  };
}

/** What `documentOf` makes. */
export type Document = ReturnType<typeof documentOf>;

const description = `Upload pictures, get optimised variants, and find them again.

Announce a file with \`POST /images\`, send its bytes as \`upload\` says, then look the image up with \`GET /images/{id}?wait=20\` until it is \`ready\`, \`rejected\` or \`failed\`. Variants have addresses of their own that never change.

Every answer carries \`X-Request-Id\`; errors are problems (RFC 9457) with a \`code\`. After a 429 or 503 try again in \`Retry-After\` seconds. After a 500, or none at all, try again later; a POST under the same \`Idempotency-Key\`, so that it is not carried out twice.

Lists come in pages: ask again with the page's \`nextCursor\` and the same filters until there is none.

New fields, codes, statuses and event types may come at any time: ignore what you do not know. A field that is absent has no value; \`null\` is never sent. Times are UTC in whole seconds.`;

/** The schemas that a route's handlers read with. */
const readsOfRoute = (app: Pick<Hono, "routes">, { method, path }: Declared) =>
  app.routes
    .filter((route) => route.method === method && route.path === path)
    .flatMap(({ handler }) => readsOf(handler) ?? []);

type Names = Map<string, v.GenericSchema>;

function describe({ declaration, reads }: Operation, incoming: Names, outgoing: Names) {
  const { operationId, tag, summary, description, scope, answers, errors, headers = [], body } = declaration;
  const codes = [...errors, ...(scope === "open" ? [] : guarded)];
  const json = reads.find(({ target }) => target === "json");
  const parameters = [
    ...reads.flatMap(({ target, schema }) =>
      target === "json" ? [] : parametersOf(target, inline(schema, incoming, "input")),
    ),
    ...headers.map((name) => ({
      in: "header",
      name,
      description: headerTexts[name],
      schema: { type: "string" },
    })),
  ];
  return {
    operationId,
    tags: [tag],
    summary,
    ...(description ? { description } : {}),
    security: scope === "open" ? [] : [{ bearer: [scope] }],
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(json
      ? {
          requestBody: {
            required: true,
            content: {
              "application/json": { schema: inline(json.schema, incoming, "input"), example: body },
            },
          },
        }
      : {}),
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, answer]) => [status, answerOf(answer, outgoing)]),
      ),
      ...problemsOf(codes, outgoing),
    },
  };
}

function parametersOf(target: Reads["target"], { properties = {}, required = [] }: JsonSchema) {
  return Object.entries(properties).map(([name, property]) => {
    const { description, ...schema } = property as JsonSchema;
    return {
      in: target === "param" ? "path" : target,
      name,
      ...(target === "param" || required.includes(name) ? { required: true } : {}),
      description,
      schema,
    };
  });
}

function answerOf(
  { description, schema, contentType = "application/json", headers, example }: Answer,
  names: Names,
) {
  return {
    description,
    ...(headers
      ? {
          headers: Object.fromEntries(
            Object.entries(headers).map(([name, description]) => [
              name,
              { description, schema: { type: "string" } },
            ]),
          ),
        }
      : {}),
    ...(schema
      ? {
          content: {
            [contentType]: { schema: inline(schema, names, "output"), ...(example ? { example } : {}) },
          },
        }
      : {}),
  };
}

/** One answer for each status, with every code that it may have. */
function problemsOf(codes: readonly Code[], names: Names) {
  const byStatus = Map.groupBy(codes, (code) => problems[code].status);
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      {
        description: codes.map((code) => `\`${code}\`: ${problems[code].title}`).join("\n\n"),
        content: { "application/problem+json": { schema: inline(Problem, names, "output") } },
      },
    ]),
  );
}
