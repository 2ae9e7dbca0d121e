/** The API's description: as a document for generators, and as a page for people. Both come from here alone. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Hono } from "hono";
import { Resource } from "sst";
import * as v from "valibot";
import { type Document, page, style } from "./docs-page.ts";
import { route } from "./route.ts";

/** The page may show its own style and load nothing, so that it works wherever the API does. */
const policy = `default-src 'none'; style-src 'sha256-${createHash("sha256").update(style).digest("base64")}'; frame-ancestors 'none'`;

const Described = v.pipe(v.looseObject({ openapi: v.string() }), v.metadata({ ref: "Document" }));

let document: Document | undefined;

/** Read when somebody first asks, because most instances are never asked. */
function load(): Document {
  // Written by `openapi.ts`, whose test compares the two.
  document ??= JSON.parse(readFileSync(find("openapi.json"), "utf8")) as Document;
  return document;
}

/** The nearest file of this name, from here upwards: in this package, and deployed where `infra/api.ts` puts it. */
function find(name: string): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, name)) && folder !== dirname(folder)) folder = dirname(folder);
  return join(folder, name);
}

export const docs = new Hono()
  .get(
    "/openapi.json",
    route({
      operationId: "getDocument",
      tag: "Service",
      summary: "This API as an OpenAPI 3.1 document",
      scope: "open",
      answers: { 200: { description: "The document.", schema: Described, example: { openapi: "3.1.0" } } },
      errors: [],
    }),
    (c) => c.body(JSON.stringify(load()), 200, { "content-type": "application/json" }),
  )
  .get(
    "/docs",
    route({
      operationId: "getDocs",
      tag: "Service",
      summary: "This API as a page",
      scope: "open",
      answers: { 200: { description: "The page.", schema: v.string(), contentType: "text/html" } },
      errors: [],
    }),
    (c) => c.html(page(load(), Resource.Router.url), 200, { "content-security-policy": policy }),
  );
