/**
 * `npm run check:next`: runs the tests of the app under SST 4. Optional, because it installs that version with its
 * platform code (about 400 MB, in `.sst/next`) in addition to the one in use.
 */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildPage } from "../../packages/local/src/gallery.ts";
import { root } from "./platform.ts";

const version = "4.17.1";
const next = join(root, ".sst/next");

/** The tests to run: those of the graph and its types. Bundles do not differ; the version in use writes sst-env.d.ts. */
const promises = [
  "resource-types",
  "storage",
  "queues",
  "rights",
  "links",
  "router",
  "functions",
  "table",
  "alarms",
  "breaker",
  "/types",
];

// The files of the gallery are deployed as well, and the documents that `/llms.txt` lists.
await buildPage();
mkdirSync(next, { recursive: true });
for (const name of ["sst.config.ts", "sst-env.d.ts", "README.md", "docs", "clients", "infra", "packages"]) {
  rmSync(join(next, name), { recursive: true, force: true });
  cpSync(join(root, name), join(next, name), {
    recursive: true,
    filter: (path) => !/node_modules|\.data|target$/.test(path),
  });
}
// npm installs a package into a workspace's own folder where the root has another version of it.
for (const name of readdirSync(join(root, "packages"))) {
  const installed = join(root, "packages", name, "node_modules");
  if (existsSync(installed)) symlinkSync(installed, join(next, "packages", name, "node_modules"));
}
// A separate project; every package except SST resolves to a folder above.
writeFileSync(
  join(next, "package.json"),
  JSON.stringify({ private: true, type: "module", dependencies: { sst: version } }),
);

const run = (command: string, args: string[], cwd: string, env: Record<string, string> = {}) =>
  execFileSync(command, args, { cwd, stdio: "inherit", env: { ...process.env, ...env } });

// The API's archive includes a file of this package, by its path in the project. npm would delete the package itself
// through a link that it finds, as one that package.json does not name.
const scalar = join(next, "node_modules/@scalar");
rmSync(scalar, { force: true });
run("npm", ["install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", `sst@${version}`], next);
symlinkSync(join(root, "node_modules/@scalar"), scalar);
run(join(root, "node_modules/.bin/vitest"), ["run", "--project", "infra", ...promises], root, {
  SST_ROOT: next,
});
