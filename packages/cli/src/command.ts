/** What a command is, how its line is read, and its help. Unknown options are refused: a mistyped `--dry-run` must not run. */
import { type ParseArgsOptionsConfig, parseArgs } from "node:util";
import { bold, cyan, dim } from "./terminal.ts";

/** One option as a person sees it: `value` names what it takes, where it takes something. */
export type Option = ParseArgsOptionsConfig[string] & { readonly about: string; readonly value?: string };
export type Options = { readonly [name: string]: Option };

/** What was typed: the options by name, and everything else in order. */
export type Args<O extends Options> = {
  values: ReturnType<typeof parseArgs<{ options: O; strict: true }>>["values"];
  positionals: string[];
};

export type Command<O extends Options = Options> = {
  /** What follows `npm run image --`, with `<needed>` and `[optional]` parts. */
  usage: string;
  /** One line, in the list of commands. */
  summary: string;
  /** What else there is to know, in lines of at most 78 characters. */
  about?: string;
  options: O;
  examples?: readonly string[];
  /** Returns the exit code: 0 all went well, 1 something failed, 130 interrupted. Throws `UsageError`. */
  run(args: Args<O>): Promise<number>;
};

/** The line cannot be understood. Exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** A command whose options are known to its `run` by name and type. */
export const defineCommand = <const O extends Options>(command: Command<O>): Command =>
  command as unknown as Command;

/** Options that every command which talks to the API has. */
export const apiOptions = {
  url: { type: "string", value: "url", about: "Where the API is: IMAGE_API_URL, or `npm start` here" },
  json: { type: "boolean", about: "JSON lines on standard output" },
} as const satisfies Options;

export const help = { type: "boolean", short: "h", about: "This help" } as const satisfies Option;

/** Reads a command's line. Throws `UsageError` for what the command does not know. */
export function parse(command: Command, line: readonly string[]): Args<Options> & { help: boolean } {
  try {
    const { values, positionals } = parseArgs({
      args: [...line],
      options: { ...command.options, help },
      strict: true,
      allowPositionals: true,
    });
    return { values, positionals, help: values.help === true };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    // Node explains at length how to pass a positional that starts with a dash; the first sentence is enough.
    const [first = ""] = error.message.split(/(?<=')\. /);
    throw new UsageError(first.replace(/\.?$/, "."), { cause: error });
  }
}

/** A whole number given as an option. Throws `UsageError` outside of `min` to `max`. */
export function whole(name: string, given: string | undefined, min: number, max: number): number | undefined {
  if (given === undefined) return undefined;
  const number = Number(given);
  if (/^\d+$/.test(given) && number >= min && number <= max) return number;
  throw new UsageError(`--${name} takes a whole number from ${min} to ${max}, not "${given}".`);
}

/** The help of one command. */
export function helpOf({ usage, summary, about, options, examples = [] }: Command): string {
  return [
    "",
    `  ${summary}`,
    ...(about ? ["", ...about.split("\n").map((line) => `  ${line}`)] : []),
    "",
    `  ${bold("Usage")}`,
    `    npm run image -- ${usage}`,
    "",
    `  ${bold("Options")}`,
    ...rows(
      Object.entries({ ...options, help }).map(([name, option]) => [flagOf(name, option), option.about]),
    ),
    ...(examples.length > 0
      ? ["", `  ${bold("Examples")}`, ...examples.map((line) => `    ${dim(line)}`)]
      : []),
    "",
  ].join("\n");
}

/** The help of the whole: groups of commands by name. */
export function overview(groups: Record<string, Record<string, Command>>): string {
  const sections: Record<string, [string, string][]> = {
    ...Object.fromEntries(
      Object.entries(groups).map(([title, group]) => [
        title,
        Object.values(group).map(({ usage, summary }): [string, string] => [usage, summary]),
      ]),
    ),
    "For each": [["<command> --help", "Its options, with examples"]],
    Environment: [
      ["IMAGE_API_URL", "Where the API is (`npm start` here, by its PORT or 3000)"],
      ["IMAGE_API_TOKEN", "Who asks: an API key or a user's token"],
      ["NO_COLOR", "Set to anything: no colours"],
    ],
  };
  const width = Math.max(...Object.values(sections).flatMap((pairs) => pairs.map(([left]) => left.length)));
  return [
    "",
    `  ${bold("image")}  ${dim("the command line of the image pipeline")}`,
    "",
    `  ${bold("Usage")}`,
    "    npm run image -- <command> [options]",
    ...Object.entries(sections).flatMap(([title, pairs]) => ["", `  ${bold(title)}`, ...rows(pairs, width)]),
    "",
    dim("  Operations work on this machine's `npm start`, or on a deployed stage:"),
    dim("  npx sst shell --stage NAME -- npm run image -- doctor"),
    "",
    dim("  Exit codes: 0 all went well, 1 something failed, 2 not understood, 130 interrupted."),
    dim("  In scripts, `npm run --silent image -- …` leaves out the two lines that npm prints first."),
    "",
  ].join("\n");
}

function flagOf(name: string, { short, value }: Option): string {
  return `${short ? `-${short}, ` : ""}--${name}${value ? ` <${value}>` : ""}`;
}

function rows(pairs: readonly (readonly [string, string])[], least = 0): string[] {
  const width = Math.max(least, ...pairs.map(([left]) => left.length));
  return pairs.map(([left, right]) => `    ${cyan(left.padEnd(width))}  ${right}`);
}
