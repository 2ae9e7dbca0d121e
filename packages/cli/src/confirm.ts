/** Confirmation before an operation that changes much or cannot be undone. */
import { confirm as askYesNo, isCancel, text } from "@clack/prompts";
import { UsageError } from "./command.ts";

/** Standard error: standard output is for results alone. */
const asked = { output: process.stderr, withGuide: false };

/** Asks a yes-or-no question; no by default. Throws `UsageError` if there is no terminal to ask on. */
export async function confirm(message: string): Promise<boolean> {
  requireTerminal();
  const answer = await askYesNo({ ...asked, message, initialValue: false });
  return answer === true;
}

/**
 * Asks before a stage is changed, unless `yes`. On production the stage's name has to be typed, because a habit of
 * pressing y is not enough. Throws `UsageError` if there is no terminal to ask on.
 */
export async function confirmStage(
  message: string,
  stage: string,
  yes: boolean | undefined,
): Promise<boolean> {
  if (yes) return true;
  if (stage !== "production") return confirm(`${message} (stage ${stage})`);
  requireTerminal();
  const answer = await text({
    ...asked,
    message: `${message} Type the stage's name, ${stage}, to continue, or nothing to cancel:`,
    validate: (typed = "") =>
      ["", stage].includes(typed.trim()) ? undefined : `"${typed}" is not ${stage}.`,
  });
  return !isCancel(answer) && (answer ?? "").trim() === stage;
}

function requireTerminal(): void {
  if (process.stdin.isTTY && process.stderr.isTTY) return;
  throw new UsageError("There is no terminal to ask on: add --yes to continue without confirmation.");
}
