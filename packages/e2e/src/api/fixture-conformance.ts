/** Random requests generated from the OpenAPI document, and the check of responses against it. */
import type { JsonSchema } from "@valibot/to-json-schema";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import fc from "fast-check";
import type { Ask } from "./fixture.ts";

type Parameter = { in: string; name: string; required?: boolean; schema: JsonSchema };
type Content = Record<string, { schema?: JsonSchema }>;

/** An operation of the document. */
export type Operation = {
  operationId: string;
  method: string;
  path: string;
  parameters?: Parameter[];
  requestBody?: { content: Content };
  responses: Record<string, { description: string; content?: Content }>;
};

type Document = {
  paths: Record<string, Record<string, object>>;
  components: { schemas: Record<string, JsonSchema> };
};

/** Every operation of a document. */
export const operationsOf = (document: Document): Operation[] =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      ...(operation as Omit<Operation, "method" | "path">),
      method: method.toUpperCase(),
      path,
    })),
  );

/** The codes that an operation declares. */
export const codesOf = ({ responses }: Operation): string[] =>
  Object.entries(responses)
    .filter(([status]) => status >= "400")
    .flatMap(([, { description }]) => [...description.matchAll(/^`(\w+)`/gm)].map(([, code = ""]) => code));

/** Hostile text: bounds, quotes, path traversals, null bytes, lone surrogates. */
const nasty = fc.constantFrom(
  "",
  " ",
  "null",
  "0",
  "-1",
  "1e9",
  "999999999999999999999",
  "%00",
  "\0",
  "../..",
  "'\"<>`{}$",
  "é",
  "😀",
  "\ud800",
  "a".repeat(3000),
  "__proto__",
  "constructor",
  "true",
  "[]",
  "{}",
  "2026-13-01T00:00:00Z",
  "9".repeat(30),
);
const anything = fc.oneof(nasty, fc.string({ unit: "binary", maxLength: 40 }), fc.integer().map(String));

/** Values of parameters and fields of these names that mean something to the API, such as ids of images. */
export type Known = Record<string, fc.Arbitrary<unknown>>;

type Source = { document: Document; known: Known };

/** Generates values that a schema accepts. */
function good(schema: JsonSchema, source: Source): fc.Arbitrary<unknown> {
  const { document, known } = source;
  if (schema.$ref)
    return good(
      document.components.schemas[schema.$ref.slice(schema.$ref.lastIndexOf("/") + 1)] ?? {},
      source,
    );
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema.format === "date-time")
    return fc
      .date({ min: new Date("2020-01-01"), max: new Date("2030-01-01"), noInvalidDate: true })
      .map((date) => date.toISOString());
  if (schema.pattern) return fc.stringMatching(new RegExp(schema.pattern));
  const { minimum = 0, maximum = 100_000, minLength = 0, maxLength = 40, maxItems = 5 } = schema;
  switch ([schema.type].flat()[0]) {
    case "integer":
      return fc.integer({ min: minimum, max: Math.min(maximum, 2_000_000_000) });
    case "number":
      // The lower half: a rectangle's offset and width then end within it.
      return fc.integer({ min: 0, max: 500 }).map((n) => minimum + ((maximum - minimum) * n) / 1000);
    case "boolean":
      return fc.boolean();
    case "array":
      return fc.array(good(schema.items as JsonSchema, source), { maxLength: Math.min(maxItems, 5) });
    case "object": {
      const { properties, required = [], additionalProperties } = schema;
      if (!properties)
        return fc.dictionary(
          fc.string({ minLength: 1, maxLength: 20 }),
          good(additionalProperties as JsonSchema, source),
          { maxKeys: 5 },
        );
      const fields = Object.entries(properties).map(
        ([name, field]) => [name, known[name] ?? good(field as JsonSchema, source)] as const,
      );
      const record = (requiredKeys: readonly string[], absent: readonly string[] = []) =>
        fc.record(Object.fromEntries(fields.filter(([name]) => !absent.includes(name))), {
          requiredKeys: [...requiredKeys],
        });
      if (!("from" in properties)) return record(required);
      // An upload or an import. The document says it in words, because generators of clients misread unions.
      return fc.oneof(
        { weight: 3, arbitrary: record(uploadFields, ["from"]) },
        { weight: 1, arbitrary: record(["from"], ["contentType", "bytes", "sha256", "method"]) },
      );
    }
    default:
      return fc.string({ unit: "grapheme", minLength, maxLength: Math.min(maxLength, 60) });
  }
}

/** The fields that an upload needs, and an import does not have. */
const uploadFields = ["filename", "contentType", "bytes"];

/** Generates few of the names, because many exclude each other, and sometimes any of them. */
const someOf = (names: string[]) =>
  fc.oneof(
    { weight: 4, arbitrary: fc.subarray(names, { maxLength: Math.min(2, names.length) }) },
    { weight: 1, arbitrary: fc.subarray(names) },
  );

/** Generates a body: mostly valid with few optional fields, sometimes invalid in one place, sometimes not JSON. */
function body(schema: JsonSchema, source: Source): fc.Arbitrary<Pick<Ask, "body" | "headers">> {
  const json = { "content-type": "application/json" };
  const name = schema.$ref?.slice(schema.$ref.lastIndexOf("/") + 1);
  const { properties = {}, required = [] } = name ? (source.document.components.schemas[name] ?? {}) : schema;
  const needed = "from" in properties ? ["from", ...uploadFields] : required;
  const optional = Object.keys(properties).filter((field) => !needed.includes(field));
  const whole = fc.tuple(good(schema, source), someOf(optional)).map(([value, given]) => {
    const isKept = ([field]: [string, unknown]) => given.includes(field) || !optional.includes(field);
    return JSON.stringify(Object.fromEntries(Object.entries(value as object).filter(isKept)));
  });
  const spoilt = fc
    .tuple(
      good(schema, source),
      fc.oneof(anything, fc.constantFrom("filename", "bytes", "tags", "key", "title")),
      fc.oneof(fc.anything(), anything),
    )
    .map(([value, name, other]) => JSON.stringify({ ...(value as object), [name]: other }));
  return fc.oneof(
    { weight: 6, arbitrary: whole.map((body) => ({ body, headers: json })) },
    { weight: 3, arbitrary: spoilt.map((body) => ({ body, headers: json })) },
    { weight: 1, arbitrary: fc.string({ maxLength: 50 }).map((body) => ({ body, headers: json })) },
    { weight: 1, arbitrary: whole.map((body) => ({ body, headers: { "content-type": "text/plain" } })) },
  );
}

/**
 * Generates a request to an operation, with one of the credentials `as`. Most are valid. Most have few optional
 * parameters, since many of them exclude each other.
 */
export function request(
  operation: Operation,
  document: Document,
  { known, as }: { known: Known; as: string[] },
): fc.Arbitrary<{ path: string; init: Ask }> {
  const source = { document, known };
  const parameters = operation.parameters ?? [];
  const arbitraryOf = ({ name, schema }: Parameter) =>
    fc.oneof(
      { weight: 12, arbitrary: known[name] ?? good(schema, source) },
      { weight: 1, arbitrary: anything },
    );
  const optional = parameters.filter(({ in: place }) => place !== "path").map(({ name }) => name);
  const schema = operation.requestBody?.content["application/json"]?.schema;
  return fc
    .record({
      values: fc.record(Object.fromEntries(parameters.map((each) => [each.name, arbitraryOf(each)]))),
      given: someOf(optional),
      sent: schema ? body(schema, source) : fc.constant<Pick<Ask, "body" | "headers">>({}),
      as: fc.constantFrom(...as),
      extra: fc.oneof({ weight: 14, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: anything }),
    })
    .map(({ values, given, sent, as, extra }) => {
      const query = new URLSearchParams();
      const headers: Record<string, string> = { ...sent.headers };
      let path = operation.path;
      for (const { in: place, name } of parameters) {
        const value = (values as Record<string, unknown>)[name];
        if (place === "path") path = path.replace(`{${name}}`, encode(String(value)));
        else if (!given.includes(name)) continue;
        else if (place === "query")
          // An object's entries are parameters, `metadata.NAME=VALUE`.
          for (const each of [value].flat())
            if (typeof each !== "object" || each === null) query.append(name, String(each));
            else for (const [key, text] of Object.entries(each)) query.append(`${name}.${key}`, String(text));
        // The HTTP client refuses other characters in a header.
        else if (/^[\x20-\x7e]*$/.test(String(value))) headers[name] = String(value);
      }
      if (extra !== undefined) query.append("extra", extra);
      const search = query.size > 0 ? `?${query}` : "";
      return {
        path: path + search,
        init: { method: operation.method, headers, body: sent.body, as: as || undefined },
      };
    });
}

/** Encodes text for a URL. Lone surrogates have no encoding and are replaced. */
const encode = (text: string) => encodeURIComponent(text.toWellFormed()) || "%20";

/** Creates a check of responses against a document, which returns the deviation, if any. */
export function conforming(document: Document) {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addSchema(document, "openapi");
  const checks = new Map<JsonSchema, ReturnType<typeof ajv.compile>>();
  const checkOf = (schema: JsonSchema) => {
    const check =
      checks.get(schema) ?? ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"openapi#/')));
    checks.set(schema, check);
    return check;
  };
  return (operation: Operation, status: number, type: string | null, text: string): string | undefined => {
    const answer = operation.responses[status];
    if (!answer) return `status ${status} is not in the document`;
    const media = (type ?? "").split(";")[0] ?? "";
    if (!answer.content)
      return text === "" ? undefined : `a body where none is documented: ${text.slice(0, 80)}`;
    const content = answer.content[media];
    if (!content?.schema) return `content type ${type} is not in the document for ${status}`;
    const value: unknown = media === "text/html" ? text : JSON.parse(text);
    const check = checkOf(content.schema);
    if (!check(value)) return `${status}: ${ajv.errorsText(check.errors)} in ${text.slice(0, 200)}`;
    // The API's document describes requests too, and their examples contain `null`.
    const flaw = operation.operationId === "getDocument" ? undefined : flawIn(value);
    if (flaw) return `${status}: ${flaw} in ${text.slice(0, 200)}`;
    const code = (value as { code?: string }).code;
    if (status >= 400 && code && !codesOf(operation).includes(code))
      return `the code ${code} is not in the document`;
    return undefined;
  };
}

/** Finds what a schema cannot forbid and generated clients fail on: `null`, and fractions of seconds. */
function flawIn(value: unknown): string | undefined {
  if (value === null) return "a null";
  if (typeof value === "string" && /^\d{4}-\d\d-\d\dT[\d:]+\.\d+(Z|[+-]\d\d:\d\d)$/.test(value))
    return `fractions of seconds (${value})`;
  if (typeof value !== "object") return undefined;
  return Object.values(value).map(flawIn).find(Boolean);
}
