/** Asking before an operation that changes much. */
import { UsageError } from "./command.ts";
import { ask, confirm } from "./confirm.ts";

/**
 * Whether to go on. `--yes` says so, anybody at a terminal may; in production they type the stage's name, so that a
 * habit of pressing y is not enough. Throws `UsageError` where there is nobody to ask.
 */
export async function permit(what: string, stage: string, yes: boolean | undefined): Promise<boolean> {
  if (yes) return true;
  if (stage !== "production") return confirm(`${what} (stage ${stage})`);
  const typed = await ask(`${what} Type the stage's name, ${stage}, to go on: `);
  if (typed.trim() === stage) return true;
  if (typed.trim() === "") return false;
  throw new UsageError(`"${typed.trim()}" is not ${stage}.`);
}
