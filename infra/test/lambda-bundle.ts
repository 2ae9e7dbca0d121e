/**
 * A function's code as SST would upload it: bundled by esbuild with the options of SST (`pkg/runtime/node/build.go` of
 * SST 3.19). SST installs sharp and libheif-js next to the bundle; here they resolve to this repository's node_modules.
 */
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build as esbuild } from "esbuild";
import { documentsOf } from "../../packages/functions/src/http/documents.ts";
import type { Build } from "./graph.ts";
import { type Recipe, root, withLazyRecipe } from "./platform.ts";

/**
 * `bytes` is the minified size; `files` are the paths of the bundled modules, `packages` their bytes by package;
 * `imports` are the modules that it still imports or requires at run time, `dynamic` those of its `import()`s.
 */
export type LambdaBundle = {
  file: string;
  bytes: number;
  files: string[];
  packages: Map<string, number>;
  imports: string[];
  dynamic: string[];
};

/** Bundles the handler of an SST build and a recipe into `.sst/bundles`, with the files that are deployed next to it. */
export async function bundleFunction(build: Build, recipe: Recipe = "product"): Promise<LambdaBundle> {
  const { functionID, handler, properties } = build;
  const folder = join(root, ".sst/bundles", recipe === "product" ? functionID : `${functionID}-${recipe}`);
  const outfile = join(folder, "bundle.mjs");
  const { metafile } = await esbuild({
    absWorkingDir: root,
    entryPoints: [`${handler.replace(/\.[^.]+$/, "")}.ts`],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "es2023",
    mainFields: ["module", "main"],
    keepNames: true,
    minify: properties.minify ?? false,
    sourcemap: "linked",
    metafile: true,
    external: ["sharp", "pg-native", ...(properties.esbuild?.external ?? [])],
    banner: {
      js: [
        "import { createRequire as topLevelCreateRequire } from 'module';",
        "const require = topLevelCreateRequire(import.meta.url);",
        'import { fileURLToPath as topLevelFileUrlToPath, URL as topLevelURL } from "url"',
        "const __filename = topLevelFileUrlToPath(import.meta.url)",
        'const __dirname = topLevelFileUrlToPath(new topLevelURL(".", import.meta.url))',
      ].join("\n"),
    },
    plugins: recipe === "lazy" ? [withLazyRecipe] : [],
    logLevel: "error",
  });
  // Repeats the hook in infra/api.ts.
  if (functionID === "Api") {
    cpSync(join(root, "packages/functions/openapi.json"), join(folder, "openapi.json"));
    const scalar = "node_modules/@scalar/api-reference/dist/browser/standalone.js";
    cpSync(join(root, scalar), join(folder, "scalar.js"));
    writeFileSync(join(folder, "documents.json"), JSON.stringify(documentsOf(root)));
  }
  const output = Object.values(metafile.outputs).find(({ entryPoint }) => entryPoint);
  if (!output) throw new Error(`${functionID} has no bundle.`);
  const packages = new Map<string, number>();
  for (const [path, { bytesInOutput }] of Object.entries(output.inputs)) {
    const name = packageOf(path);
    packages.set(name, (packages.get(name) ?? 0) + bytesInOutput);
  }
  const files = Object.entries(output.inputs).flatMap(([path, { bytesInOutput }]) =>
    bytesInOutput > 0 ? [path] : [],
  );
  // Installed packages are required by name, which esbuild does not change.
  const text = readFileSync(outfile, "utf8");
  const installed = installable.filter((name) => text.includes(`("${name}`));
  const pathsOf = (isDynamic: boolean) =>
    output.imports.filter(({ kind }) => (kind === "dynamic-import") === isDynamic).map(({ path }) => path);
  const imports = [...pathsOf(false), ...installed];
  return { file: outfile, bytes: output.bytes, files, packages, imports, dynamic: pathsOf(true) };
}

/** The packages that `nodejs.install` may contain. */
const installable = ["sharp", "libheif-js"];

/** The package or, outside of node_modules, the room that a bundled file belongs to. */
export const packageOf = (path: string) =>
  /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? path.split("/").slice(0, 2).join("/");
