/** Runs a job over every object or image: walk, rate limit, checkpoint, progress and interruption. */
import pMap from "p-map";
import pThrottle from "p-throttle";
import * as v from "valibot";
import { openCheckpoint } from "./checkpoint.ts";
import { confirmStage } from "./confirm.ts";
import { costInWords, costOf } from "./cost.ts";
import { printable, red } from "./format.ts";
import { inWords, onInterrupt, startProgress } from "./progress.ts";

/** An image that was not sent, and why. */
export type Refused = { id: string; message: string };

/** A page of a walk: the number of objects or images, those to send, and the place after them; none after the last. */
export type Page<T, P> = { looked: number; wanted: readonly T[]; next?: P | undefined };

/** A job: a walk and the function that sends its items, of type `T`. A checkpoint stores a position of type `P`. */
export type Job<T, P> = {
  command: string;
  /** The options that a checkpoint belongs to, such as the prefix. */
  scope: Record<string, unknown>;
  place: v.GenericSchema<unknown, P>;
  /** Asked before anything is sent. */
  question: string;
  /** Estimated number of images, for a progress bar. */
  total?: () => Promise<number>;
  walk(from: P | undefined): AsyncIterable<Page<T, P>>;
  /** Sends at most `batchMax` and returns those that were refused. Throws if the stage is at fault. */
  send(batch: readonly T[]): Promise<readonly Refused[]>;
  batchMax: number;
  /** Said at the end of a dry run. */
  changes?: () => readonly { text: string; data: object }[];
  /** The result's JSON gets these as well. */
  result?: (counts: { sent: number }) => object;
};

/** The options that every job takes. */
export type JobOptions = {
  rate?: number | undefined;
  dryRun?: true | undefined;
  yes?: true | undefined;
  checkpoint?: string | undefined;
  json?: true | undefined;
};

/**
 * Runs a job on a stage. Continues from its checkpoint, if there is one, and removes it at the end. Sets the exit code:
 * 1 if it was not confirmed or an image was refused, 130 if it was interrupted.
 */
export async function runJob<T, P>(job: Job<T, P>, stage: string, options: JobOptions): Promise<void> {
  const { dryRun = false, json, rate, yes } = options;
  const file = options.checkpoint ?? `.image-${job.command}-${stage}.json`;
  const saved = v.intersect([job.place, v.object({ looked: v.number(), sent: v.number() })]);
  const identity = { command: job.command, stage, ...job.scope };
  const checkpoint = dryRun ? undefined : await openCheckpoint(file, identity, saved);
  if (!dryRun && !(await confirmStage(job.question, stage, yes))) {
    process.stderr.write("Nothing was sent. --dry-run counts the images and estimates the cost.\n");
    process.exitCode = 1;
    return;
  }
  const interrupted = onInterrupt();
  const from = checkpoint?.place;
  const progress = startProgress(
    `${job.command} (${stage})${dryRun ? ", dry run" : ""}`,
    { looked: from?.looked ?? 0, sent: from?.sent ?? 0, refused: 0 },
    { json, total: await job.total?.() },
  );
  const { counts } = progress;
  try {
    if (from) progress.say(`Continuing from the checkpoint ${file}.`, { resumed: from });
    const send = createSender(job, rate, interrupted);
    for await (const { looked, wanted, next } of job.walk(from)) {
      const { sent, refused } = dryRun ? { sent: wanted.length, refused: [] } : await send(wanted);
      for (const { id, message } of refused) {
        progress.say(`${red("✗")} ${id} ${printable(message)}`, { id, message });
      }
      counts.sent += sent;
      counts.refused += refused.length;
      if (sent + refused.length < wanted.length) break;
      counts.looked += looked;
      // After the page was sent, never before: a repeated message does no harm, a skipped one would be lost.
      if (next) await checkpoint?.save({ ...next, looked: counts.looked, sent: counts.sent });
      if (interrupted.aborted) break;
    }
    if (!interrupted.aborted) await checkpoint?.remove();
    if (dryRun) for (const { text, data } of job.changes?.() ?? []) progress.say(text, data);
    const { looked, sent, refused } = counts;
    const words = inWords({ looked, [dryRun ? "to send" : "sent"]: sent, ...(refused ? { refused } : {}) });
    const end = interrupted.aborted ? "Interrupted; run the same command to continue." : "Done.";
    progress.end(`${end} ${words}, ${costInWords(sent, stage)}.`, {
      ...job.result?.(counts),
      interrupted: interrupted.aborted,
      dryRun,
      dollars: costOf(sent, stage),
    });
  } finally {
    progress.stop();
  }
  if (interrupted.aborted) process.exitCode = 130;
  else if (counts.refused > 0) process.exitCode = 1;
}

/** Requests under way at the same time. */
const concurrency = 8;

/**
 * Creates a function that sends items in batches, at most `perSecond` items a second, and counts those sent. After
 * `signal` it sends no further batch and returns once those under way are done.
 */
export function createSender<T>(
  { send, batchMax }: Pick<Job<T, unknown>, "send" | "batchMax">,
  perSecond: number | undefined,
  signal: AbortSignal,
): (items: readonly T[]) => Promise<{ sent: number; refused: Refused[] }> {
  const size = Math.min(batchMax, perSecond ?? batchMax);
  const limited =
    perSecond === undefined
      ? send
      : pThrottle({ limit: perSecond, interval: 1000, strict: true, signal, weight: ({ length }) => length })(
          send,
        );
  return async (items) => {
    const batches = Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
      items.slice(index * size, (index + 1) * size),
    );
    let sent = 0;
    const refused = await pMap(
      batches,
      async (batch): Promise<readonly Refused[]> => {
        if (signal.aborted) return [];
        try {
          const refused = await limited(batch);
          sent += batch.length - refused.length;
          return refused;
        } catch (error) {
          // The rate limiter rejects the batches that are still waiting.
          if (error === signal.reason) return [];
          throw error;
        }
      },
      { concurrency },
    );
    return { sent, refused: refused.flat() };
  };
}
