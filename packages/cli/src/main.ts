/** `npm run image -- <command>`. */
import { run } from "./program.ts";

// `npm run image -- list | head` closes the pipe early.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

const code = await run(process.argv.slice(2));
if (code !== undefined) process.exitCode = code;
