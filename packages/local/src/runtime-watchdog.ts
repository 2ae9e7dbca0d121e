/**
 * The thread in a runtime's child that sees to it that the child ends, whatever its main thread is busy with: when
 * its memory has grown too far, or when its parent is gone.
 */
import { workerData } from "node:worker_threads";

/** What is watched: the parent's process id, and the most resident memory in bytes; above it `signal` ends the child. */
export type Guarded = { parent: number; bytesMax: number; signal: NodeJS.Signals };

/** Decoders take memory at about 1 GB/s: in this time they cannot take much more than they may. */
const everyMs = 50;

const { parent, bytesMax, signal }: Guarded = workerData;

setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, "SIGKILL");
  if (process.memoryUsage.rss() > bytesMax) process.kill(process.pid, signal);
}, everyMs);
