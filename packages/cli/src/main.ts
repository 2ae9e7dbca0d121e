/** `npm run image -- <command>`: finds the command, runs it, and turns what it throws into words and an exit code. */
import { ClientError } from "@image-pipeline/client/client";
import { backfill } from "./backfill.ts";
import { type Command, helpOf, overview, parse, UsageError } from "./command.ts";
import { explain } from "./connect.ts";
import { deletion } from "./delete.ts";
import { doctor } from "./doctor.ts";
import { get } from "./get.ts";
import { key } from "./key.ts";
import { list } from "./list.ts";
import { redrive } from "./redrive.ts";
import { reprocess } from "./reprocess.ts";
import { isUnreachable, NoStageError } from "./stage.ts";
import { red } from "./terminal.ts";
import { upload } from "./upload.ts";

const groups: Record<string, Record<string, Command>> = {
  Images: { upload, list, get, delete: deletion },
  Operations: { doctor, backfill, reprocess, redrive, key },
};

async function main([name, ...line]: readonly string[]): Promise<number> {
  if (name === undefined || name === "help" || name === "--help" || name === "-h") {
    process.stdout.write(`${overview(groups)}\n`);
    return name === undefined ? 2 : 0;
  }
  const commands: Record<string, Command> = Object.assign({}, ...Object.values(groups));
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) return misunderstood(`There is no command "${name}".`, "npm run image -- --help");
  try {
    const args = parse(command, line);
    if (!args.help) return await command.run(args);
    process.stdout.write(`${helpOf(command)}\n`);
    return 0;
  } catch (error) {
    if (error instanceof UsageError) return misunderstood(error.message, `npm run image -- ${name} --help`);
    if (error instanceof ClientError) {
      process.stderr.write(`${red("✗")} ${explain(error)}\n`);
      return 1;
    }
    return fault(error);
  }
}

/** What went wrong outside of this program, in a sentence. A bug of ours keeps its stack. */
function fault(error: unknown): number {
  const words =
    error instanceof NoStageError
      ? error.message
      : isUnreachable(error)
        ? "The stage does not answer. Is `npm start` still running?"
        : undefined;
  if (words === undefined) throw error;
  process.stderr.write(`${red("✗")} ${words}\n`);
  return 1;
}

function misunderstood(message: string, help: string): number {
  process.stderr.write(`${red("✗")} ${message} See ${help}\n`);
  return 2;
}

// `npm run image -- list | head` closes the pipe early: that is no fault.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

process.exitCode = await main(process.argv.slice(2));
