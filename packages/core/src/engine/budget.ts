/**
 * The time and memory that one image may take. Decoders run in native threads that cannot be interrupted; this thread
 * stays free and stops waiting for them at the limit.
 */
import { Rejection } from "./rejection.ts";

/** Seconds from the first byte to the last, and MB by which the process may grow. */
export type Budget = { seconds: number; memoryMB: number };

/** The image is rejected, and its decoder still runs: the process must end after the rejection is committed. */
export class Exhausted extends Rejection {}

/** Decoders allocate about 1 GB/s. */
const everyMs = 50;

/** Runs the work on an image. Throws `Exhausted`, `too_slow` or `too_much_memory`, if it takes more than its budget. */
export async function withinBudget<T>(work: () => Promise<T>, { seconds, memoryMB }: Budget): Promise<T> {
  const idle = process.memoryUsage.rss();
  const end = performance.now() + seconds * 1000;
  let timer: NodeJS.Timeout | undefined;
  const exhausted = new Promise<never>((_, reject) => {
    timer = setInterval(() => {
      const grownMB = (process.memoryUsage.rss() - idle) / 2 ** 20;
      if (grownMB > memoryMB) {
        const message = `Decoding the image takes more than ${Math.floor(memoryMB)} MB of memory.`;
        reject(new Exhausted("too_much_memory", message));
      } else if (performance.now() > end) {
        reject(new Exhausted("too_slow", `Decoding the image takes more than ${seconds} s.`));
      }
    }, everyMs);
  });
  try {
    return await Promise.race([work(), exhausted]);
  } finally {
    clearInterval(timer);
  }
}
