/** Asking before something that cannot be undone. */
import { createInterface } from "node:readline/promises";
import { UsageError } from "./command.ts";
import { bold, dim, isTerminal } from "./terminal.ts";

/** Asks a yes-or-no question; anything but yes is no. Throws `UsageError` where there is nobody to ask. */
export async function confirm(question: string): Promise<boolean> {
  return /^y(es)?$/i.test((await ask(`${bold(question)} ${dim("[y/N]")} `)).trim());
}

/** Asks for a line. Throws `UsageError` where there is nobody to ask. */
export async function ask(question: string): Promise<string> {
  if (!process.stdin.isTTY || !isTerminal(process.stderr)) {
    throw new UsageError("There is no terminal to ask on: add --yes to go on without asking.");
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await terminal.question(question);
  } finally {
    terminal.close();
  }
}
