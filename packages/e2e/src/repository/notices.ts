/**
 * Third-party notices: the packages that npm installs for the product, where each ends up, and their licence texts.
 * npm lists the packages; docs/decisions.md has the tools that were tried.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const root = join(import.meta.dirname, "../../../..");
const modules = join(root, "node_modules");

type Locked = { version: string; license: string; dev?: true; os?: string[]; cpu?: string[] };
const lock: { packages: Record<string, Locked> } = JSON.parse(
  readFileSync(join(root, "package-lock.json"), "utf8"),
);

/** Rooms that run in production. Simulation, end-to-end tests and benchmarks never leave the repository. */
const rooms = ["core", "functions", "local", "client", "cli", "web"];

/** Entry points of the deployed functions. */
const handlers = ["api", "dead-letter", "invalidator", "processor", "reconciler", "spend-limit"];

/** Installed next to the processor's bundle, with what they depend on: `infra/processor.ts`. */
const installed = /^(sharp|libheif-js|detect-libc|semver|@img\/.*)$/;

/** Copied into the API's archive; its source map names the packages in it. */
const reference = join(modules, "@scalar/api-reference/dist/browser/standalone.js.map");

/** An installed package. `folder` is absolute; `native` packages exist for some platforms only. */
export type Package = { name: string; version: string; license: string; folder: string; native: boolean };

/** Returns every package that the product's rooms install without their development dependencies. */
export function runtimePackages(): Package[] {
  const workspaces = rooms.flatMap((room) => ["--workspace", `packages/${room}`]);
  const args = [
    "ls",
    "--omit=dev",
    "--all",
    "--parseable",
    "--long",
    "--include-workspace-root",
    ...workspaces,
  ];
  const lines = execFileSync("npm", args, { cwd: root, encoding: "utf8" }).trim().split("\n");
  // After the first install npm takes a helper of the package `node` for extraneous: nothing depends on those.
  const paths = lines.flatMap((line) => (line.endsWith(":EXTRANEOUS") ? [] : (line.split(":")[0] ?? [])));
  return paths.filter((path) => path.includes("/node_modules/") && !isRoom(path)).map(packageIn);
}

/** Returns `name@version` of the packages in the bundles of all functions, as esbuild counts them. */
export async function bundledPackages(): Promise<string[]> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: handlers.map((name) => `packages/functions/src/${name}.ts`),
    outdir: "unwritten",
    write: false,
    bundle: true,
    metafile: true,
    platform: "node",
    format: "esm",
    mainFields: ["module", "main"],
    external: ["sharp", "libheif-js", "@valibot/to-json-schema", "effect", "sury", "zod*"],
    logLevel: "error",
  });
  const files = Object.values(metafile.outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])),
  );
  const folders = files.flatMap((path) => /.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []);
  return [...new Set(folders)].map((folder) => idOf(packageIn(join(root, folder))));
}

/** Returns `name@version` of the packages in the script of the page at `/docs`, as its source map names them. */
export function referencePackages(): string[] {
  const { sources }: { sources: string[] } = JSON.parse(readFileSync(reference, "utf8"));
  const ids = sources.map((path) => {
    const [, folder, name] = /\.pnpm\/([^/]+)\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path) ?? [];
    if (folder && name) return `${name}@${/^.+?@([^@_(]+)/.exec(folder)?.[1]}`;
    // Paths outside of node_modules are Scalar's own packages.
    const own = `@scalar/${/^(?:\.\.\/){3}([\w-]+)\/dist\//.exec(path)?.[1] ?? "api-reference"}`;
    return existsSync(join(modules, own)) ? idOf(packageIn(join(modules, own))) : [];
  });
  return [...new Set(ids.flat())];
}

/** Returns `name@version` of the packages in the gallery's scripts, from the file that Vite puts next to them. */
export function pagePackages(licenses: string): string[] {
  return [...licenses.matchAll(/^## (\S+) - (\S+)/gm)].map(([, name, version]) => `${name}@${version}`);
}

/** Returns the text of THIRD-PARTY-NOTICES.md. `licenses` is the page's `assets/licenses.md`. */
export async function notices(licenses: string): Promise<string> {
  const lists = {
    functions: await bundledPackages(),
    page: pagePackages(licenses),
    "docs page": referencePackages(),
  };
  const rowOf = (each: Package) => {
    const places = Object.entries(lists).flatMap(([place, ids]) => (ids.includes(idOf(each)) ? [place] : []));
    if (installed.test(each.name)) places.unshift("processor");
    return { ...each, places: places.join(", ") };
  };
  const runtime = runtimePackages().filter(({ native }) => !native);
  const known = new Set(runtime.map(idOf));
  const others = lists["docs page"].filter((id) => !known.has(id)).map(bundledElsewhere);
  const all = distinct([...runtime, ...others])
    .sort(byName)
    .map(rowOf);
  const delivered = all.filter(({ places }) => places);
  const onlyInstalled = all.filter(({ places }) => !places);
  return `${introduction}

## Packages that are deployed

${table(["in", ...delivered.map(({ places }) => places)], delivered)}

## Builds for one platform

npm installs those of the machine, a deployment the ones for Linux arm64 of \`@img\`.

${table([], nativePackages())}

## Libraries in sharp's libvips

${libvips()}

## Packages that are only installed

They run on the machine that ran \`npm install\`, and their texts are in its \`node_modules\`.

${table([], onlyInstalled)}

## Licence texts

${texts(delivered).join("\n\n")}
`;
}

const introduction = `# Third-party notices

Written by \`npm run notices\`; do not edit. The product itself is under the [MIT licence](LICENSE).

Where a deployed package is: **processor** is installed next to the processor's Lambda bundle, **functions** is bundled into a Lambda archive, **page** is sent to browsers as part of the gallery, **docs page** as part of the API reference.

Under the LGPL are libvips with the libraries that its table below marks (in \`@img/sharp-libvips-*\`), and libheif with libde265 (compiled to WebAssembly in \`libheif-js\`). The product uses both unchanged, as separate files that can be replaced. Their sources: <https://github.com/lovell/sharp-libvips>, <https://github.com/catdad-experiments/libheif-emscripten>, <https://github.com/strukturag/libheif>, <https://github.com/strukturag/libde265>. The texts of the LGPL and the GPL are under \`libheif-js\`.`;

/** Returns a Markdown table of packages; `extra` is a column with its heading, or empty. */
function table(extra: string[], packages: Package[]): string {
  const rows = packages.map(({ name, version, license }) => [name, version, license]);
  const lines = [["package", "version", "licence"], ...rows].map((cells, i) =>
    extra.length > 0 ? [...cells, extra[i]] : cells,
  );
  const text = lines.map((cells) => `| ${cells.join(" | ")} |`);
  return [text[0], `|${"---|".repeat(lines[0]?.length ?? 0)}`, ...text.slice(1)].join("\n");
}

/** Returns the key under which two installations of one version are the same package. */
export const idOf = ({ name, version }: Package) => `${name}@${version}`;

const distinct = (packages: Package[]) => [...new Map(packages.map((each) => [idOf(each), each])).values()];

const byName = (one: Package, other: Package) => (idOf(one) < idOf(other) ? -1 : 1);

const isRoom = (path: string) => path.startsWith(join(modules, "@image-pipeline/"));

/** Returns a package that the API reference contains in a version that npm may not have installed. */
function bundledElsewhere(id: string): Package {
  const [, name = "", version = ""] = /^(.+)@(.+)$/.exec(id) ?? [];
  const path = Object.keys(lock.packages).find((each) => each.endsWith(`node_modules/${name}`));
  const license = `<https://www.npmjs.com/package/${name}/v/${version}>`;
  const folder = join(root, path ?? `node_modules/${name}`);
  return path ? { ...packageIn(folder), version } : { name, version, license, folder, native: false };
}

function packageIn(folder: string): Package {
  const { name, version, license, licenses, os, cpu } = JSON.parse(
    readFileSync(join(folder, "package.json"), "utf8"),
  );
  const first = license?.type ?? license ?? licenses?.[0]?.type ?? "none stated";
  return { name, version, license: first, folder, native: os !== undefined || cpu !== undefined };
}

/** Returns the packages for one platform from the lock file, which has those of every platform. */
function nativePackages(): Package[] {
  return Object.entries(lock.packages)
    .filter(([, { dev, os, cpu }]) => !dev && (os || cpu))
    .map(([path, { version, license }]) => {
      const name = path.replace(/.*node_modules\//, "");
      return { name, version, license, folder: join(root, path), native: true };
    })
    .sort(byName);
}

/** Returns the table of licences from the README of libvips' package, which is the same for every platform. */
function libvips(): string {
  const folder = runtimePackages().find(({ name }) => name.startsWith("@img/sharp-libvips-"))?.folder;
  if (!folder) throw new Error("No @img/sharp-libvips-* is installed; run `npm install` first.");
  const lines = readFileSync(join(folder, "README.md"), "utf8").split("\n");
  return lines
    .filter((line) => line.startsWith("|") || line.startsWith("Use of libraries") || line.startsWith('"any'))
    .join("\n")
    .replace("\nUse of", "\n\nUse of");
}

/** Returns one block for each distinct text, with the packages that it belongs to. */
function texts(packages: Package[]): string[] {
  const found = new Map<string, string[]>();
  for (const each of packages)
    for (const text of textsOf(each.folder))
      found.set(text, [...(found.get(text) ?? []), `${each.name} ${each.version}`]);
  return [...found].map(
    ([text, names]) => `### ${[...new Set(names)].join(", ")}\n\n\`\`\`\`text\n${text}\n\`\`\`\``,
  );
}

/** Returns the licence texts of a package; of libheif-js those of its libraries as well. */
function textsOf(folder: string): string[] {
  return [folder, join(folder, "libheif")].flatMap((each) =>
    (existsSync(each) ? readdirSync(each, { withFileTypes: true }) : [])
      .filter((entry) => entry.isFile() && /^(licen[cs]e|copying|notice)([-.][\w.-]+)?$/i.test(entry.name))
      .map((entry) => readFileSync(join(each, entry.name), "utf8").replace(/\r/g, "").trim()),
  );
}
