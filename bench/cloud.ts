/** The embedded mode in a separate process. Sends its URLs and a service key, and on each message, once idle, the CPU that it used. */
import { readdirSync, readFileSync } from "node:fs";
import { Settings } from "../packages/core/src/settings.ts";
import { startCloud } from "../packages/local/src/cloud.ts";

// `settings`: JSON, on top of the defaults.
const [dataDir = "", workers = "2", settings = "{}"] = process.argv.slice(2);
const cloud = await startCloud({
  dataDir,
  port: 0,
  s3Port: 0,
  dynamodbPort: 0,
  pipeline: { ...Settings.pipelineDefaults, anonymous: true, ...JSON.parse(settings) },
  workers: Number(workers),
});
await cloud.settled();
process.on("message", async () => {
  await cloud.settled();
  const { user, system } = process.cpuUsage();
  process.send?.({ main: (user + system) / 1000, children: cpuOfChildren() });
});
process.on("disconnect", () => cloud.stop().finally(() => process.exit()));
// Only now: it reads the links that the cloud has set.
const { ApiKey } = await import("../packages/core/src/api-key.ts");
const { key } = await ApiKey.create({ name: "bench", scopes: ["images:read", "images:write", "service"] });
process.send?.({ url: cloud.url, s3Url: cloud.s3Url, key });

/** Returns the CPU of the running children in milliseconds. Linux only: `NaN` elsewhere. */
function cpuOfChildren(): number {
  if (process.platform !== "linux") return Number.NaN;
  let ticks = 0;
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    // A process may exit between the two reads; the workers keep running.
    const stat = readIfThere(`/proc/${pid}/stat`);
    // The name in brackets may contain spaces; state and parent follow it.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (Number(fields[1]) === process.pid) ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks * 10;
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
