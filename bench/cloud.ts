/** The embedded mode in a process of its own, as `npm start` runs it: says where it is, when it is idle, what it used. */
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
  process.send?.({ cpu: process.cpuUsage() });
});
process.on("disconnect", () => cloud.stop().finally(() => process.exit()));
process.send?.({ url: cloud.url, s3Url: cloud.s3Url });
