/** The endpoint as a process of its own, to be killed: `node fixture-process.ts <folder>`. Says on stdout what happens. */
import { keys } from "./fixture.ts";
import { startS3 } from "./server.ts";

const [, , dataDir = ""] = process.argv;

const { url } = await startS3({
  dataDir,
  port: 0,
  buckets: ["uploads", "processed"],
  region: "us-east-1",
  ...keys,
  corsOrigins: "any local",
  onEvent: (event) => say({ event }),
});
say({ url });

/** A write to a pipe is done when this returns, so what was said is heard even if the process dies right after. */
function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
