/** Examples, and their installation with the packages of this repository in place of the published ones. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const root = join(import.meta.dirname, "..");

/** Folders of the published packages, by name. */
const packages: Record<string, string> = {
  "@image-pipeline/client": join(root, "packages/client"),
};

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
  return Promise.all(
    folders.map(async ({ name }) => {
      const folder = join(import.meta.dirname, name);
      const manifest = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
      return { scripts: {}, dependencies: {}, ...manifest, name, folder };
    }),
  );
}

/** Folders whose sources the published packages are made of, types included. */
const sources = ["client", "core", "functions"].map((name) => join(root, "packages", name));

/**
 * Builds the published packages that an example depends on, if a source is newer than the last build, and packs them into
 * `to`. Returns the paths of the tarballs.
 */
async function pack(example: Example, to: string): Promise<string[]> {
  const changedAt = Math.max(...(await Promise.all(sources.map(newestIn))));
  const tarballs: string[] = [];
  for (const [name, folder] of Object.entries(packages)) {
    if (!(name in example.dependencies)) continue;
    const built = join(folder, "dist/package.json");
    if (!existsSync(built) || (await stat(built)).mtimeMs < changedAt)
      await run("npm", ["run", "build"], { cwd: folder });
    const options = ["--json", "--pack-destination", to];
    const { stdout } = await run("npm", ["pack", ...options], { cwd: join(folder, "dist") });
    tarballs.push(join(to, JSON.parse(stdout)[0].filename));
  }
  return tarballs;
}

/** Returns the time of the newest change of the sources of a package. */
async function newestIn(folder: string): Promise<number> {
  const entries = await readdir(join(folder, "src"), { recursive: true });
  const paths = ["package.json", "src", ...entries.map((path) => join("src", path))];
  const times = await Promise.all(
    paths.map((path) => stat(join(folder, path)).then(({ mtimeMs }) => mtimeMs)),
  );
  return Math.max(...times);
}

/**
 * Installs the dependencies of an example in `folder`, those of this repository from their sources. Does nothing if they
 * are installed and nothing has changed. Changes no file that git tracks. Throws an `ExampleError` if the registry cannot
 * be reached.
 */
export async function install(example: Example, folder: string): Promise<void> {
  const packed = join(folder, ".packages");
  await rm(packed, { recursive: true, force: true });
  await mkdir(packed, { recursive: true });
  const tarballs = await pack(example, packed);
  const hash = createHash("sha256");
  for (const file of [join(folder, "package.json"), ...tarballs]) hash.update(await readFile(file));
  const state = hash.digest("hex");
  const mark = join(folder, "node_modules/.example");
  if (existsSync(mark) && (await readFile(mark, "utf8")) === state) return;
  // npm writes its errors to stdout with `--json` only; stderr has the code in every version.
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
