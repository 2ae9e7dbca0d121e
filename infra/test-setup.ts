/** Once before the tests of `infra/`: SST's platform code is there, and every stage has been evaluated with it. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { evaluate } from "./graph.ts";
import { bundle, platform, root } from "./graph-bundle.ts";
import { stages } from "./test-stages.ts";

export default async function setup(): Promise<void> {
  if (!isInstalled()) install();
  await bundle();
  // Two at a time: each is a process that uses a core for some seconds.
  const queue = Object.values(stages).values();
  const worker = async () => {
    for (const stage of queue) await evaluate(stage);
  };
  await Promise.all([worker(), worker()]);
}

/** Whether the platform is there, in the version of package.json and with every provider of sst.config.ts. */
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

function install(): void {
  console.log("Installing SST's platform code from npm, once; this takes about a minute.");
  try {
    execFileSync("npx", ["sst", "install", "--stage", "dev"], {
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
