/** The API's description as a page: everything on it is in the OpenAPI document, and nothing comes from elsewhere. */
import { html } from "hono/html";
import { problems } from "./problem.ts";

/** What the page shows of a JSON Schema. */
type Schema = {
  $ref?: string;
  type?: string | string[];
  format?: string;
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  additionalProperties?: Schema | boolean;
  anyOf?: Schema[];
  enum?: unknown[];
  default?: unknown;
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  maxItems?: number;
};

type Content = Record<string, { schema?: Schema; example?: unknown }>;

type Operation = {
  operationId: string;
  tags: string[];
  summary: string;
  description?: string;
  security: Record<string, string[]>[];
  parameters?: { in: string; name: string; required?: boolean; description?: string; schema: Schema }[];
  requestBody?: { content: Content };
  responses: Record<
    string,
    { description: string; headers?: Record<string, { description: string }>; content?: Content }
  >;
};

/** What the page shows of an OpenAPI document. */
export type Document = {
  info: { title: string; description: string };
  tags: { name: string; description: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
};

type Html = ReturnType<typeof html>;

/** The page's style; its hash is what the content security policy lets through. */
export const style = `
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --accent: light-dark(#0b57d0, #8ab4f8); }
body { margin: 0 auto; max-width: 60rem; padding: 1rem 1.25rem 6rem; font: 16px/1.55 system-ui, sans-serif; }
h1 { margin: 1rem 0 0.5rem; } h2 { margin: 3rem 0 0.5rem; } h3 { margin: 2.5rem 0 0.25rem; } h4 { margin: 1.25rem 0 0.25rem; }
a { color: var(--accent); } code, pre { font: 0.875em/1.5 ui-monospace, monospace; }
pre { background: var(--soft); border: 1px solid var(--line); border-radius: 8px; overflow: auto; padding: 0.75rem; }
nav { columns: 16rem; padding: 0.5rem 0; } nav a { display: block; text-decoration: none; padding: 0.1rem 0; }
.verb { display: inline-block; min-width: 3.5rem; font: 600 0.8em ui-monospace, monospace; }
div.table { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: 0.35rem 0.75rem 0.35rem 0; text-align: left; vertical-align: top; }
th { font-weight: 600; } td:first-child { white-space: nowrap; } td p { margin: 0; } :target { scroll-margin-top: 1rem; background: var(--soft); }
`;

/** The whole page. `origin` is where the API is, for its examples. */
export function page(document: Document, origin: string): Html {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      path,
      method: method.toUpperCase(),
      ...operation,
    })),
  );
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${document.info.title}: the API</title>
<style>${style}</style>
</head>
<body>
<h1>${document.info.title}</h1>
${prose(document.info.description)}
<p>For generators: <a href="/openapi.json">openapi.json</a> (OpenAPI 3.1). Whoever calls sends <code>Authorization: Bearer</code> with a token or an API key.</p>
<h2 id="start">From a file to a picture</h2>
${start(origin)}
<h2>Contents</h2>
<nav>${operations.map(({ operationId, method, path }) => html`<a href="#${operationId}"><span class="verb">${method}</span> ${path}</a>`)}
<a href="#schemas">Shapes</a><a href="#codes">Error codes</a></nav>
${document.tags.map(
  ({ name, description }) => html`<h2>${name}</h2>${prose(description)}
${operations.filter(({ tags }) => tags.includes(name)).map(section)}`,
)}
<h2 id="schemas">Shapes</h2>
${Object.entries(document.components.schemas).map(
  ([name, schema]) => html`<h3 id="shape-${name}">${name}</h3>${prose(schema.description)}${fields(schema)}`,
)}
<h2 id="codes">Error codes</h2>
<p>Errors are <a href="#shape-Problem">problems</a> of type <code>application/problem+json</code>.</p>
${table(
  ["code", "status", "what it means"],
  Object.entries(problems).map(([code, { status, title }]) => [
    html`<code id="${code}">${code}</code>`,
    status,
    title,
  ]),
)}
</body>
</html>`;
}

function start(origin: string): Html {
  return html`<p>Announce the file; the answer holds the pending image and where to send the bytes.</p>
<pre>curl -X POST ${origin}/images -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\
  -d '{ "filename": "photo.jpg", "contentType": "image/jpeg", "bytes": 3481190 }'</pre>
<p>Send the bytes to <code>upload.url</code>, with <code>upload.headers</code> just as they are, and without the token.</p>
<pre>curl -T photo.jpg "$UPLOAD_URL" -H "Content-Type: image/jpeg" -H "If-None-Match: *"</pre>
<p>Wait until it is <code>ready</code>, <code>rejected</code> or <code>failed</code>; ask again while it is neither. Then show <code>variants.small.url</code>, and until it is loaded, <code>placeholder.thumbhash</code>.</p>
<pre>curl "${origin}/images/$ID?wait=20" -H "Authorization: Bearer $TOKEN"</pre>`;
}

function section({
  operationId,
  method,
  path,
  summary,
  description,
  security,
  parameters,
  requestBody,
  responses,
}: Operation & { path: string; method: string }): Html {
  const scope = security.flatMap((each) => Object.values(each).flat())[0];
  return html`<h3 id="${operationId}"><span class="verb">${method}</span> <code>${path}</code></h3>
<p>${summary}. <small>${scope ? html`Scope <code>${scope}</code>.` : "For everybody."} <code>${operationId}</code></small></p>
${prose(description)}
${
  parameters
    ? html`<h4>Parameters</h4>${table(
        ["name", "in", "type", ""],
        parameters.map(({ name, in: place, required, schema, description }) => [
          html`<code>${name}</code>`,
          place,
          typeOf(schema),
          html`${required ? "Required. " : ""}${inlineProse(description)}`,
        ]),
      )}`
    : ""
}
${requestBody ? html`<h4>Body</h4>${content(requestBody.content)}` : ""}
<h4>Answers</h4>
${table(
  ["status", "", "headers"],
  Object.entries(responses).map(([status, { description, headers, content }]) => [
    status,
    html`${prose(description)}${Object.values(content ?? {}).map(({ schema }) => (schema ? typeOf(schema) : ""))}`,
    Object.entries(headers ?? {}).map(
      ([name, { description }]) => html`<p><code>${name}</code> ${inlineProse(description)}</p>`,
    ),
  ]),
)}
${exampleOf(responses)}`;
}

/** The example of what was made, where something is made; otherwise of what there is. */
function exampleOf(responses: Operation["responses"]): Html[] {
  const { content = {} } = responses["201"] ?? responses["200"] ?? {};
  return Object.values(content).map(example);
}

const content = (types: Content): Html[] =>
  Object.values(types).map((type) => html`<p>${type.schema ? typeOf(type.schema) : ""}</p>${example(type)}`);

const example = ({ example }: { example?: unknown }): Html =>
  example === undefined ? html`` : html`<pre>${JSON.stringify(example, null, 2)}</pre>`;

function fields({ properties = {}, required = [] }: Schema): Html {
  return table(
    ["field", "type", ""],
    Object.entries(properties).map(([name, schema]) => [
      html`<code>${name}</code>${required.includes(name) ? "" : " ?"}`,
      typeOf(schema),
      inlineProse(schema.description),
    ]),
  );
}

/** A type in words, with its bounds; named shapes as links. */
function typeOf(schema: Schema): Html {
  const { $ref, type, format, items, additionalProperties, anyOf, enum: values } = schema;
  if ($ref) {
    const name = $ref.slice($ref.lastIndexOf("/") + 1);
    return html`<a href="#shape-${name}">${name}</a>`;
  }
  if (anyOf?.[0]) return typeOf(anyOf[0]);
  if (values)
    return html`${values.map((value, i) => html`${i > 0 ? " · " : ""}<code>${String(value)}</code>`)}`;
  if (items) return html`list of ${typeOf(items)}${bounds(schema)}`;
  if (typeof additionalProperties === "object") return html`names with ${typeOf(additionalProperties)}`;
  return html`${[type ?? "any"].flat().join(" or ")}${format ? ` (${format})` : ""}${bounds(schema)}`;
}

function bounds({ minimum, maximum, maxLength, maxItems, default: fallback }: Schema): string {
  const most = maximum ?? maxLength ?? maxItems;
  const parts = [
    minimum !== undefined && most !== undefined
      ? `${minimum}–${most}`
      : most !== undefined
        ? `at most ${most}`
        : "",
    fallback !== undefined ? `default ${String(fallback)}` : "",
  ].filter(Boolean);
  return parts.length > 0 ? `, ${parts.join(", ")}` : "";
}

const table = (heads: string[], rows: unknown[][]): Html =>
  html`<div class="table"><table><thead><tr>${heads.map((head) => html`<th>${head}</th>`)}</tr></thead><tbody>${rows.map(
    (row) => html`<tr>${row.map((cell) => html`<td>${cell}</td>`)}</tr>`,
  )}</tbody></table></div>`;

/** Paragraphs, with what stands between backticks as code. */
const prose = (text: string | undefined): Html[] =>
  (text ?? "")
    .split("\n\n")
    .filter(Boolean)
    .map((paragraph) => html`<p>${inlineProse(paragraph)}</p>`);

const inlineProse = (text = ""): unknown[] =>
  text.split("`").map((part, i) => (i % 2 === 1 ? html`<code>${part}</code>` : part));
