/** Makes the API's OpenAPI 3.1 document from the declarations of its routes. Runs when the document is written. */
import { scopes } from "@image-pipeline/core/scope";
import type { Hono } from "hono";
import { generateSpecs } from "hono-openapi";
import type { Env } from "./auth.ts";
import { description, tags } from "./openapi-text.ts";
import { declared } from "./route.ts";

/** A JSON Schema or any other object of the document. */
type Node = { [name: string]: unknown };
type Operation = Node & {
  operationId: string;
  parameters?: { in: string; schema: Node }[];
  requestBody?: { content: Content };
};
type Content = Record<string, { schema: Node; example?: unknown }>;

/** The document. */
export type Document = {
  openapi: string;
  info: Node;
  tags: Node[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Node> };
};

/** Returns the document of an application. `version` is the product's. */
export async function documentOf(app: Hono<Env>, version: string): Promise<Document> {
  const document = await generateSpecs(app, {
    documentation: {
      info: { title: "Images", version, description, license: { name: "MIT", identifier: "MIT" } },
      servers: [{ url: "/" }],
      tags,
      components: {
        securitySchemes: {
          bearer: {
            type: "http",
            scheme: "bearer",
            description: `An API key, or a token of the trusted issuer. Scopes: ${scopes.join(", ")}.`,
          },
        },
      },
    },
    excludeStaticFile: false,
    defaultValidationErrorResponse: false,
  });
  const examples = new Map(
    declared(app).map(({ declaration }) => [declaration.operationId, declaration.body]),
  );
  return conform(JSON.parse(JSON.stringify(document)), examples);
}

/**
 * Restricts a document to what generators of Swift, Kotlin, Dart and Go clients support: responses without `null` and
 * without unions, enumerations of responses that may grow, no closed responses. Adds the examples of request bodies, by operation. Throws if a
 * schema is in requests and in responses, where it would have to follow both rules.
 */
function conform(document: Document, examples: Map<string, unknown>): Document {
  const { schemas } = document.components;
  const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));
  const sent = new Set<string>();
  const received = new Set<string>();
  for (const { operationId, parameters, requestBody, responses } of operations) {
    const places = ["path", "query", "header"];
    for (const parameter of parameters ?? []) parameter.schema = named(parameter.schema, schemas);
    parameters?.sort((a, b) => places.indexOf(a.in) - places.indexOf(b.in));
    if (requestBody) requestBody.content = jsonFirst(requestBody.content, examples.get(operationId));
    collect([parameters, requestBody], schemas, sent);
    collect(responses, schemas, received);
    for (const node of nodesOf([parameters, requestBody])) simplify(node);
  }
  for (const [name, schema] of Object.entries(schemas)) {
    if (sent.has(name) && received.has(name)) throw new Error(`${name} is in requests and in responses.`);
    for (const node of nodesOf(schema)) {
      simplify(node);
      if (received.has(name)) open(node);
    }
  }
  return document;
}

/**
 * Moves the schema of a parameter that has the metadata `component` to the components, and returns a reference to it.
 * Otherwise generators write an enumeration for each operation. (A `ref` would lose the parameter's description.)
 */
function named(schema: Node, schemas: Record<string, Node>): Node {
  const { component, ...others } = schema;
  if (typeof component !== "string") return schema;
  schemas[component] = others;
  return { $ref: `#/components/schemas/${component}` };
}

/** Puts the JSON types first, which generators with one body for each operation take, and adds their example. */
function jsonFirst(content: Content, example: unknown): Content {
  const all = Object.entries(content);
  const json = all.filter(([type]) => type.endsWith("json")).reverse();
  const others = all.filter(([type]) => !type.endsWith("json"));
  return Object.fromEntries([...json.map(([type, body]) => [type, { ...body, example }]), ...others]);
}

/** Adds the names of the schemas that a value refers to, directly or through others. */
function collect(value: unknown, schemas: Record<string, Node>, names: Set<string>): void {
  for (const { $ref } of nodesOf(value)) {
    const name = String($ref ?? "").replace("#/components/schemas/", "");
    if (name === "" || names.has(name)) continue;
    names.add(name);
    collect(schemas[name], schemas, names);
  }
}

/** Every object in a value, innermost first. Examples are data and not part of it. */
function nodesOf(value: unknown): Node[] {
  if (typeof value !== "object" || value === null) return [];
  const inner = Object.entries(value).flatMap(([name, child]) => (name === "example" ? [] : nodesOf(child)));
  return Array.isArray(value) ? inner : [...inner, value as Node];
}

/** Replaces what the converter writes for transformed, nullable and empty schemas. */
function simplify(node: Node): void {
  const { jsonSchema, ref, ...rest } = node;
  if (jsonSchema) {
    const { pattern, anyOf, enum: _, ...plain } = rest;
    replace(node, { ...plain, ...(jsonSchema as Node) });
  }
  delete node.ref;
  delete node.propertyNames;
  if (Array.isArray(node.required) && node.required.length === 0) delete node.required;
  if (node.type === "integer" && typeof node.default === "string") node.default = Number(node.default);
  // Without a format, Go's clients have 32 bits, and Kotlin's a `BigDecimal` that they cannot read.
  if (node.type === "number") node.format ??= "double";
  const [inner, none] = Array.isArray(node.anyOf) ? node.anyOf : [];
  if (none?.type === "null") {
    const { anyOf, ...others } = node;
    replace(node, { ...others, ...inner, type: [inner.type, "null"] });
  }
}

/**
 * Lets an enumeration of a response grow: a plain string whose current values are an extension. Generators turn an
 * `enum` into a type that rejects new values, and a union with `anyOf` into a class without fields.
 * https://opensource.zalando.com/restful-api-guidelines/#112
 */
function open(node: Node): void {
  if (!Array.isArray(node.enum)) return;
  const { enum: values, type, ...others } = node;
  replace(node, { type: "string", "x-extensible-enum": values, ...others });
}

function replace(node: Node, next: Node): void {
  for (const name of Object.keys(node)) delete node[name];
  Object.assign(node, next);
}
