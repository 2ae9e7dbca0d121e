/**
 * A thread that ends a child process above its memory limit or after the death of its parent. It runs even while the
 * main thread is stuck in native code.
 */
import { workerData } from "node:worker_threads";

/** The parent's process id, the limit of resident memory in bytes, and the signal that ends the process above it. */
export type Guarded = { parent: number; bytesMax: number; signal: NodeJS.Signals };

/** Decoders allocate about 1 GB/s, so a process exceeds its limit by some 50 MB at most. */
const everyMs = 50;

const { parent, bytesMax, signal }: Guarded = workerData;

setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, "SIGKILL");
  if (process.memoryUsage.rss() > bytesMax) process.kill(process.pid, signal);
}, everyMs);
