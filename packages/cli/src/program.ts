/** The program: its commands, and its errors as messages and exit codes. */
import { Command, CommanderError, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { ClientError } from "@image-pipeline/client";
import { configure, program, UsageError } from "./command.ts";
import { explain } from "./connect.ts";
import { deletion, restoration } from "./delete.ts";
import { edit } from "./edit.ts";
import { feed } from "./feed.ts";
import { red } from "./format.ts";
import { get } from "./get.ts";
import { list } from "./list.ts";
import { mcp } from "./mcp.ts";
import { similar } from "./similar.ts";
import { enterStage, isUnreachable, NoStageError, PlaceError } from "./stage.ts";
import { upload } from "./upload.ts";
import { usage } from "./usage.ts";
import { webhooks } from "./webhooks.ts";

const images: CommandUnknownOpts[] = [
  ...[upload, list, get, similar, feed, edit, deletion, restoration, usage, webhooks, mcp],
];

/** Creates the program. Loads core only if one of its commands may run: AWS's clients take longer to load than `list`. */
async function createProgram(name: string | undefined): Promise<Command> {
  const root = configure(new Command(program), program)
    .usage("<command> [options]")
    .description("The command line of the image pipeline.")
    .addHelpText("after", epilogue);
  root.commandsGroup("Images:");
  for (const command of images) add(root, command);
  if (images.some((command) => command.name() === name)) return root;
  await enterStage();
  const { operations } = await import("./operations.ts");
  root.commandsGroup("Operations:");
  for (const command of operations) add(root, command);
  root.commandsGroup("Help:").helpCommand("help [command]", "Show the options and examples of a command");
  return root;
}

function add(root: CommandUnknownOpts, command: CommandUnknownOpts): void {
  const path = `${program} ${command.name()}`;
  root.addCommand(configure(command, path));
  for (const subcommand of command.commands) configure(subcommand, `${path} ${subcommand.name()}`);
}

const epilogue = `
Environment:
  IMAGE_API_URL    Base URL of the API (default: npm start on this machine)
  IMAGE_API_TOKEN  API key or JWT to authenticate with
  NO_COLOR         Set to anything for output without colors

Operations work on npm start on this machine, or on a deployed stage:
  npx sst shell --stage NAME -- ${program} doctor

Exit codes: 0 success, 1 something failed, 2 invalid command line, 130
interrupted. In scripts, npm run --silent image -- … omits npm's own two lines.`;

/** Runs a command line. Returns the exit code of an error; a command sets `process.exitCode` itself. */
export async function run(line: readonly string[]): Promise<number | undefined> {
  let running: CommandUnknownOpts | undefined;
  try {
    const root = await createProgram(line[0]);
    running = root;
    root.hook("preAction", (_, command) => {
      running = command;
    });
    await root.parseAsync(line, { from: "user" });
    return undefined;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof UsageError && running) return refuse(running, error);
    const message = messageOf(error);
    if (message === undefined) throw error;
    process.stderr.write(`${red("✗")} ${message}\n`);
    return 1;
  }
}

/** Reports a usage error the way Commander reports its own. */
function refuse(command: CommandUnknownOpts, { message }: UsageError): number {
  try {
    command.error(`error: ${message}`);
  } catch (error) {
    if (error instanceof CommanderError) return 2;
    throw error;
  }
}

/** Returns the message of an expected error. A bug keeps its stack. */
function messageOf(error: unknown): string | undefined {
  if (error instanceof ClientError) return explain(error);
  if (error instanceof NoStageError || error instanceof PlaceError) return error.message;
  if (isUnreachable(error)) return "The stage does not answer. Is `npm start` still running?";
  return undefined;
}
