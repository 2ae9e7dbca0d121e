/** The numbers that order the events of a key. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { isMissing, replaceFile } from "./disk.ts";

/** So many numbers are reserved on disk at once; a crash skips the rest of them. */
const reserve = 1 << 16;

/** Numbers per millisecond that the clock adds at a start: 2^12 keeps the sum an exact integer until the year 2039. */
const perMillisecond = 4096;

export type Sequencer = {
  /** The next number, 16 upper-case hex digits; greater than every one before it, over restarts and deletions. */
  next(): Promise<string>;
};

/**
 * Opens the sequencer of a data folder. It starts from the clock, so that a folder that was emptied does not begin
 * again below what a database still remembers, and never below what it had reserved, so that the clock may go back.
 */
export async function openSequencer(folder: string, now: () => number): Promise<Sequencer> {
  const file = path.join(folder, "sequencer");
  let next = Math.max(await reservedIn(file), Math.floor(now()) * perMillisecond);
  let reserved = next;
  let reserving: Promise<void> | undefined;

  async function extend(): Promise<void> {
    const until = next + reserve;
    await replaceFile(file, String(until), `${file}.new`);
    reserved = until;
  }

  return {
    async next() {
      while (next >= reserved) {
        reserving ??= extend().finally(() => {
          reserving = undefined;
        });
        await reserving;
      }
      return (next++).toString(16).toUpperCase().padStart(16, "0");
    },
  };
}

async function reservedIn(file: string): Promise<number> {
  try {
    const reserved = Number(await readFile(file, "utf8"));
    if (!Number.isSafeInteger(reserved))
      throw new Error(`${file} must hold a number. Remove it to start anew.`);
    return reserved;
  } catch (error) {
    if (isMissing(error)) return 0;
    throw error;
  }
}
