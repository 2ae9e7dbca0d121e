/** The API's description as a page: everything on it is in the OpenAPI document, and nothing comes from elsewhere. */
import type { Code as Rejection } from "@image-pipeline/core/engine/rejection";
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
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --accent: light-dark(#0b57d0, #8ab4f8); --dim: light-dark(#555, #aaa); scroll-padding-top: 1rem; }
body { margin: 0 auto; max-width: 60rem; padding: 1rem 1.25rem 6rem; font: 16px/1.55 system-ui, sans-serif; }
h1 { margin: 1rem 0 0.5rem; } h2 { margin: 3rem 0 0.5rem; padding-top: 1rem; border-top: 1px solid var(--line); } h3 { margin: 2.5rem 0 0.25rem; } h4 { margin: 1.25rem 0 0.25rem; }
a { color: var(--accent); } code, pre { font: 0.875em/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
pre { background: var(--soft); border: 1px solid var(--line); border-radius: 8px; overflow: auto; padding: 0.75rem; overflow-wrap: normal; }
summary { cursor: pointer; color: var(--accent); margin: 0.5rem 0; } small, .path { color: var(--dim); } .path { margin: 0; }
nav { font-size: 0.9rem; } nav b { display: block; margin: 0.75rem 0 0.1rem; } nav a { display: block; text-decoration: none; padding: 0.1rem 0; overflow-wrap: anywhere; }
.verb { display: inline-block; min-width: 3.7rem; font: 600 0.8em ui-monospace, monospace; color: var(--dim); }
table { border-collapse: collapse; width: 100%; } th, td { border-bottom: 1px solid var(--line); padding: 0.35rem 0.75rem 0.35rem 0; text-align: left; vertical-align: top; }
th { font-weight: 600; } td:first-child { white-space: nowrap; } td p { margin: 0; } :target { background: var(--soft); }
@media (min-width: 72rem) {
  body { max-width: 76rem; display: grid; grid-template-columns: 15rem minmax(0, 1fr); column-gap: 3rem; }
  nav { position: sticky; top: 0; align-self: start; max-height: 100vh; overflow: auto; padding: 1rem 0; box-sizing: border-box; }
}
@media (max-width: 40rem) {
  thead { display: none; } tr { display: flex; flex-wrap: wrap; gap: 0 0.75rem; padding: 0.5rem 0; border-bottom: 1px solid var(--line); }
  td, td:first-child { border: 0; padding: 0; white-space: normal; } td:empty { display: none; } td:nth-child(n + 3):last-child { flex-basis: 100%; }
}
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
<nav aria-label="Contents">
<b>Begin</b><a href="#start">From a file to a picture</a><a href="#parts">Large files, in parts</a><a href="#sure">Trying again, and changing</a>
${document.tags.map(
  ({ name }) =>
    html`<b>${name}</b>${operations
      .filter(({ tags }) => tags.includes(name))
      .map(
        ({ operationId, method, path }) =>
          html`<a href="#${operationId}"><span class="verb">${method}</span>${path}</a>`,
      )}`,
)}
<b>Reference</b><a href="#schemas">Shapes</a><a href="#refusals">Why a file is refused</a><a href="#codes">Error codes</a>
</nav>
<main>
<h1>${document.info.title}</h1>
${prose(document.info.description)}
<p>For generators: <a href="/openapi.json">openapi.json</a> (OpenAPI 3.1). Whoever calls sends <code>Authorization: Bearer</code> with a token or an API key.</p>
${start(origin)}
${document.tags.map(
  ({ name, description }) => html`<h2>${name}</h2>${prose(description)}
${operations.filter(({ tags }) => tags.includes(name)).map(section)}`,
)}
<h2 id="schemas">Shapes</h2>
${Object.entries(document.components.schemas).map(
  ([name, schema]) => html`<h3 id="shape-${name}">${name}</h3>${prose(schema.description)}${fields(schema)}`,
)}
<h2 id="refusals">Why a file is refused</h2>
<p>The <code>error.code</code> of an image that is <code>rejected</code> (the file is at fault, for good) or <code>failed</code> (we are). Limits are each stage's own; <code>error.message</code> says them. More codes may come.</p>
${table(
  ["code", "what it means"],
  Object.entries(refusals).map(([code, meaning]) => [
    html`<code id="refusal-${code}">${code}</code>`,
    meaning,
  ]),
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
</main>
</body>
</html>`;
}

/** What each code of a refused or failed image means. A new one without its words does not compile. */
const refusals: Record<Rejection | "processing_failed", string> = {
  empty_file: "The file has no bytes.",
  too_many_bytes: "The file is larger than is taken.",
  unsupported_format: "The bytes are of no format that is taken, whatever the name and the type say.",
  unsupported_codec: "The format is taken, the compression inside is not.",
  too_many_pixels: "Width times height is more than is taken.",
  side_too_long: "One side is longer than is taken.",
  too_many_frames: "The animation has more frames than are taken.",
  too_many_scans: "The JPEG has more scans than are accepted.",
  too_much_metadata: "The EXIF data is larger than is accepted.",
  corrupt_image: "The file is damaged or cut off.",
  too_slow: "The picture took too long to decode.",
  too_much_memory: "The image needed too much memory.",
  processing_failed: "Something went wrong on our side. It is tried again later, and at once by a reprocess.",
};

/** The guide: everything between a file and its picture, in the order in which an app needs it. */
function start(origin: string): Html {
  return html`<h2 id="start">From a file to a picture</h2>
<p><b>1. Announce</b> the file: its name, its type and its exact size. The answer is the <code>pending</code> image with <code>upload</code>, the one request that sends its bytes. With <code>sha256</code> the store checks what arrives; and if you have these very bytes already, the answer is 200 with that image and no <code>upload</code>: you are done.</p>
<pre>curl -X POST ${origin}/images \\
  -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\
  -d '{ "filename": "photo.jpg", "contentType": "image/jpeg", "bytes": 3481190 }'</pre>
<p><b>2. Send</b> the bytes to <code>upload.url</code>, with <code>upload.headers</code> just as they are, and without the token.</p>
<pre>curl -T photo.jpg "$UPLOAD_URL" -H "Content-Type: image/jpeg" -H "If-None-Match: *"</pre>
<p>The store answers, with XML: 200, the bytes are there. <b>412: they were there already</b>, an earlier try arrived; go on. 403: another size, type or header than was announced, or <code>upload.expiresAt</code> is over; announce anew. 400: the bytes are not those of <code>sha256</code>. 5xx or nothing: send it again.</p>
<p>Announced with <code>"method": "POST"</code>, the bytes go as a form instead: every one of <code>upload.fields</code>, and the file last. The answer is 204.</p>
<pre>curl "$UPLOAD_URL" -F "key=$KEY" -F "Content-Type=image/jpeg" -F … -F "file=@photo.jpg"</pre>
<p><b>3. Wait</b> until the image is <code>ready</code>, <code>rejected</code> or <code>failed</code>. The answer comes then, or after 20 seconds as it is; ask again while it is none of the three. An app that was closed meanwhile looks up to 100 images up at once with <code>GET /images?id=…&amp;id=…</code>. Nothing else tells of it.</p>
<pre>curl "${origin}/images/$ID?wait=20" -H "Authorization: Bearer $TOKEN"</pre>
<p><b>4. Show</b> <code>variants.small.url</code>, or whichever is as wide as you need; it may be cached for ever. Until it is loaded, show <code>placeholder.thumbhash</code> or <code>placeholder.color</code>. Of a rejected image, say <a href="#refusals">why</a>.</p>
<h3 id="parts">Large files, in parts</h3>
<p>A file that is sent in parts loses one part with its connection, and goes on where it was. Announce it as above, leave <code>upload</code> alone, and have each of these requests to the store signed by <a href="#signUpload"><code>POST /uploads/sign</code></a>, with the image's <code>source.key</code> as <code>key</code>; then make it with the <code>url</code> and <code>headers</code> of the answer.</p>
${table(
  ["to be signed", "what it does"],
  [
    [html`<code>{ "method": "POST", key }</code>`, "Begins. The answer's XML holds the UploadId."],
    [
      html`<code>{ "method": "PUT", key, uploadId, partNumber, bytes }</code>`,
      "Sends one part: from 1 on, each of at least 5 MiB but the last.",
    ],
    [
      html`<code>{ "method": "GET", key, uploadId }</code>`,
      "Lists the parts that have arrived, to go on after a break.",
    ],
    [
      html`<code>{ "method": "POST", key, uploadId }</code>`,
      html`Ends. The body lists the parts: <code>&lt;CompleteMultipartUpload&gt;&lt;Part&gt;&lt;PartNumber&gt;1&lt;/PartNumber&gt;&lt;ETag&gt;…&lt;/ETag&gt;&lt;/Part&gt;…</code>`,
    ],
    [html`<code>{ "method": "DELETE", key, uploadId }</code>`, "Gives it up."],
  ],
)}
<h3 id="sure">Trying again, and changing</h3>
<p>A POST whose answer did not come is sent again under the same <code>Idempotency-Key</code>: it is carried out once, and answered alike for a day. The same key with another body is 422.</p>
<p>Every image has an <code>ETag</code>. With it in <code>If-None-Match</code>, a look-up of an image that has not changed is 304, without a body; with it in <code>If-Match</code>, a change is made only if nobody else made one since: otherwise 412.</p>`;
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
  return html`<h3 id="${operationId}">${summary}</h3>
<p class="path"><span class="verb">${method}</span><code>${path}</code> <small>· <code>${operationId}</code> · ${scope ? html`scope <code>${scope}</code>` : "for everybody"}</small></p>
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
  example === undefined
    ? html``
    : html`<details><summary>Example</summary><pre>${JSON.stringify(example, null, 2)}</pre></details>`;

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
  html`<table><thead><tr>${heads.map((head) => html`<th>${head}</th>`)}</tr></thead><tbody>${rows.map(
    (row) => html`<tr>${row.map((cell) => html`<td>${cell}</td>`)}</tr>`,
  )}</tbody></table>`;

/** Paragraphs, with what stands between backticks as code. */
const prose = (text: string | undefined): Html[] =>
  (text ?? "")
    .split("\n\n")
    .filter(Boolean)
    .map((paragraph) => html`<p>${inlineProse(paragraph)}</p>`);

const inlineProse = (text = ""): unknown[] =>
  text.split("`").map((part, i) => (i % 2 === 1 ? html`<code>${part}</code>` : part));
