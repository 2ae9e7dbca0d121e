/** Examples, and their installation with the packages of this repository in place of the published ones. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const root = join(import.meta.dirname, "..");

/** Folder of the tarballs. */
const packed = join(import.meta.dirname, ".packages");

/** The workspaces that are published, under the scope `@image-pipeline`. */
const published = ["client", "react"];

/** An example. `main` is the file of a script, `scripts.dev` the development server of a website or app. */
export type Example = {
  name: string;
  folder: string;
  description: string;
  main?: string;
  scripts: { dev?: string };
  dependencies: Record<string, string>;
};

/** A failure that the user can fix; the message says how. */
export class ExampleError extends Error {
  override readonly name = "ExampleError";
}

/** Returns all examples, by name. */
export async function listExamples(): Promise<Example[]> {
  const entries = await readdir(import.meta.dirname, { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith("."));
  const names = folders.map(({ name }) => name);
  return Promise.all(
    names.sort().map(async (name) => {
      const folder = join(import.meta.dirname, name);
      const manifest = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
      return { scripts: {}, dependencies: {}, ...manifest, name, folder };
    }),
  );
}

/** Packages whose sources the published packages are made of, types included. */
const sources = ["client", "core", "functions", "publish", "react"].map((name) =>
  join(root, "packages", name),
);

/**
 * Returns the tarball of a published package. Builds it unless the last one is newer than every source. Several processes
 * may do so at once.
 */
async function pack(name: string): Promise<string> {
  const tarball = join(packed, `${name}.tgz`);
  const changedAt = Math.max(...(await Promise.all(sources.map(newestIn))));
  if (existsSync(tarball) && (await stat(tarball)).mtimeMs > changedAt) return tarball;
  await mkdir(packed, { recursive: true });
  const work = await mkdtemp(join(packed, ".build-"));
  try {
    const out = join(work, "dist");
    await run("npm", ["run", "build", "--", out], { cwd: join(root, "packages", name) });
    const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", work], { cwd: out });
    await rename(join(work, JSON.parse(stdout)[0].filename), tarball);
  } finally {
    await rm(work, { recursive: true });
  }
  return tarball;
}

/** Returns the time of the newest change of the sources of a package. */
async function newestIn(folder: string): Promise<number> {
  const entries = await readdir(join(folder, "src"), { recursive: true });
  const paths = ["package.json", "src", ...entries.map((path) => join("src", path))];
  const times = await Promise.all(paths.map(async (path) => (await stat(join(folder, path))).mtimeMs));
  return Math.max(...times);
}

/**
 * Installs the dependencies of an example in `folder`, those of this repository from their sources. Does nothing if they
 * are installed and nothing has changed. Changes no file that git tracks. Throws an `ExampleError` if the registry cannot
 * be reached.
 */
export async function install(example: Example, folder: string): Promise<void> {
  const names = published.filter((name) => `@image-pipeline/${name}` in example.dependencies);
  const tarballs = await Promise.all(names.map(pack));
  const hash = createHash("sha256");
  for (const file of [join(folder, "package.json"), ...tarballs]) hash.update(await readFile(file));
  const state = hash.digest("hex");
  const mark = join(folder, "node_modules/.example");
  if (existsSync(mark) && (await readFile(mark, "utf8")) === state) return;
  const options = ["--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--prefer-offline"];
  await run("npm", ["install", ...options, ...tarballs], { cwd: folder }).catch((error: Error) => {
    throw new ExampleError(failureOf(error.message), { cause: error });
  });
  await writeFile(mark, state);
}

/** Translates the output of an `npm install` that failed. */
function failureOf(output: string): string {
  const code = /npm error code (\S+)/.exec(output)?.[1] ?? "";
  const isUnreachable =
    /^(ENOTFOUND|EAI_AGAIN|ECONN|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET|FETCH_ERROR|E5\d\d$)/;
  if (isUnreachable.test(code))
    return `The npm registry cannot be reached (${code}). Check the network, and \`npm config get registry\`.`;
  return `\`npm install\` failed${code && ` (${code})`}:\n${output.trim().split("\n").slice(-12).join("\n")}`;
}
