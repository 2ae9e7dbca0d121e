/** How far a long job has come, in a file, so that the next run goes on from there. */
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import * as v from "valibot";
import { UsageError } from "./command.ts";

/** The file of a job: read once, written as it goes on, removed when the job is done. */
export type Checkpoint<T> = { place: T | undefined; save(place: T): Promise<void>; remove(): Promise<void> };

/**
 * Opens the checkpoint that a job left in `file`. `job` is what must be the same for it to be of use (stage, prefix,
 * ...). Throws `UsageError` if the file is of another job or cannot be read.
 */
export async function openCheckpoint<T>(
  file: string,
  job: Record<string, unknown>,
  schema: v.GenericSchema<unknown, T>,
): Promise<Checkpoint<T>> {
  const found = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw new UsageError(`The checkpoint ${file} cannot be read: ${error.message}`);
  });
  return {
    place: found === undefined ? undefined : placeIn(found, file, job, schema),
    async save(place) {
      // Renamed into place, so that a crash leaves the old one or the new one, never half of it.
      await writeFile(`${file}.new`, `${JSON.stringify({ job, place })}\n`);
      await rename(`${file}.new`, file);
    },
    remove: () => rm(file, { force: true }),
  };
}

function placeIn<T>(text: string, file: string, job: object, schema: v.GenericSchema<unknown, T>): T {
  const read = v.safeParse(v.object({ job: v.unknown(), place: schema }), parse(text));
  if (read.success && JSON.stringify(read.output.job) === JSON.stringify(job)) return read.output.place;
  throw new UsageError(
    `${file} is the checkpoint of another job. Name another with --checkpoint, or remove it.`,
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
