/** A file with the position of a long job, so that the next run continues from there. */
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import * as v from "valibot";
import { UsageError } from "./command.ts";

/** The checkpoint of a job: read once, written as the job advances, removed when it is done. */
export type Checkpoint<T> = { place: T | undefined; save(place: T): Promise<void>; remove(): Promise<void> };

/**
 * Opens the checkpoint in `file`, if there is one. `job` identifies the job (command, stage, prefix, ...). Throws
 * `UsageError` if the file cannot be read or written, or belongs to another job.
 */
export async function openCheckpoint<T>(
  file: string,
  job: Record<string, unknown>,
  schema: v.GenericSchema<unknown, T>,
): Promise<Checkpoint<T>> {
  const found = await readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return undefined;
    throw new UsageError(`The checkpoint ${file} cannot be read: ${cause.message}`, { cause });
  });
  return {
    place: found === undefined ? undefined : placeIn(found, file, job, schema),
    async save(place) {
      // Renamed into place: a crash leaves the old checkpoint or the new one, never half of it.
      await writeFile(`${file}.new`, `${JSON.stringify({ job, place })}\n`).catch((cause: Error) => {
        throw new UsageError(`The checkpoint ${file} cannot be written: ${cause.message}`, { cause });
      });
      await rename(`${file}.new`, file);
    },
    remove: () => rm(file, { force: true }),
  };
}

function placeIn<T>(text: string, file: string, job: object, schema: v.GenericSchema<unknown, T>): T {
  const contents = v.pipe(v.string(), v.parseJson(), v.object({ job: v.unknown(), place: schema }));
  const read = v.safeParse(contents, text);
  if (read.success && JSON.stringify(read.output.job) === JSON.stringify(job)) return read.output.place;
  throw new UsageError(
    `${file} is the checkpoint of another job. Name another file with --checkpoint, or remove it.`,
  );
}
