/**
 * Valibot schemas as the JSON Schema of an OpenAPI 3.1 document, kept to what the generators of Swift and Kotlin
 * clients take: no `null` in answers, enumerations that may grow, sizes in 64 bits, no anonymous object in another.
 * Runs when the document is made, never in a function.
 */
import {
  type ConversionConfig,
  type JsonSchema,
  toJsonSchema,
  toJsonSchemaDefs,
} from "@valibot/to-json-schema";
import type * as v from "valibot";

/** Requests say what is accepted, answers what may come: that one may grow. */
export type Mode = "input" | "output";

/** Every schema of these and inside them that has a name (`v.metadata({ ref })`). Throws if two share one. */
export function named(schemas: Iterable<v.GenericSchema>): Map<string, v.GenericSchema> {
  const found = new Map<string, v.GenericSchema>();
  const seen = new Set<unknown>();
  const visit = (node: unknown): void => {
    if (typeof node !== "object" || node === null || seen.has(node)) return;
    seen.add(node);
    const schema = node as Partial<Node>;
    const ref = schema.pipe?.map((action) => action.metadata?.ref).find((name) => name !== undefined);
    if (ref !== undefined) {
      if (found.has(ref)) throw new Error(`Two schemas are called ${ref}.`);
      found.set(ref, node as v.GenericSchema);
    }
    for (const child of [
      schema.pipe,
      schema.entries,
      schema.options,
      schema.item,
      schema.wrapped,
      schema.value,
    ]) {
      if (Array.isArray(child)) child.forEach(visit);
      else if (child === schema.entries) Object.values(child ?? {}).forEach(visit);
      else visit(child);
    }
  };
  for (const schema of schemas) visit(schema);
  return found;
}

type Node = {
  pipe: { metadata?: { ref?: string } }[];
  entries: Record<string, unknown>;
  options: unknown[];
  item: unknown;
  wrapped: unknown;
  value: unknown;
};

/** The named schemas themselves, for `components.schemas`. */
export function components(schemas: Map<string, v.GenericSchema>, mode: Mode): Record<string, JsonSchema> {
  return toJsonSchemaDefs(Object.fromEntries(schemas), config(mode, undefined));
}

/** One schema; named ones are referred to. */
export function inline(
  schema: v.GenericSchema,
  schemas: Map<string, v.GenericSchema>,
  mode: Mode,
): JsonSchema {
  const { $schema, $defs, ...json } = toJsonSchema(schema, config(mode, schemas));
  return json;
}

const config = (mode: Mode, schemas: Map<string, v.GenericSchema> | undefined): ConversionConfig => ({
  target: "draft-2020-12",
  typeMode: "input",
  // What JSON Schema has no word for; the descriptions say it.
  ignoreActions: ["trim", "check", "partial_check", "transform"],
  ...(schemas ? { definitions: Object.fromEntries(schemas) } : {}),
  overrideRef: ({ referenceId }) => `#/components/schemas/${referenceId}`,
  overrideAction: ({ valibotAction, jsonSchema }) => {
    if (valibotAction.type !== "metadata") return undefined;
    // Our own words in metadata: `ref` names a schema, `jsonSchema` stands in for what cannot be derived.
    const {
      ref,
      jsonSchema: given,
      ...rest
    } = jsonSchema as JsonSchema & { ref?: string; jsonSchema?: JsonSchema };
    const { pattern, anyOf, ...plain } = rest;
    return given ? { ...plain, ...given } : rest;
  },
  overrideSchema: ({ valibotSchema, jsonSchema }) => {
    const { enum: values, anyOf, required, propertyNames, default: fallback, ...rest } = jsonSchema;
    if (mode === "output" && valibotSchema.type === "picklist")
      return { anyOf: [{ type: "string", enum: values ?? [] }, { type: "string" }] };
    if (valibotSchema.type === "nullish") return nullable(anyOf, rest);
    if (valibotSchema.type === "record") return rest;
    if (required?.length === 0) return rest;
    if (rest.type === "integer" && typeof fallback === "string")
      return { ...rest, default: Number(fallback) };
    return undefined;
  },
});

/** Only requests take `null`; `anyOf` with null is what generators stumble over. */
function nullable(anyOf: JsonSchema["anyOf"], rest: JsonSchema): JsonSchema {
  const [inner] = anyOf ?? [];
  if (typeof inner !== "object" || typeof inner.type !== "string") {
    throw new Error("Only plain types can be made nullable.");
  }
  return { ...rest, ...inner, type: [inner.type, "null"] };
}
