/** The embedded S3 and DynamoDB in a child process, so that their CPU is measured apart from the processor's. */
import { openBuckets, openTable } from "../packages/local/src/stores.ts";

const [dataDir = ""] = process.argv.slice(2);
const options = {
  dataDir,
  s3Port: 0,
  dynamodbPort: 0,
  region: "us-east-1",
  credentials: { accessKeyId: "local", secretAccessKey: "local-secret" },
  endpoints: {},
  onEvent: () => {},
};
const [table, buckets] = await Promise.all([openTable(options), openBuckets(options)]);
process.send?.({ dynamodbUrl: table.url, s3Url: buckets.url });
process.on("message", () => process.send?.({ cpu: process.cpuUsage() }));
process.on("disconnect", () => process.exit());
