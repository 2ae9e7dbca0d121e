/** `redrive`: moves dead letters back to the queue and reprocesses failed images. */
import { Queue } from "@image-pipeline/core/aws/queue";
import { Scan } from "@image-pipeline/core/records/scan";
import { command, dryRunOption, jsonOption, program, rateOption, yesOption } from "./command.ts";
import { confirmStage } from "./confirm.ts";
import { printable, red, yellow } from "./format.ts";
import { createSender } from "./job.ts";
import { inWords, onInterrupt, startProgress } from "./progress.ts";
import { resend } from "./reprocess.ts";
import { requireStage } from "./stage.ts";

export const redrive = command(
  "redrive",
  `Retry dead letters and failed images

Moves the messages in the dead-letter queue back to the processing queue, and reprocesses the images that dead letters have marked as failed. Fix the cause first: the processor's log names it.`,
  [`npx sst shell --stage production -- ${program} redrive --dry-run`],
)
  .addOption(rateOption())
  .addOption(dryRunOption("Only count them"))
  .addOption(yesOption())
  .addOption(jsonOption())
  .action(async ({ rate, dryRun = false, yes, json }) => {
    const stage = await requireStage();
    if (!dryRun && !(await confirmStage("Retry dead letters and failed images?", stage, yes))) {
      process.stderr.write("Nothing was sent. --dry-run counts them.\n");
      process.exitCode = 1;
      return;
    }
    const interrupted = onInterrupt();
    const progress = startProgress(
      `redrive (${stage})${dryRun ? ", dry run" : ""}`,
      { looked: 0, "dead letters": 0, failed: 0, refused: 0 },
      { json, total: await Scan.total() },
    );
    const { counts } = progress;
    try {
      const waiting = await Queue.deadLetters();
      counts["dead letters"] = waiting;
      if (!dryRun && waiting > 0) {
        for await (const { moved, done } of Queue.redrive()) {
          counts["dead letters"] = moved;
          if (done && moved < waiting) progress.say(heldBack(waiting - moved), { held: waiting - moved });
          // SQS moves the rest on its own.
          if (interrupted.aborted) break;
        }
      }
      const resendFailed = (ids: readonly string[]) => resend(ids, "redrive");
      const send = createSender({ send: resendFailed, batchMax: 1 }, rate, interrupted);
      for await (const { records } of Scan.images()) {
        if (interrupted.aborted) break;
        const failed = records.filter(({ status }) => status === "failed").map(({ imageID }) => imageID);
        const { sent, refused } = dryRun ? { sent: failed.length, refused: [] } : await send(failed);
        for (const { id, message } of refused) {
          progress.say(`${red("✗")} ${id} ${printable(message)}`, { id, message });
        }
        counts.looked += records.length;
        counts.failed += sent;
        counts.refused += refused.length;
      }
      const done = dryRun ? "Found:" : "Sent:";
      const end = interrupted.aborted ? "Interrupted; run it again for the rest." : done;
      progress.end(`${end} ${inWords(counts)}.`, { interrupted: interrupted.aborted, dryRun });
    } finally {
      progress.stop();
    }
    if (interrupted.aborted) process.exitCode = 130;
    else if (counts.refused > 0) process.exitCode = 1;
  });

const heldBack = (count: number) =>
  `${yellow("!")} ${count} more dead letters are in flight: the dead-letter function is marking their images as failed. Run it again in two minutes.`;
