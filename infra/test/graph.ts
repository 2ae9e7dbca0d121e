/**
 * The resources of a deployment, without a cloud: SST's platform code evaluates sst.config.ts under Pulumi mocks, which
 * return what a cloud would.
 */
import { execFile } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { buildPage } from "../../packages/local/src/gallery.ts";
import { platform, programOf, type Recipe, root } from "./platform.ts";

/** A resource as registered with Pulumi, and its region. `retainOnDelete`: Pulumi does not delete it with the app. */
export type Resource = {
  type: string;
  name: string;
  // biome-ignore lint/suspicious/noExplicitAny: each provider defines the arguments of its resources.
  inputs: Record<string, any>;
  region: string;
  retainOnDelete: boolean;
};

/** A request to SST's bundler: a function's handler, its links, and the bundler's options. */
export type Build = {
  functionID: string;
  handler: string;
  runtime: string;
  links: Record<string, Record<string, unknown>>;
  properties: {
    install?: string[] | Record<string, string>;
    minify?: boolean;
    esbuild?: { external?: string[] };
    architecture: string;
  };
};

/** An evaluated app: its settings, resources, builds, everything linkable, its outputs; `archives` are the file names in each function's ZIP. */
export type Graph = {
  app: Record<string, unknown>;
  resources: Resource[];
  builds: Build[];
  archives: Record<string, string[]>;
  links: Record<string, Record<string, unknown>>;
  outputs: Record<string, unknown>;
};

/** The stage to evaluate, deployed or under `sst dev`, its region, its settings (environment variables) and its recipe. */
export type Stage = {
  stage: string;
  dev?: boolean;
  region?: string;
  env?: Record<string, string>;
  recipe?: Recipe;
};

/** The input of `program.ts`, which writes the graph to `out`. */
export type Request = Required<Omit<Stage, "env" | "recipe">> & {
  root: string;
  platform: string;
  work: string;
  out: string;
};

/** The build of the gallery, whose files the app reads. A deployment builds it with a command that does not run here. */
let page: Promise<void> | undefined;

/** Evaluates a stage. The graph is cached next to the bundle until the bundle or the gallery changes. */
export async function evaluate({
  stage,
  dev = false,
  region = "us-east-1",
  env = {},
  recipe = "product",
}: Stage): Promise<Graph> {
  page ??= buildPage();
  await page;
  const key = createHash("sha256")
    .update(readFileSync(programOf(recipe)))
    .update(readFileSync(join(root, "packages/web/dist/index.html")))
    .update(JSON.stringify([stage, dev, region, env]))
    .digest("hex");
  const kept = join(root, ".sst/graph", `${key.slice(0, 16)}.json`);
  if (!existsSync(kept)) await write(kept, { stage, dev, region, env, recipe });
  return JSON.parse(readFileSync(kept, "utf8")) as Graph;
}

/** Evaluates a stage in a child process, because Pulumi keeps its state in globals. */
async function write(kept: string, { stage, dev, region, env, recipe }: Required<Stage>): Promise<void> {
  const work = join(root, ".sst/graph", randomUUID());
  const out = join(work, "graph.json");
  mkdirSync(work, { recursive: true });
  const request: Request = { stage, dev, region, root, platform, work, out };
  try {
    await promisify(execFile)(process.execPath, [programOf(recipe)], {
      cwd: root,
      // Without the developer's settings and AWS account.
      env: { PATH: process.env.PATH, HOME: work, ...env, GRAPH_REQUEST: JSON.stringify(request) },
    });
    renameSync(out, kept);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Returns the resources of a matching type, ordered by name. */
export const resourcesOf = ({ resources }: Graph, type: RegExp): Resource[] =>
  resources.filter((resource) => type.test(resource.type)).sort((a, b) => (a.name < b.name ? -1 : 1));

/** Returns the arguments of the resource of a type and name. Throws if there is none. */
export function argsOf(graph: Graph, type: RegExp, name: string): Resource["inputs"] {
  const found = resourcesOf(graph, type).find((resource) => resource.name === name);
  if (!found) throw new Error(`There is no ${name} of type ${type}.`);
  return found.inputs;
}

/** Returns an ARN with the logical name in place of the physical one: `{Uploads}/img_*`. */
export const short = (arn: string): string =>
  arn
    .replace(/^arn:aws:s3:::image-pipeline-[a-z]+-(\w+)bucket-[a-z]+/, (_, name) => `{${name}}`)
    .replace(
      /^arn:aws:\w+:[a-z0-9-]+:123456789012:(?:table\/)?image-pipeline-[a-z]+-(\w+?)(?:Table|Queue)-[a-z]+/,
      "{$1}",
    )
    .replace(/^.*ProcessingSubscriber\w+EventSourceMapping$/, "{mapping}")
    .replace(/^arn:aws:cloudfront::123456789012:distribution\/RouterCdnDistribution$/, "{distribution}")
    .replace("{uploads}", "{Uploads}")
    .replace("{processed}", "{Processed}")
    .replace("{pageassets}", "{PageAssets}");
