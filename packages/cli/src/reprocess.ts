/** `reprocess`: sends images through the pipeline again, by id, after a failure or after a change of the recipe. */
import { fingerprint } from "@image-pipeline/core/engine/recipe";
import { VisibleError } from "@image-pipeline/core/error";
import { ID } from "@image-pipeline/core/id";
import { Image } from "@image-pipeline/core/images/image";
import { Scan } from "@image-pipeline/core/records/scan";
import type { ImageRecord } from "@image-pipeline/core/table/image-entity";
import * as v from "valibot";
import { createChanges } from "./changes.ts";
import {
  checkpointOption,
  collect,
  command,
  dryRunOption,
  jsonOption,
  program,
  rateOption,
  UsageError,
  yesOption,
} from "./command.ts";
import { printable, red } from "./format.ts";
import { createSender, type Page, type Refused, runJob } from "./job.ts";
import { requireStage } from "./stage.ts";

const Place = v.object({ next: Scan.Place });
type Place = v.InferOutput<typeof Place>;

export const reprocess = command(
  "reprocess",
  `Send images through the pipeline again

Variants stay readable until new ones replace them. --stale and --failed look at every image; if they are interrupted, the same command continues from its checkpoint. --dry-run says which variants change, and the cost.`,
  [
    `${program} reprocess --id img_01JD0Z6V9RW1QK4C6X4M2N8T3B`,
    `npx sst shell --stage production -- ${program} reprocess --stale --rate 50`,
  ],
)
  .option("--id <id>", "The image with this id (repeatable)", collect)
  .option("--stale", "Images that an older recipe made")
  .option("--failed", "Images that failed")
  .addOption(rateOption())
  .addOption(dryRunOption())
  .addOption(checkpointOption("reprocess"))
  .addOption(yesOption())
  .addOption(jsonOption())
  .action(async ({ id: ids = [], stale = false, failed = false, ...options }) => {
    const [isByID, isByStatus] = [ids.length > 0, stale || failed];
    if (isByID === isByStatus)
      throw new UsageError("Name images with --id, or use --stale, --failed or both.");
    const stage = await requireStage();
    if (isByID) return byID(ids, options.dryRun, options.json);
    const isWanted = ({ status, recipe }: ImageRecord) =>
      (failed && status === "failed") ||
      (stale && (status === "ready" || status === "rejected") && recipe !== fingerprint);
    const which = [stale ? "made by an older recipe" : [], failed ? "failed" : []].flat().join(" or ");
    const changes = createChanges();
    const job = {
      command: "reprocess",
      scope: { stale, failed, fingerprint },
      place: Place,
      question: `Send every image that is ${which} through the pipeline again?`,
      total: Scan.total,
      walk: (from: Place | undefined) => walk(from, isWanted, changes.add),
      changes: changes.lines,
      send: (batch: readonly string[]) => resend(batch, "reprocess"),
      batchMax: 1,
    };
    await runJob(job, stage, options);
  });

async function* walk(
  from: Place | undefined,
  isWanted: (record: ImageRecord) => boolean,
  found: (record: ImageRecord) => void,
): AsyncGenerator<Page<string, Place>> {
  for await (const { records, next } of Scan.images(from?.next)) {
    const wanted = records.filter(isWanted);
    wanted.forEach(found);
    yield {
      looked: records.length,
      wanted: wanted.map(({ imageID }) => imageID),
      next: next && { next },
    };
  }
}

/** Reprocesses images in the name of `by`. Returns those that are gone or being worked on. */
export async function resend(ids: readonly string[], by: string): Promise<Refused[]> {
  const refused: Refused[] = [];
  for (const id of ids) {
    try {
      await Image.reprocess({ id, by });
    } catch (error) {
      if (!(error instanceof VisibleError)) throw error;
      refused.push({ id, message: error.message });
    }
  }
  return refused;
}

async function byID(ids: readonly string[], dryRun = false, json = false): Promise<void> {
  const wrong = ids.find((id) => !v.is(ID.imageID, id));
  if (wrong !== undefined) throw new UsageError(`"${printable(wrong)}" is not an image id.`);
  const send = createSender(
    { send: (batch: readonly string[]) => resend(batch, "reprocess"), batchMax: 1 },
    undefined,
    new AbortController().signal,
  );
  const { refused } = dryRun ? { refused: [] } : await send(ids);
  for (const id of ids) {
    const message = refused.find((one: Refused) => one.id === id)?.message;
    const data = { id, sent: !message && !dryRun, message };
    const said = message
      ? `${red("✗")} ${id} ${printable(message)}`
      : `${id} ${dryRun ? "would be sent" : "sent"}`;
    process.stdout.write(`${json ? JSON.stringify(data) : said}\n`);
  }
  if (refused.length > 0) process.exitCode = 1;
}
