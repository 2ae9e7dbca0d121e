/** The embedded mode in a process of its own, as `npm start` runs it: says where it is, when it is idle, what it used. */
import { readdirSync, readFileSync } from "node:fs";
import { Settings } from "../packages/core/src/settings.ts";
import { startCloud } from "../packages/local/src/cloud.ts";

const [dataDir = "", workers = "2"] = process.argv.slice(2);
const cloud = await startCloud({
  dataDir,
  port: 0,
  s3Port: 0,
  dynamodbPort: 0,
  pipeline: { ...Settings.pipelineDefaults, anonymous: true },
  workers: Number(workers),
});
await cloud.settled();
process.on("message", async () => {
  await cloud.settled();
  const { user, system } = process.cpuUsage();
  process.send?.({ main: (user + system) / 1000, children: cpuOfChildren() });
});
process.on("disconnect", () => cloud.stop().finally(() => process.exit()));
process.send?.({ url: cloud.url, s3Url: cloud.s3Url });

/** The CPU that this process's children have used so far, in milliseconds; Linux alone tells. */
function cpuOfChildren(): number {
  if (process.platform !== "linux") return Number.NaN;
  let ticks = 0;
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    // Whatever ended while this looked is none of ours: ours run on.
    const stat = readIfThere(`/proc/${pid}/stat`);
    // The name, in brackets, may hold anything; after it come the state, the parent and so on.
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
