/** The API's operations as tools of an MCP server, made from the OpenAPI document. */
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Client } from "@image-pipeline/client";
import { root } from "./connect.ts";

/** A JSON Schema, with references to the document's components or without. */
type Schema = {
  $ref?: string;
  type?: string | string[];
  properties?: Record<string, Schema>;
  required?: string[];
} & {
  [name: string]: unknown;
};

type Parameter = { name: string; in: string; required?: boolean; description?: string; schema: Schema };

type Operation = {
  operationId: string;
  summary: string;
  description?: string;
  parameters?: Parameter[];
  requestBody?: { content: Record<string, { schema: Schema }> };
};

/** The parts of the OpenAPI document that tools are made from. */
export type Document = {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
};

/** Arguments of a call, as the tool's schema admits them. */
export type Arguments = Record<string, unknown>;

/** A response: its body, undefined for one without, and its ETag. */
export type Answer = { body: unknown; etag: string | undefined };

/**
 * A tool. `inputSchema` is a JSON Schema without references. `call` sends the operation's request. Throws `ClientError`, or
 * the signal's reason.
 */
export type Tool = {
  name: string;
  title: string;
  description: string;
  inputSchema: Schema;
  annotations: { readOnlyHint: boolean; destructiveHint: boolean; idempotentHint: boolean };
  call(client: Client, given: Arguments, signal: AbortSignal): Promise<Answer>;
};

/** Operations that are no tools, each with the reason. */
export const leftOut: Record<string, string> = {
  createImage: "`upload_image` and `import_image` create the image and give it its file.",
  createMediaSession: "Its response is cookies, which the client of a browser keeps.",
  listChanges: "It is for clients that keep a copy of all images.",
  signUpload: "It presigns the parts of an upload for uploaders such as Uppy.",
  getDocument: "`/llms.txt` has the documentation in fewer tokens.",
  getDocs: "The page needs a browser.",
  createWebhook: "It sends an owner's images to a URL, which an agent may have from untrusted text.",
  updateWebhook: "It sends an owner's images to a URL, which an agent may have from untrusted text.",
  rotateWebhookSecret: "Its response is a secret.",
};

/** Operations with POST that only add something. Any other POST may destroy what was there. */
const additive = ["reprocessImage", "restoreImage"];

/** Headers that are arguments, by the argument's name. `Idempotency-Key` is a new one for each call. */
const headerNames: Record<string, string> = { ifMatch: "If-Match" };

/** Reads the OpenAPI document of this repository. */
export const readDocument = async (): Promise<Document> =>
  JSON.parse(await readFile(join(root, "packages/functions/openapi.json"), "utf8"));

/** Returns a tool for each operation, without those that are left out; with `readOnly` those of GET alone. */
export function toolsOf(document: Document, { readOnly = false } = {}): Tool[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([method, { operationId }]) => !(operationId in leftOut) && (!readOnly || method === "get"))
      .map(([method, operation]) => toolOf(path, method, operation, document)),
  );
}

/** Returns the schemas of the named fields of a component, without references. */
export function fieldsOf(
  { components }: Document,
  name: string,
  fields: readonly string[],
): Record<string, Schema> {
  const { properties = {} } = inlined(components.schemas[name] ?? {}, components.schemas);
  return Object.fromEntries(Object.entries(properties).filter(([field]) => fields.includes(field)));
}

/** Returns the name of an operation's tool: `list_images` of `listImages`. */
export const nameOf = (operationId: string) =>
  operationId.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function toolOf(path: string, method: string, operation: Operation, { components }: Document): Tool {
  const { operationId, summary, description = "", parameters = [], requestBody } = operation;
  const content = requestBody?.content ?? {};
  // A merge patch keeps the custom metadata that the caller does not name.
  const type = ["application/merge-patch+json", "application/json"].find((each) => each in content);
  const body = type ? inlined(content[type]?.schema ?? {}, components.schemas) : {};
  const shown = parameters.filter((each) => each.in !== "header" || argumentOf(each) !== each.name);
  const properties = Object.fromEntries(
    shown.map((each) => {
      const { example: _, ...schema } = inlined(each.schema, components.schemas);
      return [argumentOf(each), { ...schema, description: plain(each.description ?? "") }];
    }),
  );
  const fields = Object.keys(body.properties ?? {});
  const twice = fields.find((field) => field in properties);
  if (twice) throw new Error(`${operationId} has a parameter and a field that are named ${twice}.`);
  const readOnlyHint = method === "get";
  return {
    name: nameOf(operationId),
    title: summary,
    description: plain(`${summary}. ${description}`.trim()),
    inputSchema: {
      type: "object",
      properties: { ...properties, ...body.properties },
      required: [...shown.filter(({ required }) => required).map(argumentOf), ...(body.required ?? [])],
      additionalProperties: false,
    },
    annotations: {
      readOnlyHint,
      destructiveHint: !readOnlyHint && !additive.includes(operationId),
      idempotentHint: method !== "post",
    },
    async call({ request }, given, signal) {
      let etag: string | undefined;
      const named = (place: string) =>
        shown.filter((each) => each.in === place && given[argumentOf(each)] !== undefined);
      const hasKey = parameters.some(({ name }) => name === "Idempotency-Key");
      const answer = await request<unknown>(
        method.toUpperCase(),
        path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(String(given[name]))),
        {
          query: Object.fromEntries(named("query").flatMap(({ name }) => queryOf(name, given[name]))),
          headers: {
            ...Object.fromEntries(
              named("header").map((each) => [each.name, String(given[argumentOf(each)])]),
            ),
            ...(hasKey && { "idempotency-key": randomUUID() }),
            ...(type && { "content-type": type }),
          },
          body: type
            ? Object.fromEntries(Object.entries(given).filter(([name]) => fields.includes(name)))
            : undefined,
          signal,
          onResponse: ({ headers }) => {
            etag = headers.get("etag") ?? undefined;
          },
        },
      );
      return { body: answer, etag };
    },
  };
}

/** Returns the name of a parameter as an argument. */
const argumentOf = ({ name }: Parameter) =>
  Object.keys(headerNames).find((argument) => headerNames[argument] === name) ?? name;

/** Returns the query of an argument. The entries of an object are parameters such as `metadata.NAME`. */
function queryOf(name: string, value: unknown): [string, string | string[]][] {
  if (Array.isArray(value)) return [[name, value.map(String)]];
  if (typeof value !== "object" || value === null) return [[name, String(value)]];
  return Object.entries(value).map(([key, each]) => [`${name}.${key}`, String(each)]);
}

/** Copies a schema with its references replaced by what they refer to. */
function inlined(schema: Schema, schemas: Record<string, Schema>): Schema {
  const copy = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(copy);
    if (typeof value !== "object" || value === null) return value;
    const { $ref, ...others } = value as Schema;
    const rest = Object.fromEntries(Object.entries(others).map(([name, each]) => [name, copy(each)]));
    if ($ref === undefined) return rest;
    const target = schemas[$ref.replace("#/components/schemas/", "")];
    if (!target) throw new Error(`${$ref} is not in the document.`);
    return { ...(copy(target) as Schema), ...rest };
  };
  return copy(schema) as Schema;
}

/** Replaces links within the document, which an agent cannot follow, by their text. */
const plain = (text: string) => text.replace(/\[([^\]]*)\]\(#[^)]*\)/g, "$1");
