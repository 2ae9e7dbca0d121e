/**
 * The resources that a deployment would ask for, without a cloud: sst.config.ts is bundled as SST's command line does
 * it and evaluated by SST's own platform code (`.sst/platform`, which `sst install` brings from npm).
 */
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";

/** A resource as Pulumi is asked for it; `retainOnDelete` says whether it outlives its removal. */
export type Resource = {
  type: string;
  name: string;
  // biome-ignore lint/suspicious/noExplicitAny: a resource's arguments are the provider's business.
  inputs: Record<string, any>;
  retainOnDelete: boolean;
};

/** What SST asks its bundler for: a function's handler, its links and its options. */
export type Build = {
  functionID: string;
  handler: string;
  runtime: string;
  links: Record<string, Record<string, unknown>>;
  properties: { install?: string[]; minify?: boolean; architecture: string };
};

/** A whole evaluated app. `links` are what `Resource` holds; `outputs` what the deployment prints. */
export type Graph = {
  app: Record<string, unknown>;
  resources: Resource[];
  builds: Build[];
  links: Record<string, Record<string, unknown>>;
  outputs: Record<string, unknown>;
};

/** Which stage to evaluate, deployed or under `sst dev`, with which settings (environment variables). */
export type Stage = { stage: string; dev?: boolean; env?: Record<string, string> };

/** Handed to `graph-program.ts`. */
export type Request = {
  stage: string;
  dev: boolean;
  root: string;
  work: string;
  platform: string;
  out: string;
};

const repository = fileURLToPath(new URL("..", import.meta.url));

/** The installed platform of an app; `root` holds its sst.config.ts. */
export const platformOf = (root: string) => join(root, ".sst/platform");

/** Bundles the app together with SST's platform. Needed once before `evaluate`, and again after every change. */
export async function bundle(root = repository): Promise<void> {
  const platform = platformOf(root);
  if (!existsSync(platform)) throw new Error(`SST is not installed in ${root}. Run \`npx sst install\`.`);
  await build({
    absWorkingDir: root,
    entryPoints: [join(root, "infra/graph-program.ts")],
    outfile: programOf(platform),
    bundle: true,
    format: "esm",
    platform: "node",
    mainFields: ["module", "main"],
    // Types of the app see `aws`, `sst` and `random` as globals; SST's bundler makes them imports.
    inject: [join(platform, "src/shim/run.js")],
    plugins: [
      {
        name: "globals",
        setup({ onLoad }) {
          onLoad({ filter: /\.ts$/ }, ({ path }) => {
            if (path.startsWith(platform) || path.includes("node_modules")) return undefined;
            return { contents: `${globals(platform)}\n${readFileSync(path, "utf8")}`, loader: "ts" };
          });
        },
      },
    ],
    nodePaths: [join(platform, "node_modules")],
    external: ["@pulumi/*", "@pulumiverse/*", "@aws-sdk/*", "esbuild", "archiver", "glob", "undici", "vite"],
    banner: {
      js: [
        'import { createRequire as requireFrom } from "node:module";',
        'import { fileURLToPath as toPath } from "node:url";',
        "const require = requireFrom(import.meta.url);",
        "const __filename = toPath(import.meta.url);",
        'const __dirname = toPath(new URL(".", import.meta.url));',
      ].join("\n"),
    },
    logLevel: "error",
  });
}

/** Evaluates a stage in a process of its own, because Pulumi keeps its state in globals. */
export async function evaluate({ stage, dev = false, env = {} }: Stage, root = repository): Promise<Graph> {
  const platform = platformOf(root);
  const work = join(root, ".sst/graph", randomUUID());
  const out = join(work, "graph.json");
  mkdirSync(work, { recursive: true });
  const request: Request = { stage, dev, root, work, platform, out };
  try {
    const { stderr } = await promisify(execFile)(process.execPath, [programOf(platform)], {
      cwd: root,
      // Nothing of the developer's own settings or account.
      env: { PATH: process.env.PATH, HOME: work, ...env, GRAPH_REQUEST: JSON.stringify(request) },
      maxBuffer: 64 * 1024 * 1024,
    });
    if (!existsSync(out)) throw new Error(`The evaluation of ${stage} wrote nothing. ${stderr}`);
    return JSON.parse(readFileSync(out, "utf8")) as Graph;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

const programOf = (platform: string) => join(platform, "graph.mjs");

const globals = (platform: string) =>
  [
    'import * as aws from "@pulumi/aws";',
    'import * as random from "@pulumi/random";',
    `import * as sst from ${JSON.stringify(join(platform, "src/components"))};`,
  ].join("");
