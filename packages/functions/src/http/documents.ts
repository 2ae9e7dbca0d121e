/**
 * The documentation as Markdown, for coding agents and search: `/llms.txt` and a page for each document, made from the
 * repository's files and the OpenAPI document. A deployment writes them next to the API's bundle; `npm start` makes them
 * on the first request.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { markdownOf } from "./openapi-markdown.ts";

/** Markdown by URL path. A link that begins with `](/` is relative to the stage's origin. */
export type Documents = Record<string, string>;

/** The path of the page about the routes. */
export const apiPage = "/docs/api.md";

/** Documents outside of `docs`, by the path of their page. */
const others: Documents = {
  "/docs/readme.md": "README.md",
  "/docs/client.md": "packages/client/README.md",
  "/docs/react.md": "packages/react/README.md",
  "/docs/kotlin.md": "clients/kotlin/README.md",
};

/** The reasons behind the code are for its authors, who have the repository. */
const left = ["decisions.md"];

/** Pages that a client of the API rarely needs. https://llmstxt.org/#format has a section for them. */
const optional = ["costs", "deploying", "lifetime", "reliability"].map((name) => `/docs/${name}.md`);

/** Reads the documents of the repository in the folder `root`. */
export function documentsOf(root: string): Documents {
  const names = readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md"));
  const files: Documents = {
    ...others,
    ...Object.fromEntries(
      names.filter((name) => !left.includes(name)).map((name) => [`/docs/${name}`, `docs/${name}`]),
    ),
  };
  const pathOf = new Map(Object.entries(files).map(([path, file]) => [file, path]));
  const read = (file: string) => readFileSync(join(root, file), "utf8");
  const pages = {
    [apiPage]: markdownOf(JSON.parse(read("packages/functions/openapi.json"))),
    ...Object.fromEntries(
      Object.entries(files).map(([path, file]) => [path, served(read(file), file, pathOf)]),
    ),
  };
  return { "/llms.txt": indexOf(pages), ...pages };
}

/** Returns the index of the pages in the format of https://llmstxt.org. */
function indexOf(pages: Documents): string {
  const about = factsOf(pages["/docs/readme.md"] ?? "");
  const list = (paths: string[]) =>
    paths.map((path) => {
      const { title, summary } = factsOf(pages[path] ?? "");
      return `- [${title}](${path}): ${summary}`;
    });
  const paths = Object.keys(pages);
  return [
    `# ${about.title}`,
    `> ${about.paragraph}`,
    "Every page below is Markdown. The API's errors are `application/problem+json` with a `code`, which the page of the API explains.",
    "## Documentation",
    list(paths.filter((path) => !optional.includes(path))).join("\n"),
    "## Machine-readable",
    "- [OpenAPI 3.1 document](/openapi.json): Every route with its schemas, examples and errors.",
    "## Optional",
    `${list(paths.filter((path) => optional.includes(path))).join("\n")}\n`,
  ].join("\n\n");
}

/** Returns the title of a document, and its first paragraph and sentence. Throws if it has none. */
function factsOf(text: string): { title: string; paragraph: string; summary: string } {
  const [, title] = /^# (.+)$/m.exec(text) ?? [];
  const paragraph = withoutFences(text)
    .split(/\n{2,}/)
    .map((part) => part.trim())
    .find((part) => /^[\w`*]/.test(part));
  if (!title || !paragraph) throw new Error(`A document has no title or no paragraph: ${text.slice(0, 80)}`);
  const [summary = paragraph] = /^.*?[.:](?=\s|$)/s.exec(paragraph) ?? [];
  return { title, paragraph, summary: summary.replace(/:$/, ".") };
}

const withoutFences = (text: string) => text.replace(/^```.*?^```$/gms, "");

/** Rewrites the links of a document: to pages by their path; of links to other files, which are not served, the text stays. */
function served(text: string, file: string, pathOf: Map<string, string>): string {
  // Odd parts are code.
  const parts = text.split(/(^```.*?^```$)/gms);
  const linked = parts.map((part, index) =>
    index % 2 === 1
      ? part
      : part.replace(/(!?)\[([^[\]]*)\]\(([^()\s]+)\)/g, (link, image, label, target: string) => {
          if (image) return "";
          if (/^(https?:|#)/.test(target)) return link;
          const [name = "", anchor] = target.split("#");
          const path = pathOf.get(posix.join(posix.dirname(file), name));
          return path ? `[${label}](${path}${anchor ? `#${anchor}` : ""})` : label;
        }),
  );
  return linked.join("").replace(/\n{3,}/g, "\n\n");
}
