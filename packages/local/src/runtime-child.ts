/** A child process of `runtime.ts`: loads one handler and runs it for one event at a time, until its parent ends. */
import { Worker } from "node:worker_threads";
import type { Context } from "aws-lambda";
import { contextOf } from "./environment.ts";
import type { Guarded } from "./runtime-watchdog.ts";

/** Messages from the parent: first `load`, then `run` for every event. `signal` ends the child above `memoryMB`. */
export type Assignment =
  | { kind: "load"; module: string; name: string; region: string; memoryMB: number; signal: NodeJS.Signals }
  | { kind: "run"; requestID: string; event: unknown; deadline: number };

/** Messages to the parent; `grownMB` is the growth of resident memory since the module was loaded. */
export type Answer =
  | { kind: "ready" }
  | { kind: "done"; result: unknown; grownMB: number }
  | { kind: "failed"; message: string; stack?: string; grownMB: number };

type Handler = (event: unknown, context: Context) => unknown;

let loaded: (Extract<Assignment, { kind: "load" }> & { handler: Handler; idle: number }) | undefined;

// Ctrl-C in a terminal reaches the children too. The parent decides when they end.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => {});
// Also if the parent was killed.
process.on("disconnect", () => process.exit());

process.on("message", async (assignment: Assignment) => {
  answer(assignment.kind === "load" ? await load(assignment) : await run(assignment));
});

async function load(assignment: Extract<Assignment, { kind: "load" }>): Promise<Answer> {
  const { handler } = (await import(assignment.module)) as { handler: Handler };
  const idle = process.memoryUsage.rss();
  loaded = { ...assignment, handler, idle };
  const { memoryMB, signal } = assignment;
  const guarded: Guarded = { parent: process.ppid, bytesMax: idle + memoryMB * 2 ** 20, signal };
  new Worker(new URL("./runtime-watchdog.ts", import.meta.url), { workerData: guarded }).unref();
  return { kind: "ready" };
}

async function run({ requestID, event, deadline }: Extract<Assignment, { kind: "run" }>): Promise<Answer> {
  if (!loaded) throw new Error("An event came before the handler was loaded.");
  const { handler, idle } = loaded;
  const grownMB = () => (process.memoryUsage.rss() - idle) / 2 ** 20;
  try {
    const result = await handler(event, contextOf({ ...loaded, requestID, deadline }));
    return { kind: "done", result, grownMB: grownMB() };
  } catch (error) {
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    return { kind: "failed", message, stack, grownMB: grownMB() };
  }
}

function answer(message: Answer) {
  // If the parent is gone, the `disconnect` event follows and ends this process.
  process.send?.(message, undefined, undefined, () => {});
}
