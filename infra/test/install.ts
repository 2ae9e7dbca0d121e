/** SST's platform code, which the evaluation needs: `sst install` downloads it from npm, without an AWS account. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { platform, root } from "./platform.ts";

/** Installs the platform if it is missing. Throws if npm cannot be reached. */
export function ensureInstalled(): void {
  if (isInstalled()) return;
  console.log("Installing SST's platform code from npm, once; this takes about a minute.");
  try {
    execFileSync(join(root, "node_modules/.bin/sst"), ["install", "--stage", "dev"], {
      cwd: root,
      stdio: "pipe",
      // Only npm is needed: no bun, no Pulumi, no account.
      env: {
        ...process.env,
        SST_SKIP_DEPENDENCY_CHECK: "true",
        SST_NO_BUN: "1",
        SST_TELEMETRY_DISABLED: "1",
      },
    });
  } catch (cause) {
    throw new Error("`npx sst install` failed; the tests of infra/ need what it brings from npm.", { cause });
  }
}

/** Returns true if the platform has the version in package.json and every provider of sst.config.ts. */
function isInstalled(): boolean {
  const { version } = JSON.parse(readFileSync(join(root, "node_modules/sst/package.json"), "utf8"));
  return (
    ["aws", "random"].every((name) =>
      existsSync(join(platform, "node_modules/@pulumi", name, "package.json")),
    ) &&
    existsSync(join(platform, "version")) &&
    readFileSync(join(platform, "version"), "utf8").trim() === version
  );
}
