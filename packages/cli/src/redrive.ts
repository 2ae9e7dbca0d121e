/** `redrive`: what the queue has given up on gets another chance. */
import { defineCommand, UsageError, whole } from "./command.ts";
import { onInterrupt } from "./interrupt.ts";
import { inWords, startJob } from "./job.ts";
import { pace } from "./pace.ts";
import { permit } from "./permit.ts";
import { resend } from "./resend.ts";
import { enterStage } from "./stage.ts";
import { red, yellow } from "./terminal.ts";

export const redrive = defineCommand({
  usage: "redrive",
  summary: "Give what the queue gave up on another chance",
  about:
    "Moves what is left among the dead letters back to the queue, and sends the\n" +
    "images through again that dead letters have marked as failed. Mend the cause\n" +
    "first: the processor's log says it.",
  options: {
    rate: { type: "string", value: "n", about: "At most so many images a second, 1–10000" },
    "dry-run": { type: "boolean", about: "Only count" },
    yes: { type: "boolean", short: "y", about: "Do not ask" },
    json: { type: "boolean", about: "JSON lines on standard output" },
  },
  examples: ["npx sst shell --stage production -- npm run image -- redrive --dry-run"],
  async run({ values, positionals }) {
    if (positionals.length > 0) throw new UsageError(`"${positionals[0]}" is too much.`);
    const perSecond = whole("rate", values.rate, 1, 10_000);
    const dryRun = values["dry-run"] ?? false;
    const stage = await enterStage();
    if (!dryRun && !(await permit("Send dead letters and failed images through again?", stage, values.yes))) {
      process.stderr.write("Nothing was sent. --dry-run counts them.\n");
      return 1;
    }
    const { DeadLetters } = await import("@image-pipeline/core/aws/dead-letters");
    const { Scan } = await import("@image-pipeline/core/records/scan");
    const interrupted = onInterrupt();
    const counts = { looked: 0, "dead letters": 0, failed: 0, refused: 0 };
    const job = startJob(`redrive (${stage})${dryRun ? ", dry run" : ""}`, counts, {
      json: values.json,
      total: await Scan.total(),
    });
    const turn = pace(perSecond, interrupted);
    try {
      const lying = await DeadLetters.count();
      counts["dead letters"] = lying;
      if (!dryRun && lying > 0) {
        for await (const { moved, done } of DeadLetters.redrive()) {
          counts["dead letters"] = moved;
          if (done && moved < lying) job.say(heldWords(lying - moved), { held: lying - moved });
          // The queue moves the rest by itself.
          if (interrupted.aborted) break;
        }
      }
      for await (const { records } of Scan.images()) {
        if (interrupted.aborted) break;
        const failed = records.filter(({ status }) => status === "failed").map(({ imageID }) => imageID);
        const { sent, refused } = dryRun
          ? { sent: failed.length, refused: [] }
          : await resend(failed, "redrive", turn);
        for (const { id, message } of refused) job.say(`${red("✗")} ${id} ${message}`, { id, message });
        counts.looked += records.length;
        counts.failed += sent;
        counts.refused += refused.length;
      }
      const end = interrupted.aborted
        ? "Interrupted; run it again for the rest."
        : dryRun
          ? "Found:"
          : "Sent:";
      job.end(`${end} ${inWords(counts)}.`, { interrupted: interrupted.aborted, dryRun });
    } finally {
      job.stop();
    }
    if (interrupted.aborted) return 130;
    return counts.refused > 0 ? 1 : 0;
  },
});

const heldWords = (count: number) =>
  `${yellow("!")} ${count} more dead letters are held by the function that marks their images as failed: run it again in two minutes.`;
