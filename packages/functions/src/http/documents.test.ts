import { readdirSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { createApp } from "./app.ts";
import { type Documents, documentsOf } from "./documents.ts";
import { settings } from "./fixture.ts";

const root = join(import.meta.dirname, "../../../..");
const documents = documentsOf(root);
const app = createApp({ ...settings, documents: () => documents });

/** The anchor that renderers of Markdown give a heading. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replace(/\s/g, "-");

/** Links of a page outside of code. */
const linksOf = (text: string) =>
  [...text.replace(/^```.*?^```$/gms, "").matchAll(/\]\(([^()\s]+)\)/g)].map(([, target = ""]) => target);

test("every document of the repository is a page, except the decisions", () => {
  const names = readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md"));
  const expected = [...names.filter((name) => name !== "decisions.md"), "readme.md", "client.md", "react.md"];
  expect(Object.keys(documents).sort()).toEqual(
    [...expected, "kotlin.md", "api.md"]
      .map((name) => `/docs/${name}`)
      .concat("/llms.txt")
      .sort(),
  );
});

test("the index has the format of llmstxt.org, with every page in one list", () => {
  const text = documents["/llms.txt"] ?? "";
  const [title, quote, about, ...sections] = text.trimEnd().split("\n\n");
  expect(title).toBe("# Image pipeline");
  expect(quote).toMatch(/^> The image backend for apps.*API\..*npm alone\.$/);
  expect(about).toMatch(/^[^#>-]/);
  expect(sections.filter((_, index) => index % 2 === 0)).toEqual([
    "## Documentation",
    "## Machine-readable",
    "## Optional",
  ]);
  for (const list of sections.filter((_, index) => index % 2 === 1))
    for (const line of list.split("\n")) expect(line).toMatch(/^- \[[^\]]+\]\(\/[\w./-]+\): .{20,}[.]$/);
  const pages = Object.keys(documents).filter((path) => path !== "/llms.txt");
  expect(linksOf(text).sort()).toEqual([...pages, "/openapi.json"].sort());
});

test("every link of a page leads to another page, to a heading or to the web", () => {
  const anchors = (path: string) =>
    [...(documents[path] ?? "").matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = ""]) => anchorOf(heading));
  const broken = (all: Documents) =>
    Object.entries(all).flatMap(([path, text]) =>
      linksOf(text).flatMap((link) => {
        if (/^https?:/.test(link) || link === "/openapi.json" || link === "/llms.txt") return [];
        const [page = "", anchor] = link.split("#");
        const target = page || path;
        const isFine = target in all && (!anchor || anchors(target).includes(anchor));
        return isFine ? [] : [`${path}: ${link}`];
      }),
    );
  expect(broken(documents)).toEqual([]);
  const more = { ...documents, "/docs/a.md": "[b](b.md) [c](/docs/api.md#none) [d](/docs/api.md#errors)" };
  expect(broken(more)).toEqual([
    "/docs/a.md: b.md",
    "/docs/a.md: /docs/api.md#none",
    "/docs/a.md: /docs/api.md#errors",
  ]);
});

describe("the page of the API", () => {
  const page = documents["/docs/api.md"] ?? "";

  test("has every operation with its scope, parameters and limits, and every schema", async () => {
    const document = await (await app.request("/openapi.json")).json();
    for (const [path, methods] of Object.entries<Record<string, { operationId: string }>>(document.paths))
      for (const [method, { operationId }] of Object.entries(methods)) {
        expect(page).toContain(`### ${method.toUpperCase()} ${path}\n`);
        expect(page).toContain(`(\`${operationId}\`)`);
      }
    for (const name of Object.keys(document.components.schemas)) expect(page).toContain(`### ${name}\n`);
    expect(page).toContain(
      "- `wait` (query, integer, format `int32`, minimum `0`, maximum `20`): Seconds to wait",
    );
    expect(page).toContain("Scope: `images:write`.");
    expect(page).toContain(
      "- **201**: [CreatedImage](#createdimage) (`application/json`) The image was created.",
    );
    expect(page).toContain("- `title` (string, minLength `1`, maxLength `200`): Title.");
    expect(page).not.toMatch(/\bundefined\b|\[object/);
  });
});

describe("a page is served", () => {
  let etag: string;

  beforeAll(async () => {
    etag = (await app.request("/docs/queries.md")).headers.get("etag") ?? "";
  });

  test("as Markdown in UTF-8, cacheable, with an ETag, and links under the stage's origin", async () => {
    const response = await app.request("/llms.txt");
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": "text/markdown; charset=utf-8",
      "cache-control": "public, max-age=3600",
      etag: expect.stringMatching(/^W\/"[\w-]{43}"$/),
    });
    const links = linksOf(await response.text());
    expect(links.filter((link) => !link.startsWith("http://127.0.0.1:9/"))).toEqual([]);
  });

  test("once: an unchanged page is a 304 without a body", async () => {
    const again = await app.request("/docs/queries.md", { headers: { "if-none-match": etag } });
    expect([again.status, again.headers.get("etag"), await again.text()]).toEqual([304, etag, ""]);
    const other = await app.request("/docs/api.md", { headers: { "if-none-match": etag } });
    expect(other.status).toBe(200);
  });

  test.each([
    "/docs/none.md",
    "/docs/decisions.md",
    "/docs/__proto__.md",
    "/docs/..%2freadme.md",
    "/docs/constructor",
  ])("or is a problem: %s", async (path) => {
    const response = await app.request(path);
    expect([response.status, await response.json()]).toMatchObject([404, { code: "route_not_found" }]);
  });
});
