/** The routes about the API itself: health, OpenAPI document, API reference and the documentation as Markdown. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { VisibleError } from "@image-pipeline/core/error";
import { type Context, Hono } from "hono";
import * as v from "valibot";
import type { AppSettings, Env } from "./auth.ts";
import type { Documents } from "./documents.ts";
import { matches } from "./etag.ts";
import { page, policy, scriptFiles, scriptOf } from "./reference.ts";
import { route } from "./route.ts";

export const Health = v.pipe(
  v.object({
    status: v.pipe(v.picklist(["ok"]), v.description("Always `ok`.")),
    trashDays: v.pipe(
      v.number(),
      v.integer(),
      v.minValue(0),
      v.metadata({ format: "int32" }),
      v.description(
        "Days for which a deleted image can be restored from the trash; 0: the stage has no trash, and deletes images at once.",
      ),
    ),
  }),
  v.metadata({ ref: "Health" }),
);

const Document = v.pipe(v.looseObject({ openapi: v.string() }), v.metadata({ ref: "Document" }));

/** Reads the nearest of these files in this folder or above: next to a deployed bundle, or in the repository. */
function read(...names: string[]): string {
  let folder = import.meta.dirname;
  for (;;) {
    const name = names.find((name) => existsSync(join(folder, name)));
    if (name) return readFileSync(join(folder, name), "utf8");
    if (folder === dirname(folder)) throw new Error(`${names[0]} is missing next to the bundle.`);
    folder = dirname(folder);
  }
}

/** Read on the first request for them: most instances get none. */
let document: string | undefined;
let script: Uint8Array<ArrayBuffer> | undefined;
let documents: Documents | undefined;

/** Returns the Markdown at a URL path, with the stage's origin in its links. Throws `route_not_found`. */
function markdownAt(path: string, { url, documents: make }: AppSettings): string {
  documents ??= make ? make() : (JSON.parse(read("documents.json")) as Documents);
  const text = documents[path];
  if (text === undefined)
    throw new VisibleError(
      "route_not_found",
      `There is no document at \`${path}\`. \`/llms.txt\` lists them.`,
    );
  return text.replaceAll("](/", `](${url}/`);
}

function answerMarkdown(c: Context<Env>): Response {
  const text = markdownAt(c.req.path, c.var.settings);
  // Weak, because it stays the same when the response is compressed.
  const etag = `W/"${createHash("sha256").update(text).digest("base64url")}"`;
  c.header("etag", etag);
  c.header("cache-control", "public, max-age=3600");
  if (matches(c.req.header("if-none-match"), etag)) return c.body(null, 304);
  c.header("content-type", "text/markdown; charset=utf-8");
  return c.body(text, 200);
}

export const service = new Hono<Env>()
  .get(
    "/health",
    route({
      operationId: "getHealth",
      tag: "Service",
      summary: "Check that the API responds, and whether it has a trash",
      scope: "open",
      responses: {
        200: { description: "The API responds.", schema: Health, example: { status: "ok", trashDays: 7 } },
      },
      errors: [],
    }),
    // Reads neither the table nor the buckets, because anyone may call it at any rate.
    (c) => c.json({ status: "ok" as const, trashDays: c.var.settings.trashDays }, 200),
  )
  .get(
    "/openapi.json",
    route({
      operationId: "getDocument",
      tag: "Service",
      summary: "Get this API as an OpenAPI 3.1 document",
      scope: "open",
      responses: {
        200: { description: "The OpenAPI document.", schema: Document, example: { openapi: "3.1.0" } },
      },
      errors: [],
    }),
    (c) => {
      document ??= JSON.stringify(JSON.parse(read("openapi.json")));
      return c.body(document, 200, { "content-type": "application/json" });
    },
  )
  .get(
    "/docs",
    route({
      operationId: "getDocs",
      tag: "Service",
      summary: "Get this API as a web page",
      scope: "open",
      responses: { 200: { description: "The API reference.", schema: v.string(), contentType: "text/html" } },
      errors: [],
    }),
    (c) => {
      // Not as headers of `c.html`: after the CORS middleware, Hono prefers those that were set before.
      c.header("content-security-policy", policy);
      return c.html(page, 200);
    },
  )
  .get(
    "/docs/reference.js",
    route({
      operationId: "getDocsScript",
      tag: "Service",
      summary: "Get the script of the web page",
      scope: "open",
      responses: {},
      errors: [],
      isHidden: true,
    }),
    (c) => {
      script ??= scriptOf(read(...scriptFiles));
      c.header("cache-control", "public, max-age=3600");
      return c.body(script, 200, {
        "content-type": "text/javascript; charset=utf-8",
        "content-encoding": "gzip",
      });
    },
  )
  .get(
    "/llms.txt",
    route({
      operationId: "getDocumentIndex",
      tag: "Service",
      summary: "Get the index of the documentation, for coding agents",
      scope: "open",
      responses: {},
      errors: [],
      isHidden: true,
    }),
    answerMarkdown,
  )
  .get(
    "/docs/:name{[a-z-]+\\.md}",
    route({
      operationId: "getDocumentPage",
      tag: "Service",
      summary: "Get a page of the documentation as Markdown",
      scope: "open",
      responses: {},
      errors: ["route_not_found"],
      isHidden: true,
    }),
    answerMarkdown,
  );
