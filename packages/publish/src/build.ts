/**
 * Builds the npm package of a workspace into its `dist`, or into the folder that is its argument: ESM, self-contained
 * declarations and the package.json that is published. Run as the `build` script of the workspace, in its folder.
 * `exports` of the workspace's package.json names the sources, so that the monorepo needs no build; its keys are the
 * entries of the build.
 */

import { existsSync } from "node:fs";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { build } from "tsdown";
import { printTypes } from "./print.ts";

/** The fields used of a workspace's package.json. */
type Manifest = {
  name: string;
  version: string;
  exports: Record<string, string>;
  peerDependencies?: Record<string, string>;
  private?: boolean;
  scripts?: unknown;
  devDependencies?: unknown;
};

const packages = join(import.meta.dirname, "../..");

/** Builds the package of the workspace in the folder `root` into the folder `out`, which it empties first. */
async function buildPackage(root: string, out: string): Promise<void> {
  const manifest = await manifestOf(root);
  const entries = Object.entries(manifest.exports).map(([subpath, source]) => ({
    subpath,
    name: basename(source).replace(/\.tsx?$/, ""),
    source,
  }));

  // The sources with written-out types, inside the workspace, so that dependencies resolve.
  const work = await mkdtemp(join(root, ".build-"));
  try {
    const isSource = (path: string) => !/\.test\.tsx?$|fixture/.test(path);
    await cp(join(root, "src"), join(work, "src"), { recursive: true, filter: isSource });
    const types = join(root, "src/types.ts");
    if (existsSync(types)) await writeFile(join(work, "src/types.ts"), printTypes(types));
    await writeFile(join(work, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["src"] }));
    const packed = await publishedFrom(manifest, entries);
    // tsdown reads the dependencies, which stay imports, from here.
    await writeFile(join(work, "package.json"), JSON.stringify(packed));
    await build({
      config: false,
      cwd: work,
      entry: entries.map(({ source }) => join(work, source)),
      outDir: out,
      format: "esm",
      platform: "neutral",
      target: "es2022",
      fixedExtension: false,
      clean: true,
      dts: true,
      // One file for each module: a bundler keeps "use client" at the top of a module only.
      unbundle: true,
      logLevel: "error",
      tsconfig: join(work, "tsconfig.json"),
    });
    await writeFile(join(out, "package.json"), `${JSON.stringify(packed, null, 2)}\n`);
    for (const file of [join(root, "README.md"), join(root, "../../LICENSE")])
      await cp(file, join(out, basename(file)));
  } finally {
    await rm(work, { recursive: true });
  }
}

async function manifestOf(root: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(root, "package.json"), "utf8"));
}

/** Returns the package.json that is published. Workspaces that are peer dependencies have one version. */
async function publishedFrom(
  { private: _, devDependencies: __, scripts: ___, ...manifest }: Manifest,
  entries: readonly { subpath: string; name: string }[],
) {
  const targetOf = (name: string) => ({ types: `./${name}.d.ts`, default: `./${name}.js` });
  const peers = await Promise.all(
    Object.entries(manifest.peerDependencies ?? {}).map(async ([name, range]) => {
      const folder = join(packages, name.replace(/^.*\//, ""));
      const sibling = existsSync(folder) ? await manifestOf(folder) : undefined;
      return [name, sibling?.name === name ? `^${sibling.version}` : range];
    }),
  );
  return {
    ...manifest,
    ...(peers.length > 0 ? { peerDependencies: Object.fromEntries(peers) } : {}),
    sideEffects: false,
    exports: Object.fromEntries([
      ...entries.map(({ subpath, name }) => [subpath, targetOf(name)]),
      ["./package.json", "./package.json"],
    ]),
    types: entries.flatMap(({ subpath, name }) => (subpath === "." ? [`./${name}.d.ts`] : []))[0],
  };
}

const compilerOptions = {
  target: "es2022",
  lib: ["es2024", "dom", "dom.iterable"],
  module: "nodenext",
  jsx: "react-jsx",
  strict: true,
  allowImportingTsExtensions: true,
  noEmit: true,
  skipLibCheck: true,
  verbatimModuleSyntax: true,
  types: [],
};

const [out = "dist"] = process.argv.slice(2);
await buildPackage(process.cwd(), resolve(out));
