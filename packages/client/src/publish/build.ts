/**
 * Builds the npm package into `dist`: ESM, self-contained declarations and the package.json that is published.
 * `exports` of the workspace's package.json names the sources, so that the monorepo needs no build; its keys are the
 * entries of the build.
 */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { build } from "tsdown";
import { printTypes } from "./print.ts";

/** The workspace of the client. */
const root = join(import.meta.dirname, "../..");

/** Builds the package. Empties the folder `out` first. */
async function buildPackage(out: string): Promise<void> {
  const manifest = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  const entries = Object.entries<string>(manifest.exports).map(([subpath, source]) => ({
    subpath,
    name: subpath === "." ? "index" : subpath.slice(2),
    source: source.replace("./src/", ""),
  }));

  // The sources with written-out types, inside the workspace, so that dependencies resolve.
  const work = await mkdtemp(join(root, ".build-"));
  try {
    const isSource = (path: string) => !/\.test\.ts$|fixture|\/publish$/.test(path);
    await cp(join(root, "src"), join(work, "src"), { recursive: true, filter: isSource });
    await writeFile(join(work, "src/types.ts"), printTypes(join(root, "src/types.ts")));
    await writeFile(join(work, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["src"] }));
    const { private: _, devDependencies: __, scripts: ___, ...published } = manifest;
    const packed = {
      ...published,
      sideEffects: false,
      exports: Object.fromEntries([
        ...entries.map(({ subpath, name }) => [
          subpath,
          { types: `./${name}.d.ts`, default: `./${name}.js` },
        ]),
        ["./package.json", "./package.json"],
      ]),
      types: "./index.d.ts",
    };
    // tsdown reads the dependencies, which stay imports, from here.
    await writeFile(join(work, "package.json"), JSON.stringify(packed));
    await build({
      config: false,
      cwd: work,
      entry: Object.fromEntries(entries.map(({ name, source }) => [name, join(work, "src", source)])),
      outDir: out,
      format: "esm",
      platform: "neutral",
      target: "es2022",
      fixedExtension: false,
      clean: true,
      dts: true,
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

const compilerOptions = {
  target: "es2022",
  lib: ["es2024", "dom", "dom.iterable"],
  module: "nodenext",
  strict: true,
  allowImportingTsExtensions: true,
  noEmit: true,
  skipLibCheck: true,
  verbatimModuleSyntax: true,
  types: [],
};

await buildPackage(join(root, "dist"));
