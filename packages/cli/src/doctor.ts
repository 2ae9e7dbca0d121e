/** `doctor`: finds differences between the buckets and the table, and repairs them. */
import { Doctor } from "@image-pipeline/core/pipeline/doctor";
import { command, jsonOption, program, whole } from "./command.ts";
import { bold, dim, green, printable, red, yellow } from "./format.ts";
import { onInterrupt, startProgress } from "./progress.ts";
import { requireStage } from "./stage.ts";

export const doctor = command(
  "doctor",
  `Compare the buckets with the table and report what is wrong

Every object needs a record; every record needs its original and its variants. Changes nothing without --fix, which repairs through the queue. Shows the first ten of each kind; --json lists all.

Exit codes: 0 no findings, 3 warnings only, 1 errors, 130 interrupted.`,
  [`${program} doctor`, `npx sst shell --stage production -- ${program} doctor --fix`],
)
  .option("--fix", "Repair what can be repaired")
  .option(
    "--grace <seconds>",
    "Ignore objects and images changed in the last 0–86400 seconds",
    whole(0, 86_400),
    60,
  )
  .addOption(jsonOption())
  .action(async ({ fix = false, grace, json }) => {
    const stage = await requireStage();
    const interrupted = onInterrupt();
    const progress = startProgress(
      `doctor (${stage})`,
      { looked: 0, errors: 0, warnings: 0, repaired: 0 },
      { json },
    );
    const { counts } = progress;
    const groups: Groups = new Map();
    try {
      for await (const { looked, findings } of Doctor.inspect(grace * 1000)) {
        counts.looked += looked;
        for (const finding of findings) {
          counts[finding.severity === "error" ? "errors" : "warnings"]++;
          const repaired = fix && (await repair(finding));
          if (repaired) counts.repaired++;
          if (json) progress.say("", { ...finding, repaired });
          else collect(groups, finding, repaired);
        }
        if (interrupted.aborted) break;
      }
      for (const [kind, group] of groups) progress.say(inLines(kind, group), {});
      const found = counts.errors + counts.warnings;
      const hint = found > counts.repaired && !fix ? dim(" --fix repairs what can be repaired.") : "";
      const result = `${counts.errors} errors and ${counts.warnings} warnings, ${counts.repaired} sent for repair.${hint}`;
      const looked = `${counts.looked} objects and images`;
      if (interrupted.aborted) progress.end(`Interrupted after ${looked}: ${result}`, { interrupted: true });
      else progress.end(found === 0 ? `${green("✓")} ${looked}: no findings.` : result);
    } finally {
      progress.stop();
    }
    if (interrupted.aborted) process.exitCode = 130;
    else if (counts.errors > 0) process.exitCode = 1;
    else if (counts.warnings > 0) process.exitCode = 3;
  });

/** Repairs a finding. Returns false if there is no repair, or the image has changed since it was looked at. */
async function repair({ repair, where }: Doctor.Finding): Promise<boolean> {
  if (!repair) return false;
  try {
    await Doctor.repair(repair);
    return true;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`${yellow("!")} ${printable(where)}: ${message}\n`);
    return false;
  }
}

/** Findings of one kind: how many, and the text of the first of them. */
export type Group = { severity: Doctor.Finding["severity"]; count: number; lines: string[] };
export type Groups = Map<Doctor.Finding["kind"], Group>;

/** Findings of each kind that a terminal shows. */
const shownMax = 10;

/** Counts a finding, and keeps the text of the first ten of its kind. */
export function collect(
  groups: Groups,
  { kind, severity, where, message }: Doctor.Finding,
  repaired: boolean,
): void {
  const group = groups.get(kind) ?? { severity, count: 0, lines: [] };
  groups.set(kind, group);
  group.count++;
  if (group.lines.length === shownMax) return;
  const end = repaired ? green("  sent for repair") : "";
  group.lines.push(`  ${printable(where)}${end}\n    ${dim(printable(message))}`);
}

/** Returns the findings of one kind as text: their number, the first ten, and how many follow. */
export function inLines(kind: string, { severity, count, lines }: Group): string {
  const mark = severity === "error" ? red("✗") : yellow("!");
  const more = count - lines.length;
  const rest = more > 0 ? [dim(`  … and ${more.toLocaleString("en")} more; --json lists all.`)] : [];
  const title = `${mark} ${bold(kind.replaceAll("_", " "))}: ${count.toLocaleString("en")}`;
  return [title, ...lines, ...rest, ""].join("\n");
}
