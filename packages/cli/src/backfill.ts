/** `backfill`: takes in the objects that were in the uploads bucket before the pipeline. */
import { Queue } from "@image-pipeline/core/aws/queue";
import { Storage } from "@image-pipeline/core/aws/storage";
import { Reconcile } from "@image-pipeline/core/pipeline/reconcile";
import * as v from "valibot";
import {
  checkpointOption,
  command,
  dryRunOption,
  jsonOption,
  program,
  rateOption,
  yesOption,
} from "./command.ts";
import { type Page, runJob } from "./job.ts";
import { requireStage } from "./stage.ts";

const Place = v.object({ after: v.string() });
type Place = v.InferOutput<typeof Place>;

/** Keys between two checkpoints: one read of the table. */
const pageMax = 100;

/** Messages in a request to the queue. */
const batchMax = 10;

export const backfill = command(
  "backfill",
  `Take in the objects that are already in the uploads bucket

Lists the bucket and sends every object without a record of its present bytes to the queue. If it is interrupted, the same command continues from its checkpoint. Running it twice does no harm.`,
  [
    `${program} backfill --dry-run`,
    `npx sst shell --stage production -- ${program} backfill --prefix 2019/ --rate 200`,
  ],
)
  .option("--prefix <text>", "Only keys that start with this text")
  .addOption(rateOption())
  .addOption(dryRunOption())
  .addOption(checkpointOption("backfill"))
  .addOption(yesOption())
  .addOption(jsonOption())
  .action(async ({ prefix, ...options }) => {
    const job = {
      command: "backfill",
      scope: { prefix: prefix ?? "" },
      place: Place,
      question: "Send every object without a record through the pipeline?",
      walk: (from: Place | undefined) => walk(from, prefix),
      send: async (batch: readonly Queue.Sent[]) => {
        await Queue.send(batch);
        return [];
      },
      batchMax,
      result: ({ sent }: { sent: number }) => ({ found: sent }),
    };
    await runJob(job, await requireStage(), options);
  });

async function* walk(
  from: Place | undefined,
  prefix: string | undefined,
): AsyncGenerator<Page<Queue.Sent, Place>> {
  for await (const listed of Storage.pages("uploads", from?.after, prefix)) {
    for (let start = 0; start < listed.length; start += pageMax) {
      const objects = listed.slice(start, start + pageMax);
      const last = objects.at(-1);
      yield {
        looked: objects.length,
        wanted: await Reconcile.unrecorded(objects, "backfill"),
        next: last && { after: last.key },
      };
    }
  }
}
