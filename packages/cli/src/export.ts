/** `export`: copies images with their history and files to a folder or a bucket. */
import { ObjectStream } from "@image-pipeline/core/aws/object-stream";
import { Transfer } from "@image-pipeline/core/pipeline/transfer";
import { Scan } from "@image-pipeline/core/records/scan";
import type { ImageRecord } from "@image-pipeline/core/table/image-entity";
import pMap from "p-map";
import * as v from "valibot";
import { openCheckpoint } from "./checkpoint.ts";
import { checkpointOption, command, dryRunOption, jsonOption, program, UsageError } from "./command.ts";
import { findManifest, type Line, type Manifest, manifestPath, readSegment, segmentPath } from "./dump.ts";
import { printable, red, size } from "./format.ts";
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

/** Images that are read or written at the same time. */
export const concurrency = 4;

/**
 * Counts of an export. `skipped`: images that wait for their bytes, or were deleted meanwhile. `failed`: those that lack a file. At the end, images are
 * `compared`, and files that are missing or damaged `refused`.
 */
const counts = {
  looked: v.number(),
  exported: v.number(),
  bytes: v.number(),
  skipped: v.number(),
  failed: v.number(),
};
type Counts = { [Name in keyof typeof counts]: number } & { compared: number; refused: number };

/** The next page of the table; null once all are read. `segment` is the next file of images. */
const Place = v.object({ next: v.nullable(v.optional(Scan.Place)), segment: v.number(), ...counts });

export const exportation = command(
  "export",
  `Copy images with their history and files to a folder or a bucket

Writes records and audit trails as JSON lines, originals and variants, and compares their hashes at the end. The stage stays in use: an image is copied as it is at one moment. Not copied: uploads whose file has not arrived, deleted images, lazy variants. If it is interrupted, the same command continues from its checkpoint. ${placeHelp}`,
  [
    `${program} export --to backup`,
    `${program} export --to s3://my-dumps/2026-11-26 --profile me --region eu-central-1`,
    `npx sst shell --stage production -- ${program} export --to s3://my-dumps/2026-11-26`,
  ],
)
  .requiredOption("--to <place>", "Folder, or s3://BUCKET/PREFIX")
  .option("--owner <owner>", "Only the images of this owner")
  .option("--overwrite", "Replace an export that the place has")
  .addOption(endpointOption())
  .addOption(regionOption())
  .addOption(profileOption())
  .addOption(dryRunOption("Only count the images and their bytes"))
  .addOption(checkpointOption("export"))
  .addOption(jsonOption())
  .action(async ({ to, owner, overwrite = false, dryRun = false, checkpoint: file, json, ...bucket }) => {
    const stage = await requireStage();
    const dump = openPlace(to, bucket);
    const identity = { command: "export", stage, to, ...bucket, owner: owner ?? null };
    const checkpoint = dryRun
      ? undefined
      : await openCheckpoint(file ?? `.image-export-${stage}.json`, identity, Place);
    const from = checkpoint?.place;
    if (!dryRun) await requireRoom(dump, to, { isResumed: from !== undefined, overwrite });
    const interrupted = onInterrupt();
    const begin = { looked: 0, exported: 0, bytes: 0, skipped: 0, failed: 0 };
    const start: Counts = { ...begin, ...(from && countsOf(from)), compared: 0, refused: 0 };
    const progress = startProgress(`export (${stage})${dryRun ? ", dry run" : ""}`, start, { json });
    const manifest: Manifest = {
      format: "image-pipeline-dump",
      version: 1,
      stage,
      at: new Date().toISOString(),
      complete: false,
      segments: from?.segment ?? 0,
    };
    try {
      if (from) progress.say("Continuing from the checkpoint.", { resumed: true });
      else if (!dryRun) await dump.write(manifestPath, JSON.stringify(manifest));
      if (from?.next !== null) {
        for await (const { records, next } of Scan.images(from?.next)) {
          const wanted = records.filter((record) => owner === undefined || record.owner === owner);
          progress.counts.looked += records.length;
          if (dryRun) countAll(wanted, progress.counts);
          else {
            const ids = wanted.map(({ imageID }) => imageID);
            const lines = await exportImages(ids, dump, interrupted, progress);
            if (interrupted.aborted) break;
            if (lines.length > 0) {
              const text = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
              await dump.write(segmentPath(manifest.segments++), text);
            }
            const place = { next: next ?? null, segment: manifest.segments, ...countsOf(progress.counts) };
            await checkpoint?.save(place);
          }
          if (interrupted.aborted) break;
        }
      }
      if (!dryRun && !interrupted.aborted) {
        progress.say("Comparing the copies.", { comparing: true });
        await verify(dump, manifest.segments, interrupted, progress);
      }
      if (!dryRun && !interrupted.aborted) {
        await dump.write(
          manifestPath,
          JSON.stringify({ ...manifest, complete: true, images: progress.counts.exported }),
        );
        await checkpoint?.remove();
      }
      const { bytes, looked, exported, ...others } = progress.counts;
      const words = inWords({ looked, [dryRun ? "to export" : "exported"]: exported, ...others });
      const end = interrupted.aborted ? "Interrupted; run the same command to continue." : "Done.";
      progress.end(`${end} ${words}, ${size(bytes)}.`, {
        interrupted: interrupted.aborted,
        dryRun,
      });
      if (interrupted.aborted) process.exitCode = 130;
      else if (progress.counts.refused + progress.counts.failed > 0) process.exitCode = 1;
    } finally {
      progress.stop();
    }
  });

/** Throws `UsageError` for a place that has an export already, and for a checkpoint whose export has been removed. */
async function requireRoom(
  dump: Dump,
  to: string,
  { isResumed, overwrite }: { isResumed: boolean; overwrite: boolean },
): Promise<void> {
  const manifest = await findManifest(dump, to);
  if (isResumed && !manifest)
    throw new UsageError(
      `The place ${to} has no ${manifestPath} any more. Remove the checkpoint to export from the start.`,
    );
  if (!isResumed && manifest?.complete && !overwrite)
    throw new UsageError(
      `The place ${to} has the export of the stage ${printable(manifest.stage)} of ${printable(manifest.at)}. Name another place, or replace it with --overwrite.`,
    );
}

/** Counts what an export would copy. */
function countAll(records: readonly ImageRecord[], counts: Counts): void {
  for (const record of records) {
    const bytes = Transfer.sizeOf(record);
    if (bytes === undefined) counts.skipped++;
    else {
      counts.exported++;
      counts.bytes += bytes;
    }
  }
}

const countsOf = ({ looked, exported, bytes, skipped, failed }: Omit<Counts, "compared" | "refused">) => ({
  looked,
  exported,
  bytes,
  skipped,
  failed,
});

/** Copies images to the dump and returns their lines. After `interrupted` it begins no other. */
async function exportImages(
  ids: readonly string[],
  dump: Dump,
  interrupted: AbortSignal,
  { counts, say }: Progress<Counts>,
): Promise<Line[]> {
  const lines = await pMap(
    ids,
    async (id): Promise<Line[]> => {
      if (interrupted.aborted) return [];
      try {
        const line = await Transfer.read(id, (path, opened) => dump.save(path, opened));
        if (!line) {
          counts.skipped++;
          return [];
        }
        counts.exported++;
        counts.bytes += line.files.reduce((sum, { bytes }) => sum + bytes, 0);
        return [line];
      } catch (error) {
        // One image must not keep the others from being exported.
        if (!(error instanceof Transfer.TransferError)) throw error;
        const { message } = error;
        counts.failed++;
        say(`${red("✗")} ${id} ${message}`, { failed: id, id, message });
        return [];
      }
    },
    { concurrency },
  );
  return lines.flat();
}

/** Reads the whole dump, and reports the files whose hash differs. */
async function verify(
  dump: Dump,
  segments: number,
  interrupted: AbortSignal,
  { counts, say }: Progress<Counts>,
): Promise<void> {
  for (let segment = 0; segment < segments; segment++) {
    for (const line of await readSegment(dump, segment)) {
      if (interrupted.aborted) return;
      if ("message" in line) {
        counts.refused++;
        say(`${red("✗")} ${printable(line.id)} ${printable(line.message)}`, line);
        continue;
      }
      for (const file of line.files) {
        if (await isWhole(dump, file)) continue;
        counts.refused++;
        const message = "Missing or damaged.";
        say(`${red("✗")} ${file.path} is missing or damaged`, { path: file.path, message });
      }
      counts.compared++;
    }
  }
}

async function isWhole(dump: Dump, { path, bytes, sha256 }: Transfer.File): Promise<boolean> {
  try {
    const read = async () => ObjectStream.sumOf(await dump.open(path, bytes));
    return (await ObjectStream.retrying(read)).sha256 === sha256;
  } catch (error) {
    if (error instanceof Transfer.TransferError) return false;
    throw error;
  }
}
