/** `reprocess`: images back through the pipeline, by id, after a failure or after a change of the recipe. */
import type { ImageRecord } from "@image-pipeline/core/table/image-entity";
import * as v from "valibot";
import { openCheckpoint } from "./checkpoint.ts";
import { defineCommand, UsageError, whole } from "./command.ts";
import { costInWords, costOf } from "./cost.ts";
import { onInterrupt } from "./interrupt.ts";
import { inWords, startJob } from "./job.ts";
import { pace } from "./pace.ts";
import { permit } from "./permit.ts";
import { type Refused, resend } from "./resend.ts";
import { enterStage } from "./stage.ts";
import { printable, red } from "./terminal.ts";

export const reprocess = defineCommand({
  usage: "reprocess",
  summary: "Send images through the pipeline again",
  about:
    "Their variants stay readable until others take their place. --stale and\n" +
    "--failed look at every image; they may be interrupted, and the same command\n" +
    "goes on from its checkpoint.",
  options: {
    id: { type: "string", multiple: true, value: "id", about: "This image; may be repeated" },
    stale: { type: "boolean", about: "Those that an older recipe made" },
    failed: { type: "boolean", about: "Those that failed" },
    rate: { type: "string", value: "n", about: "At most so many images a second, 1–10000" },
    "dry-run": { type: "boolean", about: "Only count, and estimate the cost" },
    yes: { type: "boolean", short: "y", about: "Do not ask" },
    checkpoint: {
      type: "string",
      value: "file",
      about: "Where to keep its place (.image-reprocess-STAGE.json)",
    },
    json: { type: "boolean", about: "JSON lines on standard output" },
  },
  examples: [
    "npm run image -- reprocess --id img_01JD0Z6V9RW1QK4C6X4M2N8T3B",
    "npx sst shell --stage production -- npm run image -- reprocess --stale --rate 50",
  ],
  async run({ values, positionals }) {
    if (positionals.length > 0) throw new UsageError(`"${positionals[0]}" is too much; did you mean --id?`);
    const { id: ids = [], stale = false, failed = false } = values;
    const [isByID, isByState] = [ids.length > 0, stale || failed];
    if (isByID === isByState) throw new UsageError("Which images? --id, or --stale, --failed or both.");
    const perSecond = whole("rate", values.rate, 1, 10_000);
    const dryRun = values["dry-run"] ?? false;
    const stage = await enterStage();
    if (isByID) return byID(ids, dryRun, values.json);

    const { Scan } = await import("@image-pipeline/core/records/scan");
    const { fingerprint } = await import("@image-pipeline/core/engine/recipe");
    const file = values.checkpoint ?? `.image-reprocess-${stage}.json`;
    const Place = v.object({ next: Scan.Place, looked: v.number(), sent: v.number() });
    const checkpoint = dryRun
      ? undefined
      : await openCheckpoint(file, { command: "reprocess", stage, stale, failed, fingerprint }, Place);
    const which = [stale ? "made by an older recipe" : "", failed ? "failed" : ""]
      .filter(Boolean)
      .join(" or ");
    if (!dryRun && !(await permit(`Send every image that is ${which} through again?`, stage, values.yes))) {
      process.stderr.write("Nothing was sent. --dry-run counts and estimates the cost.\n");
      return 1;
    }
    const isWanted = ({ status, recipe }: ImageRecord) =>
      (failed && status === "failed") ||
      (stale && (status === "ready" || status === "rejected") && recipe !== fingerprint);

    const interrupted = onInterrupt();
    const from = checkpoint?.place;
    const counts = { looked: from?.looked ?? 0, sent: from?.sent ?? 0, refused: 0 };
    const job = startJob(`reprocess (${stage})${dryRun ? ", dry run" : ""}`, counts, {
      json: values.json,
      total: await Scan.total(),
    });
    const turn = pace(perSecond, interrupted);
    try {
      for await (const { records, next } of Scan.images(from?.next)) {
        const wanted = records.filter(isWanted).map(({ imageID }) => imageID);
        const { sent, refused, isComplete } = dryRun
          ? { sent: wanted.length, refused: [], isComplete: true }
          : await resend(wanted, "reprocess", turn);
        for (const { id, message } of refused) job.say(`${red("✗")} ${id} ${message}`, { id, message });
        counts.looked += records.length;
        counts.sent += sent;
        counts.refused += refused.length;
        if (!isComplete || interrupted.aborted) break;
        if (next) await checkpoint?.save({ next, looked: counts.looked, sent: counts.sent });
      }
      if (!interrupted.aborted) await checkpoint?.remove();
      const end = interrupted.aborted ? "Interrupted; the same command goes on from here." : "Done.";
      const words = inWords(dryRun ? { looked: counts.looked, "to send": counts.sent } : counts);
      job.end(`${end} ${words}, ${costInWords(counts.sent, stage)}.`, {
        interrupted: interrupted.aborted,
        dryRun,
        dollars: costOf(counts.sent, stage),
      });
    } finally {
      job.stop();
    }
    if (interrupted.aborted) return 130;
    return counts.refused > 0 ? 1 : 0;
  },
});

async function byID(ids: readonly string[], dryRun: boolean, json: boolean | undefined): Promise<number> {
  const { ID } = await import("@image-pipeline/core/id");
  const wrong = ids.find((id) => !v.is(ID.imageID, id));
  if (wrong !== undefined) throw new UsageError(`"${printable(wrong)}" is not an image's id.`);
  const { refused } = dryRun ? { refused: [] } : await resend(ids, "reprocess", async () => true);
  for (const id of ids) {
    const message = refused.find((one: Refused) => one.id === id)?.message;
    const said = message
      ? `${red("✗")} ${id} ${printable(message)}`
      : `${id} ${dryRun ? "would be sent" : "sent"}`;
    process.stdout.write(
      json ? `${JSON.stringify({ id, sent: !message && !dryRun, message })}\n` : `${said}\n`,
    );
  }
  return refused.length > 0 ? 1 : 0;
}
