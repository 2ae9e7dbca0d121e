/** Commander commands with the options, value parsers and help that all commands share. */
import { stripVTControlCharacters } from "node:util";
import { Command, type CommandUnknownOpts, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { bold, cyan, dim, red } from "./format.ts";

/** The command line cannot be carried out as typed. Exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The start of every command line in examples and hints. */
export const program = "npm run image --";

/** Creates a command. The overview shows the first line of `description`. */
export function command(name: string, description: string, examples: readonly string[] = []): Command {
  const [summary = "", about] = description.split("\n\n");
  const created = new Command(name)
    .summary(summary)
    .description(about ? `${summary}.\n\n${about}` : `${summary}.`);
  if (examples.length > 0) {
    created.addHelpText("after", `\n${bold("Examples:")}\n${examples.map((line) => `  ${line}`).join("\n")}`);
  }
  return created;
}

/** `--url`: the API that images are sent to and read from. */
export const urlOption = () =>
  new Option("--url <url>", "Base URL of the API (default: IMAGE_API_URL, or `npm start` on this machine)");

/** `--json`. */
export const jsonOption = () => new Option("--json", "Print JSON lines on standard output");

/** `--yes`. */
export const yesOption = () => new Option("-y, --yes", "Do not ask for confirmation");

/** `--rate`: images a second. */
export const rateOption = () =>
  new Option("--rate <n>", "Send at most n images a second, 1–10000").argParser(whole(1, 10_000));

/** `--dry-run`. */
export const dryRunOption = (about = "Only count the images and estimate the cost") =>
  new Option("--dry-run", about);

/** `--checkpoint`: the file that a job continues from. */
export const checkpointOption = (name: string) =>
  new Option("--checkpoint <file>", `File to keep the position in (default: .image-${name}-STAGE.json)`);

/** Parses a whole number from `min` to `max`; Commander reports what is refused. */
export const whole =
  (min: number, max: number) =>
  (given: string): number => {
    const number = Number(given);
    if (/^\d+$/.test(given) && number >= min && number <= max) return number;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };

/** Parses a time, or a day as its start in UTC. */
export function time(given: string): string {
  const text = /^\d{4}-\d\d-\d\d$/.test(given) ? `${given}T00:00:00Z` : given;
  if (/^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(Date.parse(text))) return text;
  throw new InvalidArgumentError(`It must be ${times}.`);
}

const times = "a day such as 2026-11-23, or a time such as 2026-11-23T07:34:14Z";

/** Parses an expiry: a time, a day, or a number of days or hours from now such as `30d` and `12h`. */
export function expiry(given: string): string {
  const [, count, unit] = /^(\d{1,6})([dh])$/.exec(given) ?? [];
  if (!count && !/^\d{4}-/.test(given))
    throw new InvalidArgumentError(`It must be a duration such as 30d or 12h, ${times}.`);
  if (!count) return time(given);
  return new Date(Date.now() + Number(count) * (unit === "d" ? 86_400_000 : 3_600_000)).toISOString();
}

/** Collects the values of an option that may be repeated. */
export const collect = (value: string, previous: string[] | undefined): string[] => [
  ...(previous ?? []),
  text(value),
];

/** Refuses an option as the value of another: `--prefix --dry-run` must not run for real. */
function text(value: string): string {
  if (!value.startsWith("--")) return value;
  throw new InvalidArgumentError("It looks like an option; the value is missing.");
}

/** Makes the errors of a command throw `CommanderError`, and colors its errors and help. */
export function configure<C extends CommandUnknownOpts>(target: C, path: string): C {
  for (const option of target.options) if (option.required && !option.parseArg) option.argParser(text);
  return target
    .helpOption("-h, --help", "Show this help")
    .showHelpAfterError(dim(`See ${path} --help`))
    .exitOverride()
    .configureOutput({
      outputError: (text, write) =>
        write(text.replace(/^error: (.)/, (_, first: string) => `${red("✗")} ${first.toUpperCase()}`)),
    })
    .configureHelp({
      subcommandTerm: (subcommand) =>
        `${subcommand.name()} ${subcommand.usage().replace(/\[options\] ?/, "")}`.trim(),
      styleTitle: bold,
      styleSubcommandTerm: cyan,
      styleOptionTerm: cyan,
      styleArgumentTerm: cyan,
      displayWidth: (text) => stripVTControlCharacters(text).length,
    });
}
