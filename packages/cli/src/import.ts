/** `import`: writes the images of an export on this stage. */
import { Transfer } from "@image-pipeline/core/pipeline/transfer";
import { readMany } from "@image-pipeline/core/records/record";
import pMap from "p-map";
import * as v from "valibot";
import { openCheckpoint } from "./checkpoint.ts";
import { checkpointOption, command, dryRunOption, jsonOption, program, yesOption } from "./command.ts";
import { confirmStage } from "./confirm.ts";
import { type Line, readManifest, readSegment } from "./dump.ts";
import { concurrency } from "./export.ts";
import { printable, red } from "./format.ts";
import {
  type Place as Dump,
  endpointOption,
  openPlace,
  placeHelp,
  profileOption,
  regionOption,
} from "./place.ts";
import { inWords, onInterrupt, type Progress, startProgress } from "./progress.ts";
import { requireStage } from "./stage.ts";

/**
 * Counts of an import. `same`: images that the stage had. At the end, images are `compared` with the dump, and those that
 * differ are `wrong`.
 */
const counts = {
  looked: v.number(),
  imported: v.number(),
  same: v.number(),
  conflicts: v.number(),
  refused: v.number(),
};
type Counts = { [Name in keyof typeof counts]: number } & { compared: number; wrong: number };

const Position = v.object({ segment: v.number(), ...counts });

export const importation = command(
  "import",
  `Write the images of an export on this stage

Each image keeps its id, version, files and history, and is not processed again; its time of change is that of the import. An image that the stage already has is left alone, and listed if it differs. Compares the hashes at the end. If it is interrupted, the same command continues from its checkpoint. Running it twice does no harm. No webhook is sent for an imported image. ${placeHelp}`,
  [
    `${program} import --from backup --dry-run`,
    `${program} import --from s3://my-dumps/2026-11-26 --profile me --region eu-central-1`,
    `npx sst shell --stage production -- ${program} import --from s3://my-dumps/2026-11-26`,
  ],
)
  .requiredOption("--from <place>", "Folder, or s3://BUCKET/PREFIX, that an export has written")
  .option("--owner <owner>", "Only the images of this owner")
  .option("--overwrite", "Replace images of the stage that differ")
  .addOption(endpointOption())
  .addOption(regionOption())
  .addOption(profileOption())
  .addOption(dryRunOption("Only compare the images with the stage's"))
  .addOption(checkpointOption("import"))
  .addOption(yesOption())
  .addOption(jsonOption())
  .action(
    async ({ from, owner, overwrite = false, dryRun = false, checkpoint: file, yes, json, ...bucket }) => {
      const stage = await requireStage();
      const dump = openPlace(from, bucket);
      const { at, segments, images } = await readManifest(dump, from);
      const identity = { command: "import", stage, from, ...bucket, at, owner: owner ?? null, overwrite };
      const checkpoint = dryRun
        ? undefined
        : await openCheckpoint(file ?? `.image-import-${stage}.json`, identity, Position);
      const question = overwrite
        ? "Import the images, and replace those of the stage that differ?"
        : "Import the images that the stage does not have?";
      if (!dryRun && !(await confirmStage(question, stage, yes))) {
        process.stderr.write("Nothing was imported. --dry-run compares the images with the stage's.\n");
        process.exitCode = 1;
        return;
      }
      const place = checkpoint?.place;
      const interrupted = onInterrupt();
      const begin = { looked: 0, imported: 0, same: 0, conflicts: 0, refused: 0 };
      const progress = startProgress<Counts>(
        `import (${stage})${dryRun ? ", dry run" : ""}`,
        { ...begin, ...(place && countsOf(place)), compared: 0, wrong: 0 },
        { json, total: images },
      );
      try {
        if (place) progress.say("Continuing from the checkpoint.", { resumed: true });
        const isWanted = ({ record }: Line) => owner === undefined || record.owner === owner;
        const left = new Set<string>();
        for (let segment = place?.segment ?? 0; segment < segments && !interrupted.aborted; segment++) {
          const lines = await wantedOf(dump, segment, isWanted, progress);
          if (dryRun) await compare(lines, progress);
          else {
            const ids = await importImages(lines, dump, overwrite, interrupted, progress);
            for (const id of ids) left.add(id);
          }
          if (interrupted.aborted) break;
          await checkpoint?.save({ segment: segment + 1, ...countsOf(progress.counts) });
        }
        if (!interrupted.aborted && images !== undefined && progress.counts.looked !== images) {
          const message = `The dump has ${progress.counts.looked} of its ${images} images.`;
          progress.counts.refused += Math.max(1, images - progress.counts.looked);
          progress.say(`${red("✗")} ${message}`, { refused: null, message });
        }
        if (!dryRun && !interrupted.aborted) {
          progress.say("Comparing the copies.", { comparing: true });
          for (let segment = 0; segment < segments && !interrupted.aborted; segment++)
            await verify(
              dump,
              segment,
              (line) => isWanted(line) && !left.has(line.record.imageID),
              interrupted,
              progress,
            );
        }
        if (!interrupted.aborted) await checkpoint?.remove();
        const end = interrupted.aborted ? "Interrupted; run the same command to continue." : "Done.";
        const { looked, imported, ...others } = progress.counts;
        const words = inWords({ looked, [dryRun ? "to import" : "imported"]: imported, ...others });
        progress.end(`${end} ${words}.`, { interrupted: interrupted.aborted, dryRun });
        const { conflicts, refused, wrong } = progress.counts;
        if (interrupted.aborted) process.exitCode = 130;
        else if (conflicts + refused + wrong > 0) process.exitCode = 1;
      } finally {
        progress.stop();
      }
    },
  );

const countsOf = ({ looked, imported, same, conflicts, refused }: Omit<Counts, "compared" | "wrong">) => ({
  looked,
  imported,
  same,
  conflicts,
  refused,
});

/** Reads a file of images and reports those that are refused. */
async function wantedOf(
  dump: Dump,
  segment: number,
  isWanted: (line: Line) => boolean,
  { counts, say }: Progress<Counts>,
): Promise<Line[]> {
  const lines: Line[] = [];
  for (const line of await readSegment(dump, segment)) {
    counts.looked++;
    if ("message" in line) {
      counts.refused++;
      say(`${red("✗")} ${printable(line.id)} ${printable(line.message)}`, { refused: line.id, ...line });
    } else if (isWanted(line)) lines.push(line);
  }
  return lines;
}

/** Imports images. Returns the ids of those that are refused or in conflict. */
async function importImages(
  lines: readonly Line[],
  dump: Dump,
  overwrite: boolean,
  interrupted: AbortSignal,
  progress: Progress<Counts>,
): Promise<string[]> {
  const left: string[] = [];
  const open = ({ path, bytes }: Transfer.File) => dump.open(path, bytes);
  await pMap(
    lines,
    async (line) => {
      if (interrupted.aborted) return;
      const { imageID: id } = line.record;
      try {
        const outcome = await Transfer.write(line, open, { overwrite });
        count(id, outcome, progress);
        if (outcome.is === "conflict") left.push(id);
      } catch (error) {
        // An image that is damaged must not keep the others from being imported; a stage that does not answer must.
        if (!isRefusal(error)) throw error;
        const { message } = error;
        left.push(id);
        progress.counts.refused++;
        progress.say(`${red("✗")} ${id} ${printable(message)}`, { refused: id, id, message });
      }
    },
    { concurrency },
  );
  return left;
}

/** Returns true for the fault of an image: of its files, or of attributes that the table's entity refuses. */
const isRefusal = (error: unknown): error is Error =>
  error instanceof Transfer.TransferError ||
  (error instanceof Error && /^Electro.*Validation/.test(error.constructor.name));

async function compare(lines: readonly Line[], progress: Progress<Counts>): Promise<void> {
  const current = new Map(
    (await readMany(lines.map(({ record }) => record.imageID))).map((record) => [record.imageID, record]),
  );
  for (const line of lines) {
    const { imageID } = line.record;
    count(imageID, Transfer.compare(line, current.get(imageID)), progress);
  }
}

function count(id: string, outcome: Transfer.Outcome, { counts, say }: Progress<Counts>): void {
  if (outcome.is === "copied") counts.imported++;
  else if (outcome.is === "same") counts.same++;
  else {
    counts.conflicts++;
    say(`${red("✗")} ${id} ${outcome.message}`, { conflict: id, id, message: outcome.message });
  }
}

/** Compares the stage with the dump, image by image. Images that have another version by now are not compared. */
async function verify(
  dump: Dump,
  segment: number,
  isWanted: (line: Line) => boolean,
  interrupted: AbortSignal,
  { counts, say }: Progress<Counts>,
): Promise<void> {
  const lines = (await readSegment(dump, segment)).filter(
    (line): line is Line => !("message" in line) && isWanted(line),
  );
  await pMap(
    lines,
    async (line) => {
      if (interrupted.aborted) return;
      const { imageID: id } = line.record;
      const { changed, faults } = await Transfer.verify(line);
      if (!changed) counts.compared++;
      for (const message of faults) {
        counts.wrong++;
        say(`${red("✗")} ${id} ${printable(message)}`, { wrong: id, id, message });
      }
    },
    { concurrency },
  );
}
