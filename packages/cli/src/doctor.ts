/** `doctor`: what is wrong between the buckets and the table, and its repair. */
import type { Doctor } from "@image-pipeline/core/pipeline/doctor";
import { defineCommand, UsageError, whole } from "./command.ts";
import { onInterrupt } from "./interrupt.ts";
import { startJob } from "./job.ts";
import { enterStage } from "./stage.ts";
import { bold, dim, green, printable, red, yellow } from "./terminal.ts";

export const doctor = defineCommand({
  usage: "doctor",
  summary: "Compare buckets and table, and say what is wrong",
  about:
    "Every object needs a record, every record its original and its variants.\n" +
    "Changes nothing without --fix, which repairs through the queue.\n" +
    "Exit codes: 0 all well, 3 warnings alone, 1 errors, 130 interrupted.",
  options: {
    fix: { type: "boolean", about: "Repair what can be repaired" },
    grace: { type: "string", value: "seconds", about: "Leave alone what is younger, 0–86400 (60)" },
    json: { type: "boolean", about: "JSON lines on standard output" },
  },
  examples: ["npm run image -- doctor", "npx sst shell --stage production -- npm run image -- doctor --fix"],
  async run({ values, positionals }) {
    if (positionals.length > 0) throw new UsageError(`"${positionals[0]}" is too much.`);
    const graceMs = (whole("grace", values.grace, 0, 86_400) ?? 60) * 1000;
    const stage = await enterStage();
    const { Doctor } = await import("@image-pipeline/core/pipeline/doctor");
    const interrupted = onInterrupt();
    const job = startJob(
      `doctor (${stage})`,
      { looked: 0, errors: 0, warnings: 0, repaired: 0 },
      { json: values.json },
    );
    try {
      for await (const { looked, findings } of Doctor.inspect(graceMs)) {
        job.counts.looked += looked;
        for (const finding of findings) {
          job.counts[finding.severity === "error" ? "errors" : "warnings"]++;
          const repaired = Boolean(values.fix && finding.repair) && (await mended(Doctor.repair, finding));
          if (repaired) job.counts.repaired++;
          job.say(wordsOf(finding, repaired), { ...finding, repaired });
        }
        if (interrupted.aborted) break;
      }
      const { errors, warnings, repaired } = job.counts;
      const wrong = errors + warnings;
      const hint = wrong > repaired && !values.fix ? dim(" --fix repairs what can be repaired.") : "";
      const found = `${errors} errors and ${warnings} warnings, ${repaired} sent for repair.${hint}`;
      const looked = `${job.counts.looked} objects and images`;
      if (interrupted.aborted) job.end(`Interrupted after ${looked}: ${found}`, { interrupted: true });
      else job.end(wrong === 0 ? `${green("✓")} ${looked}: all well.` : found);
    } finally {
      job.stop();
    }
    if (interrupted.aborted) return 130;
    if (job.counts.errors > 0) return 1;
    return job.counts.warnings > 0 ? 3 : 0;
  },
});

async function mended(mend: typeof Doctor.repair, { repair, where }: Doctor.Finding): Promise<boolean> {
  if (!repair) return false;
  try {
    await mend(repair);
    return true;
  } catch (error) {
    // The image may have changed or gone since it was looked at: the next run sees it as it is then.
    process.stderr.write(
      `${yellow("!")} ${printable(where)}: ${error instanceof Error ? error.message : error}\n`,
    );
    return false;
  }
}

function wordsOf({ severity, kind, where, message }: Doctor.Finding, repaired: boolean): string {
  const mark = severity === "error" ? red("✗") : yellow("!");
  const end = repaired ? green("  sent for repair") : "";
  return `${mark} ${bold(kind.replaceAll("_", " "))}  ${printable(where)}\n  ${printable(message)}${end}`;
}
