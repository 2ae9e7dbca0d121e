/**
 * `npm run check:next`: the same app, held to the same promises, under SST 4. Optional, because it installs that
 * version with its platform code (some 400 MB, in `.sst/next`) beside the one that is used.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildPage } from "../../packages/local/src/gallery.ts";
import { root } from "./platform.ts";

const version = "4.17.1";
const next = join(root, ".sst/next");

/** What is tried: the graph and its types. The bundles are the same, and sst-env.d.ts is what the version in use writes. */
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

// Its files are deployed as well.
await buildPage();
mkdirSync(next, { recursive: true });
for (const name of ["sst.config.ts", "sst-env.d.ts", "infra", "packages"]) {
  rmSync(join(next, name), { recursive: true, force: true });
  cpSync(join(root, name), join(next, name), {
    recursive: true,
    filter: (path) => !/node_modules|\.data/.test(path),
  });
}
// A workspace of its own; everything but SST is found in the folders above.
writeFileSync(
  join(next, "package.json"),
  JSON.stringify({ private: true, type: "module", dependencies: { sst: version } }),
);

const run = (command: string, args: string[], cwd: string, env: Record<string, string> = {}) =>
  execFileSync(command, args, { cwd, stdio: "inherit", env: { ...process.env, ...env } });

run("npm", ["install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", `sst@${version}`], next);
run(join(root, "node_modules/.bin/vitest"), ["run", "--project", "infra", ...promises], root, {
  SST_ROOT: next,
});
