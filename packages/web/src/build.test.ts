import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";

let out: string;
let files: Map<string, string>;

beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), "image-build-"));
  const root = join(import.meta.dirname, "..");
  process.env.NODE_ENV = "development";
  await build({ root, logLevel: "error", build: { outDir: out, emptyOutDir: true } });
  const names = await readdir(out, { recursive: true });
  const read = names
    .filter((name) => /\.\w+$/.test(name))
    .map(async (name) => [name, await readFile(join(out, name), "utf8")] as const);
  files = new Map(await Promise.all(read));
}, 60_000);
afterAll(() => rm(out, { recursive: true }));

const all = (extension: string) =>
  [...files].filter(([name]) => name.endsWith(extension)).map(([, text]) => text);

/** Returns the scripts that a module imports statically, itself included, as the browser loads them. */
function loadedBy(name: string): string[] {
  const text = files.get(name) ?? "";
  const imported = [...text.matchAll(/(?:^|[;}])\s*(?:import|export)[^;("']*["']\.\/([^"']+\.js)["']/g)];
  return [...new Set([name, ...imported.flatMap(([, other = ""]) => loadedBy(`assets/${other}`))])];
}

test("the JavaScript of the first view is at most 60 KB gzipped, and that of dialogs comes on demand", () => {
  const scripts = [...(files.get("index.html")?.matchAll(/(?:src|href)="\.\/([^"]+\.js)"/g) ?? [])];
  const first = new Set(scripts.flatMap(([, name = ""]) => loadedBy(name)));
  const bytes = [...first].reduce(
    (sum, name) => sum + gzipSync(files.get(name) ?? "", { level: 9 }).length,
    0,
  );
  expect(bytes).toBeGreaterThan(10_000);
  expect(bytes, `${bytes} bytes`).toBeLessThanOrEqual(60_000);
  const later = [...files.keys()].filter((name) => name.endsWith(".js") && !first.has(name));
  expect(later.map((name) => name.replace(/^assets\/|-[\w-]{8}\.js$/g, "")).sort()).toEqual(
    expect.arrayContaining(["photoswipe.esm", "settings", "url-dialog"]),
  );
});

test("the HTML has no inline script or style, which the policy forbids", () => {
  const html = files.get("index.html") ?? "";
  expect(html).toContain('type="module"');
  expect(html).not.toMatch(/<style|style=|\son\w+=|<script(?![^>]*\ssrc=)/);
});

test("every URL in the HTML and the styles is relative", () => {
  const urls = [...(files.get("index.html")?.matchAll(/(?:src|href)="([^"]+)"/g) ?? [])].map(
    ([, url]) => url,
  );
  expect(urls.length).toBeGreaterThan(2);
  for (const url of urls) expect(url).toMatch(/^\.\//);
  expect(all(".css").join("")).not.toMatch(/@import|url\((?!["']?data:)/);
});

test("the page links the licences of the packages in it", () => {
  expect(files.get("index.html")).toContain('<link rel="license" href="./assets/licenses.md"');
  const text = files.get("assets/licenses.md") ?? "";
  for (const name of ["preact", "photoswipe", "justified-layout"]) expect(text).toContain(`## ${name} - `);
  expect(text).toContain("Permission is hereby granted, free of charge");
});

test("the build is a production build whatever NODE_ENV says, without paths of the build machine", () => {
  expect(all(".js").join("")).not.toContain("packages/web/src");
});
