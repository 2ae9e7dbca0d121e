/** The endpoint as a child process, for kills: `node fixture-process.ts <folder>`. Reports its events on stdout. */
import { keys } from "./fixture.ts";
import { startS3 } from "./server.ts";

const [, , dataDir = ""] = process.argv;

const { url } = await startS3({
  dataDir,
  port: 0,
  buckets: ["uploads", "processed"],
  region: "us-east-1",
  ...keys,
  onEvent: (event) => say({ event }),
});
say({ url });

/** Writes to the pipe synchronously, so that the parent receives the line even if the process dies right after. */
function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
