import { execFile } from "node:child_process";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { codes } from "@image-pipeline/core/engine/rejection";
import { visibleStatuses } from "@image-pipeline/core/table/image-entity";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import openapiTS, { astToString } from "openapi-typescript";
import ts from "typescript";
import { describe, expect, test } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { createApp } from "./app.ts";
import { settings } from "./fixture.ts";
import { documentOf } from "./openapi.ts";
import { problems } from "./problem.ts";

const app = createApp(settings);
const document = await documentOf(app, manifest.version);
const here = fileURLToPath(new URL("../../", import.meta.url));

test("the committed document is what the routes declare: `npm run openapi` writes it", async () => {
  await expect(`${JSON.stringify(document, null, 2)}\n`).toMatchFileSnapshot("../../openapi.json");
});

/** Every object of the document with the path that leads to it. */
function* nodes(
  value: unknown,
  path: string[] = [],
): Generator<{ node: Record<string, unknown>; path: string[] }> {
  if (typeof value !== "object" || value === null) return;
  if (!Array.isArray(value)) yield { node: value as Record<string, unknown>, path };
  for (const [name, child] of Object.entries(value)) {
    // Examples are data, not description.
    if (name !== "example") yield* nodes(child, [...path, name]);
  }
}

const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ method, path, ...(operation as Operation) })),
);
type Operation = {
  operationId: string;
  summary: string;
  tags: string[];
  security: object[];
  parameters?: { schema: object }[];
  requestBody?: { content: Record<string, { schema: object; example?: unknown }> };
  responses: Record<string, { content?: Record<string, { schema?: object; example?: unknown }> }>;
};

/** Schemas of request bodies and parameters only, which may therefore be strict and accept `null`. */
const requests = new Set([
  ...[
    "ImageInput",
    "ImageForm",
    "ImportSource",
    "Changes",
    "SigningRequest",
    "WebhookInput",
    "WebhookChanges",
  ],
  ...["FocusInput", "FocusChange", "RegionInput", "ImageStatus", "ImageFormat"],
  ...["Batch", "BatchOperation"],
]);

describe("the document has nothing that client generators misread", () => {
  const answers = Object.fromEntries(
    Object.entries(document.components.schemas).filter(([name]) => !requests.has(name)),
  );
  const faults = (schemas: object, isFault: (node: Record<string, unknown>, path: string[]) => boolean) =>
    [...nodes(schemas)].filter(({ node, path }) => isFault(node, path)).map(({ path }) => path.join("/"));
  test("no response contains `null`", () => {
    expect(faults(answers, ({ type }) => [type].flat().includes("null"))).toEqual([]);
  });

  test("every number has its precision: without one, Go reads 32 bits, and Kotlin a type that it cannot decode", () => {
    const numbers = [...nodes(document)].filter(({ node }) => node.type === "number");
    expect(numbers.length).toBeGreaterThan(10);
    expect(numbers.filter(({ node }) => node.format !== "double").map(({ path }) => path.join("/"))).toEqual(
      [],
    );
  });

  test("no union: `anyOf` and `oneOf` become empty classes in Kotlin, Swift and Dart", () => {
    const unions = ["anyOf", "oneOf", "allOf", "not", "discriminator"];
    expect(faults(document, (node) => unions.some((word) => word in node))).toEqual([]);
  });

  test("an enumeration of a response is a string that names its current values", () => {
    expect(faults(answers, (node) => "enum" in node)).toEqual([]);
    const growing = [...nodes(answers)].filter(({ node }) => "x-extensible-enum" in node);
    expect(growing.map(({ path }) => path.join("/")).sort()).toEqual([
      "Change/properties/op",
      "CreatedImage/properties/status",
      "CreatedImage/properties/visibility",
      "Delivery/properties/status",
      "Event/properties/type",
      "Health/properties/status",
      "Image/properties/status",
      "Image/properties/visibility",
      "Problem/properties/code",
      "Upload/properties/method",
      "Webhook/properties/disabledReason",
      "WebhookWithSecret/properties/disabledReason",
    ]);
    for (const { node } of growing) {
      expect(node.type).toBe("string");
      expect(node["x-extensible-enum"]).toEqual(expect.arrayContaining([expect.any(String)]));
    }
  });

  test("parameters of several operations share the named schema of their enumeration", () => {
    const parameters = operations.flatMap(({ parameters = [] }) => parameters);
    const named = Map.groupBy(parameters, ({ schema }) => JSON.stringify(schema));
    const repeated = [...named.keys()].filter(
      (schema) => /"enum"/.test(schema) && (named.get(schema) ?? []).length > 1,
    );
    expect(repeated).toEqual([]);
    expect(document.components.schemas.ImageStatus).toEqual({ type: "string", enum: [...visibleStatuses] });
  });

  test("every success of an operation has one schema: generated clients have the type of the first", () => {
    const differing = operations.filter(({ responses }) => {
      const schemas = Object.entries(responses)
        .filter(([status]) => status < "300")
        .map(([, { content = {} }]) => JSON.stringify(Object.values(content).map(({ schema }) => schema)));
      return new Set(schemas).size > 1;
    });
    expect(differing.map(({ operationId }) => operationId)).toEqual([]);
  });

  test("no schema is named like the constructor that Go clients have for another: `NewImage` for `Image`", () => {
    const names = Object.keys(document.components.schemas);
    expect(names.filter((name) => names.some((other) => name.startsWith(`New${other}`)))).toEqual([]);
  });

  test("operations without authentication declare no security, and all others a bearer", () => {
    const open = operations.filter(({ responses }) => !("401" in responses));
    expect(open.map(({ operationId }) => operationId)).toEqual(["getHealth", "getDocument", "getDocs"]);
    for (const { operationId, security } of operations) {
      const isOpen = open.some((operation) => operation.operationId === operationId);
      expect([operationId, security]).toEqual([
        operationId,
        isOpen ? [] : [{ bearer: [expect.any(String)] }],
      ]);
    }
    expect(document).not.toHaveProperty("security");
  });

  test("no response is closed to new fields", () => {
    expect(faults(answers, ({ additionalProperties }) => additionalProperties === false)).toEqual([]);
  });

  test("every integer has a format, and sizes in bytes have int64", () => {
    expect(
      faults(document, ({ type, format }) => type === "integer" && format !== "int32" && format !== "int64"),
    ).toEqual([]);
    const small = ({ format }: Record<string, unknown>, path: string[]) =>
      /bytes/i.test(path.at(-1) ?? "") && format === "int32";
    expect(faults(document, small)).toEqual([]);
  });

  test("every time in a response is a date-time, with whole seconds in every example", () => {
    const times = [...nodes(answers)].flatMap(({ node, path }) =>
      path.at(-1) === "properties" ? Object.entries(node) : [],
    );
    const untyped = times.filter(
      ([name, schema]) =>
        /^at$|[a-z]At$/.test(name) &&
        // The time of a camera's clock, which may have no UTC offset.
        name !== "takenAt" &&
        (schema as { format?: string }).format !== "date-time",
    );
    expect(untyped).toEqual([]);
    expect(JSON.stringify(document).match(/"\d{4}-\d\d-\d\dT[^"]*\.\d[^"]*"/g)).toBeNull();
  });

  test("every nested object is a named schema", () => {
    const nested = ({ properties }: Record<string, unknown>, path: string[]) =>
      properties !== undefined && path.length > 1;
    expect(faults(document.components.schemas, nested)).toEqual([]);
    const anonymous = ({ properties }: Record<string, unknown>) => properties !== undefined;
    expect(faults(document.paths, anonymous)).toEqual([]);
  });

  test("a schema has only keywords of JSON Schema and `x-extensible-enum`", () => {
    const words = new Set([
      "$ref",
      "type",
      "format",
      "description",
      "properties",
      "required",
      "items",
      "additionalProperties",
      "enum",
      "x-extensible-enum",
      "default",
      "minimum",
      "maximum",
      "minLength",
      "maxLength",
      "minItems",
      "maxItems",
      "pattern",
    ]);
    const foreign = (node: Record<string, unknown>, path: string[]) =>
      path.length > 0 && path.at(-1) !== "properties" && Object.keys(node).some((word) => !words.has(word));
    expect(faults(document.components.schemas, foreign)).toEqual([]);
  });

  test("operation ids are unique, in lower camel case, begin with a verb, and stay", () => {
    const names = operations.map(({ operationId }) => operationId);
    expect(new Set(names).size).toBe(names.length);
    expect(
      // Clients are generated from these names: removing one breaks them.
      [
        "createImage",
        "listImages",
        "getImage",
        "updateImage",
        "deleteImage",
        "reprocessImage",
        "restoreImage",
        "getOriginal",
        "listImageEvents",
        "signUpload",
        "createWebhook",
        "listWebhooks",
        "getWebhook",
        "updateWebhook",
        "deleteWebhook",
        "rotateWebhookSecret",
        "testWebhook",
        "listWebhookDeliveries",
        "retryWebhookDelivery",
        "getStats",
        "getHealth",
        "getDocument",
        "getDocs",
      ].filter((name) => !names.includes(name)),
    ).toEqual([]);
    expect(
      names.filter(
        (name) =>
          !/^(create|list|count|get|update|delete|restore|reprocess|sign|rotate|test|retry)[A-Z][A-Za-z]+$/.test(
            name,
          ),
      ),
    ).toEqual([]);
  });
});

describe("examples", () => {
  const ajv = new Ajv2020({ strict: false });
  addFormats.default(ajv);
  ajv.addSchema(document, "openapi");
  const examples = operations.flatMap(({ operationId, requestBody, responses }) => {
    const contents = [requestBody, ...Object.values(responses)].flatMap((part) =>
      Object.values(part?.content ?? {}),
    );
    return contents.flatMap(({ schema, example }) =>
      schema && example ? [{ operationId, schema, example }] : [],
    );
  });

  test.each(examples)("match their schema: $operationId", ({ schema, example }) => {
    const absolute = JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"openapi#/'));
    const check = ajv.compile(absolute);
    expect(check(example), ajv.errorsText(check.errors)).toBe(true);
  });

  test("exist for every request body and every JSON response", () => {
    const without = operations.filter(({ requestBody, responses }) => {
      const ok = Object.entries(responses).filter(([status]) => status < "300");
      const contents = [requestBody, ...ok.map(([, answer]) => answer)].flatMap((part) =>
        Object.entries(part?.content ?? {}),
      );
      return contents.some(
        ([type, { schema, example }]) => type === "application/json" && schema && !example,
      );
    });
    expect(without.map(({ operationId }) => operationId)).toEqual([]);
  });
});

test("Redocly reports no error and no warning", async () => {
  const cli = fileURLToPath(import.meta.resolve("@redocly/cli/bin/cli.js"));
  const args = [cli, "lint", "openapi.json", "--config", "redocly.yaml", "--format", "json"];
  const env = { ...process.env, REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" };
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: here, env });
  expect(JSON.parse(stdout)).toMatchObject({ totals: { errors: 0, warnings: 0, ignored: 0 } });
}, 60_000);

test("openapi-typescript generates types that compile, with the fields that apps need", async () => {
  const types = astToString(await openapiTS(JSON.stringify(document)));
  const use = `
    import type { components, operations } from "./schema.ts";
    declare const image: components["schemas"]["Image"];
    export const url: string | undefined = image.variants?.thumbnail?.url;
    export const status: string = image.status;
    export const query: operations["listImages"]["parameters"]["query"] = { limit: 5, order: "asc" };
    export const body: operations["createImage"]["requestBody"]["content"]["application/json"] = { filename: "a", contentType: "image/png", bytes: 1 };
    // @ts-expect-error: there is no such field.
    export const none = image.nothing;
  `;
  const folder = await mkdtemp(join(tmpdir(), "image-types-"));
  await writeFile(join(folder, "schema.ts"), types);
  await writeFile(join(folder, "use.ts"), use);
  const program = ts.createProgram([join(folder, "use.ts")], {
    strict: true,
    noEmit: true,
    allowImportingTsExtensions: true,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2023,
    types: [],
  });
  const faults = ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
  expect(faults).toEqual([]);
}, 60_000);

describe("served", () => {
  test("the document is the committed one", async () => {
    const response = await app.request("/openapi.json");
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(await response.json()).toEqual(JSON.parse(await readFile(join(here, "openapi.json"), "utf8")));
  });

  test("the guide explains every code of an error and of a rejected image", () => {
    for (const code of [...codes, ...Object.keys(problems)])
      expect(document.info.description).toContain(`| \`${code}\` |`);
  });

  test("the page loads its script from its own origin, and its policy allows no other", async () => {
    const response = await app.request("/docs");
    const page = await response.text();
    expect([...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url)).toEqual([
      "data:,",
      "/docs/api.md",
      "/",
      "/docs/reference.js",
    ]);
    const policy = response.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("script-src 'self';");
    expect(policy).not.toMatch(/https?:|\*|unsafe-eval/);
  });

  test("the script is Scalar with its start, small enough for a Lambda response of 6 MB in base64", async () => {
    const response = await app.request("/docs/reference.js");
    expect(response.headers.get("content-encoding")).toBe("gzip");
    const bytes = Buffer.from(await response.arrayBuffer());
    expect((bytes.length * 4) / 3).toBeLessThan(6_000_000);
    const script = gunzipSync(bytes).toString();
    expect(script).toContain('Scalar.createApiReference("#reference"');
    expect(script).toContain('"withDefaultFonts":false');
  });
});
