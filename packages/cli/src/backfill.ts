/** `backfill`: what was in the bucket before the pipeline came. */
import type { Queue } from "@image-pipeline/core/aws/queue";
import * as v from "valibot";
import { openCheckpoint } from "./checkpoint.ts";
import { defineCommand, UsageError, whole } from "./command.ts";
import { costInWords, costOf } from "./cost.ts";
import { onInterrupt } from "./interrupt.ts";
import { inWords, startJob } from "./job.ts";
import { pace } from "./pace.ts";
import { permit } from "./permit.ts";
import { eachOf, pieces } from "./pieces.ts";
import { enterStage } from "./stage.ts";
import { printable } from "./terminal.ts";

const Place = v.object({ after: v.string(), looked: v.number(), sent: v.number() });

/** Keys between two checkpoints: one read of the table. */
const pieceMax = 100;

/** Messages to a request, and requests at once. */
const batchMax = 10;
const atOnce = 8;

export const backfill = defineCommand({
  usage: "backfill",
  summary: "Take in what was already in the uploads bucket",
  about:
    "Lists the bucket and sends whatever has no record of its present bytes\n" +
    "through the queue. May be interrupted: the same command goes on from its\n" +
    "checkpoint. Running it twice does no harm.",
  options: {
    prefix: { type: "string", value: "text", about: "Only keys that start with it" },
    rate: { type: "string", value: "n", about: "At most so many images a second, 1–10000" },
    "dry-run": { type: "boolean", about: "Only count, and estimate the cost" },
    yes: { type: "boolean", short: "y", about: "Do not ask" },
    checkpoint: {
      type: "string",
      value: "file",
      about: "Where to keep its place (.image-backfill-STAGE.json)",
    },
    json: { type: "boolean", about: "JSON lines on standard output" },
  },
  examples: [
    "npm run image -- backfill --dry-run",
    "npx sst shell --stage production -- npm run image -- backfill --prefix 2019/ --rate 200",
  ],
  async run({ values, positionals }) {
    if (positionals.length > 0) throw new UsageError(`"${positionals[0]}" is too much.`);
    const perSecond = whole("rate", values.rate, 1, 10_000);
    const { prefix } = values;
    const dryRun = values["dry-run"] ?? false;
    const stage = await enterStage();
    const { Storage } = await import("@image-pipeline/core/aws/storage");
    const { Reconcile } = await import("@image-pipeline/core/pipeline/reconcile");
    const { Queue } = await import("@image-pipeline/core/aws/queue");
    const file = values.checkpoint ?? `.image-backfill-${stage}.json`;
    const what = { command: "backfill", stage, prefix: prefix ?? "" };
    const checkpoint = dryRun ? undefined : await openCheckpoint(file, what, Place);
    const from = checkpoint?.place;
    if (
      !dryRun &&
      !(await permit("Send everything without a record through the pipeline?", stage, values.yes))
    ) {
      process.stderr.write("Nothing was sent. --dry-run counts and estimates the cost.\n");
      return 1;
    }
    const interrupted = onInterrupt();
    const counts = { looked: from?.looked ?? 0, found: from?.sent ?? 0 };
    const job = startJob(`backfill (${stage})${dryRun ? ", dry run" : ""}`, counts, { json: values.json });
    if (from) job.say(`Going on after ${printable(from.after)}.`, { resumed: from });
    const turn = pace(perSecond, interrupted);
    const send = async (batch: Queue.Sent[]) => {
      if (!dryRun) {
        if (!(await turn(batch.length))) return false;
        await Queue.send(batch);
      }
      counts.found += batch.length;
      return true;
    };
    try {
      for await (const page of Storage.pages("uploads", from?.after, prefix)) {
        for (const piece of pieces(page, pieceMax)) {
          if (interrupted.aborted) break;
          const wanted = await Reconcile.unrecorded(piece, "backfill");
          const isComplete = await eachOf(pieces(wanted, batchMax), atOnce, send);
          const last = piece.at(-1);
          // After the messages, never before: what is repeated does no harm, what is skipped would be lost.
          if (!isComplete || !last) break;
          counts.looked += piece.length;
          await checkpoint?.save({ after: last.key, looked: counts.looked, sent: counts.found });
        }
        if (interrupted.aborted) break;
      }
      if (!interrupted.aborted) await checkpoint?.remove();
      const end = interrupted.aborted ? "Interrupted; the same command goes on from here." : "Done.";
      const words = inWords({ looked: counts.looked, [dryRun ? "to send" : "sent"]: counts.found });
      job.end(`${end} ${words}, ${costInWords(counts.found, stage)}.`, {
        interrupted: interrupted.aborted,
        dryRun,
        dollars: costOf(counts.found, stage),
      });
    } finally {
      job.stop();
    }
    return interrupted.aborted ? 130 : 0;
  },
});
