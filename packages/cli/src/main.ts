/** `npm run image -- <command>`. */
import { run } from "./program.ts";

// `npm run image -- list | head` closes the pipe early.
for (const stream of [process.stdout, process.stderr])
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit();
  });

const code = await run(process.argv.slice(2));
if (code !== undefined) process.exitCode = code;
