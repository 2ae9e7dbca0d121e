/** The OpenAPI document as one page of Markdown: the guide, every operation and every schema. */

/** The parts of a JSON Schema that the page shows. */
type Node = {
  $ref?: string;
  type?: string | string[];
  description?: string;
  enum?: unknown[];
  "x-extensible-enum"?: unknown[];
  items?: Node;
  properties?: Record<string, Node>;
  additionalProperties?: boolean | Node;
  required?: string[];
} & Partial<Record<(typeof limits)[number], unknown>>;

type Content = Record<string, { schema: Node; example?: unknown }>;

type Operation = {
  operationId: string;
  summary: string;
  description?: string;
  tags: string[];
  security?: Record<string, string[]>[];
  parameters?: { name: string; in: string; required?: boolean; description?: string; schema: Node }[];
  requestBody?: { content: Content };
  responses: Record<string, { description: string; content?: Content }>;
};

/** The parts of the OpenAPI document that the page shows. */
export type Described = {
  info: { title: string; description: string };
  tags: { name: string; description: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Node> };
};

const limits = [
  "format",
  "minLength",
  "maxLength",
  "minimum",
  "maximum",
  "minItems",
  "maxItems",
  "pattern",
  "default",
] as const;

/** Returns the page. Scalar's anchors in the guide become those of headings. */
export function markdownOf({ info, tags, paths, components }: Described): string {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const parts = [
    `# ${info.title} API`,
    info.description,
    ...tags.flatMap(({ name, description }) => [
      `## ${name}`,
      description,
      ...operations
        .filter(({ operation }) => operation.tags.includes(name))
        .map(({ path, method, operation }) => operationOf(path, method, operation)),
    ]),
    "## Schemas",
    ...Object.entries(components.schemas).map(([name, schema]) => `### ${name}\n\n${fieldsOf(schema)}`),
  ];
  return `${parts.join("\n\n").replaceAll("](#description/", "](#")}\n`;
}

function operationOf(path: string, method: string, operation: Operation): string {
  const { summary, description, operationId, security = [], parameters = [], requestBody } = operation;
  const scopes = security.flatMap((each) => Object.values(each)).flat();
  const bodies = Object.entries(requestBody?.content ?? {});
  const [, { example } = {}] = bodies.find(([, body]) => body.example !== undefined) ?? [];
  const answers = Object.entries(operation.responses).map(([status, response]) => {
    const types = Object.entries(response.content ?? {}).map(
      ([type, { schema }]) => `: ${typeOf(schema)} (\`${type}\`)`,
    );
    return `- **${status}**${types.join(", ")} ${inline(response.description)}`;
  });
  const parts = [
    `### ${method.toUpperCase()} ${path}`,
    `${summary} (\`${operationId}\`). ${scopes.length > 0 ? `Scope: ${scopes.map((scope) => `\`${scope}\``).join(", ")}.` : "No authentication."}`,
    description,
    parameters.length > 0 && "Parameters:",
    parameters
      .map(({ name, in: place, required, schema, description: about }) =>
        item(name, [place, ...(required ? ["required"] : []), typeOf(schema), ...limitsOf(schema)], about),
      )
      .join("\n"),
    bodies.length > 0 &&
      `Body: ${bodies.map(([type, { schema }]) => `${typeOf(schema)} (\`${type}\`)`).join(" or ")}.`,
    example !== undefined && `\`\`\`json\n${JSON.stringify(example, null, 2)}\n\`\`\``,
    "Responses:",
    answers.join("\n"),
  ];
  return parts.filter(Boolean).join("\n\n");
}

function fieldsOf(schema: Node): string {
  const { properties, required = [], description } = schema;
  const fields = Object.entries(properties ?? {}).map(([name, field]) =>
    item(
      name,
      [...(required.includes(name) ? ["required"] : []), typeOf(field), ...limitsOf(field)],
      field.description,
    ),
  );
  const type = properties ? [] : [[typeOf(schema), ...limitsOf(schema)].join(", ")];
  return [description, ...type, fields.join("\n")].filter(Boolean).join("\n\n");
}

const item = (name: string, facts: string[], about: unknown) =>
  `- \`${name}\` (${facts.join(", ")})${about ? `: ${inline(about)}` : ""}`;

const inline = (text: unknown) => String(text).replace(/\s+/g, " ");

/** Returns the type of a schema in words; of a component a link to it. */
function typeOf({ $ref, type, items, additionalProperties }: Node): string {
  if ($ref) {
    const name = $ref.replace("#/components/schemas/", "");
    return `[${name}](#${name.toLowerCase()})`;
  }
  const types = [type ?? "object"].flat().join(" or ");
  if (items) return `${types} of ${typeOf(items)}`;
  return typeof additionalProperties === "object" ? `${types} of ${typeOf(additionalProperties)}` : types;
}

/** Returns the limits of a schema and its values, each in words. */
function limitsOf(schema: Node): string[] {
  const values = schema.enum ?? schema["x-extensible-enum"];
  return [
    ...(values ? [values.map((value) => `\`${value}\``).join(" | ")] : []),
    ...limits.flatMap((name) => (schema[name] === undefined ? [] : [`${name} \`${schema[name]}\``])),
  ];
}
