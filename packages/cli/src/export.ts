/** `export`: copies images with their history and files to a folder or a bucket. */
import { createHash } from "node:crypto";
import { Transfer } from "@image-pipeline/core/pipeline/transfer";
import { Scan } from "@image-pipeline/core/records/scan";
import pMap from "p-map";
import * as v from "valibot";
import { openCheckpoint } from "./checkpoint.ts";
import { checkpointOption, command, dryRunOption, jsonOption, program } from "./command.ts";
import {
  type Dump,
  type Line,
  type Manifest,
  manifestPath,
  openDump,
  readSegment,
  segmentPath,
} from "./dump.ts";
import { printable, red, size } from "./format.ts";
import { inWords, onInterrupt, type Progress, startProgress } from "./progress.ts";
import { requireStage } from "./stage.ts";

/** Images that are read or written at the same time: each holds a file in memory. */
export const concurrency = 4;

/** Counts of an export. `skipped`: images that wait for their bytes, or were deleted meanwhile. */
const counts = { looked: v.number(), exported: v.number(), bytes: v.number(), skipped: v.number() };
type Counts = { [Name in keyof typeof counts]: number } & { refused: number };

/** The next page of the table; null once all are read. `segment` is the next file of images. */
const Place = v.object({ next: v.nullable(v.optional(Scan.Place)), segment: v.number(), ...counts });

export const exportation = command(
  "export",
  `Copy images with their history and files to a folder or a bucket

Writes records and audit trails as JSON lines, originals and variants, and compares their hashes at the end. The stage stays in use: an image is copied as it is at one moment. Not copied: uploads whose file has not arrived, deleted images, lazy variants. If it is interrupted, the same command continues from its checkpoint. In embedded mode, name a folder.`,
  [
    `${program} export --to backup`,
    `npx sst shell --stage production -- ${program} export --to s3://my-dumps/2026-11-26`,
  ],
)
  .requiredOption("--to <place>", "Folder, or s3://BUCKET/PREFIX")
  .option("--owner <owner>", "Only the images of this owner")
  .addOption(dryRunOption("Only count the images"))
  .addOption(checkpointOption("export"))
  .addOption(jsonOption())
  .action(async ({ to, owner, dryRun = false, checkpoint: file, json }) => {
    const stage = await requireStage();
    const dump = openDump(to);
    const identity = { command: "export", stage, to, owner: owner ?? null };
    const checkpoint = dryRun
      ? undefined
      : await openCheckpoint(file ?? `.image-export-${stage}.json`, identity, Place);
    const from = checkpoint?.place;
    const interrupted = onInterrupt();
    const begin = { looked: 0, exported: 0, bytes: 0, skipped: 0 };
    const start: Counts = from ? { ...begin, ...countsOf(from), refused: 0 } : { ...begin, refused: 0 };
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
          if (dryRun) progress.counts.exported += wanted.length;
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
        await verify(dump, manifest.segments, progress);
        await dump.write(manifestPath, JSON.stringify({ ...manifest, complete: true }));
        await checkpoint?.remove();
      }
      const { bytes, ...others } = progress.counts;
      const end = interrupted.aborted ? "Interrupted; run the same command to continue." : "Done.";
      progress.end(`${end} ${inWords(others)}, ${size(bytes)}.`, {
        interrupted: interrupted.aborted,
        dryRun,
      });
      if (interrupted.aborted) process.exitCode = 130;
      else if (progress.counts.refused > 0) process.exitCode = 1;
    } finally {
      progress.stop();
    }
  });

const countsOf = ({ looked, exported, bytes, skipped }: Omit<Counts, "refused">) => ({
  looked,
  exported,
  bytes,
  skipped,
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
      const line = await Transfer.read(id, ({ path, bytes }) => dump.write(path, bytes));
      if (!line) {
        counts.skipped++;
        return [];
      }
      counts.exported++;
      counts.bytes += line.files.reduce((sum, { bytes }) => sum + bytes, 0);
      return [line];
    },
    { concurrency },
  );
  if (interrupted.aborted) say("Stopping; the images of this page are copied again.", { interrupted: true });
  return lines.flat();
}

/** Reads the whole dump, and reports the files whose hash differs. */
async function verify(dump: Dump, segments: number, { counts, say }: Progress<Counts>): Promise<void> {
  for (let segment = 0; segment < segments; segment++) {
    for (const line of await readSegment(dump, segment)) {
      if ("message" in line) {
        counts.refused++;
        say(`${red("✗")} ${printable(line.id)} ${printable(line.message)}`, line);
        continue;
      }
      for (const { path, bytes, sha256 } of line.files) {
        const found = await dump.read(path, bytes);
        if (found && createHash("sha256").update(found).digest("hex") === sha256) continue;
        counts.refused++;
        say(`${red("✗")} ${path} is missing or damaged`, { path, message: "Missing or damaged." });
      }
    }
  }
}
