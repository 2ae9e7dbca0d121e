/** The program that evaluates the app: sst.config.ts and SST's platform code in one bundle, built as SST builds it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";
import { lazyRecipe } from "../../packages/core/src/engine/fixture-lazy.ts";

/** The folder of sst.config.ts. `SST_ROOT` overrides it, for a copy of the app with another version of SST. */
export const root =
  process.env.SST_ROOT ?? fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/** SST's platform code, which `sst install` downloads from npm. */
export const platform = join(root, ".sst/platform");

/** The recipes that a stage may be evaluated with: the product's, or one with lazy files. */
export const recipes = ["product", "lazy"] as const;
export type Recipe = (typeof recipes)[number];

/** Returns the path of the bundle: next to the platform's node_modules, from which it imports. */
export const programOf = (recipe: Recipe): string =>
  join(platform, recipe === "product" ? "graph.mjs" : `graph-${recipe}.mjs`);

/** Gives a bundle the recipe with lazy files. */
export const withLazyRecipe: Plugin = {
  name: "lazy recipe",
  setup({ onLoad }) {
    onLoad({ filter: /\/core\/src\/engine\/recipe\.ts$/ }, () => ({
      contents: lazyRecipe(),
      loader: "ts",
      resolveDir: engine,
    }));
  },
};
const engine = fileURLToPath(new URL("../../packages/core/src/engine", import.meta.url));

/** Builds the bundle with a recipe. */
export async function bundle(recipe: Recipe): Promise<void> {
  await build({
    absWorkingDir: root,
    entryPoints: [join(root, "infra/test/program.ts")],
    outfile: programOf(recipe),
    bundle: true,
    format: "esm",
    platform: "node",
    mainFields: ["module", "main"],
    inject: [join(platform, "src/shim/run.js")],
    plugins: [
      {
        name: "globals",
        setup({ onLoad }) {
          onLoad({ filter: /\.ts$/ }, ({ path }) => {
            if (path.startsWith(platform) || path.includes("node_modules")) return undefined;
            const isEdited = recipe === "lazy" && path.endsWith("/core/src/engine/recipe.ts");
            const source = isEdited ? lazyRecipe() : readFileSync(path, "utf8");
            return { contents: `${globals}\n${source}`, loader: "ts" };
          });
        },
      },
    ],
    nodePaths: [join(platform, "node_modules")],
    external: ["@pulumi/*", "@pulumiverse/*", "@aws-sdk/*", "esbuild", "archiver", "glob", "undici", "vite"],
    banner: { js: commonJs },
    logLevel: "error",
  });
}

/** The globals of the app; SST adds these lines to each of its files as well. */
const globals = [
  'import * as aws from "@pulumi/aws";',
  'import * as random from "@pulumi/random";',
  `import * as sst from ${JSON.stringify(join(platform, "src/components"))};`,
].join("");

/** The globals of CommonJS modules. */
const commonJs = [
  'import { createRequire as requireFrom } from "node:module";',
  'import { fileURLToPath as toPath } from "node:url";',
  "const require = requireFrom(import.meta.url);",
  "const __filename = toPath(import.meta.url);",
  'const __dirname = toPath(new URL(".", import.meta.url));',
].join("\n");
