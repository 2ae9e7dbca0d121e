/**
 * Runs a function's handler in child processes, one event at a time in each, as Lambda does. A child is killed at the
 * function's timeout or above its memory limit, even if its main thread is stuck in native code; no other event fails.
 */
import { type ChildProcess, fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { type Clock, systemClock } from "./clock.ts";
import type { Answer, Assignment } from "./runtime-child.ts";

export type Options = {
  /** The function's name, in its context and in messages. */
  name: string;
  /** The module that exports `handler`. */
  module: URL;
  region: string;
  workers: number;
  timeoutSeconds: number;
  /** MB by which a child's resident memory may grow beyond what it has when idle. */
  memoryMB: number;
  env: NodeJS.ProcessEnv;
  /** The clock of the timeouts. */
  clock?: Clock;
};

/**
 * A function that can be called. `invoke` waits for a free worker; it rejects if the handler throws, times out, or its
 * process ends, with the reason. `warm` starts all workers. `close` kills the events in progress after `graceMs`.
 */
export type Runtime = {
  invoke(event: unknown): Promise<unknown>;
  warm(): void;
  close(graceMs: number): Promise<void>;
};

/** The signal by which a child's watchdog ends it above the memory limit. Nothing else sends it, so it is the reason. */
const memorySignal = "SIGUSR2";

/** Seconds in which a child must load its module: half a second of CPU, on a machine that may be busy. */
const startSeconds = 60;

/** Milliseconds after which an idle child is replaced if it has kept some memory. */
const idleMs = 10_000;

type Task = { event: unknown; done(result: unknown): void; fail(error: Error): void };
type Worker = {
  child: ChildProcess;
  started: boolean;
  task?: Task;
  /** Cancels the timer that is running. */
  cancelTimer(): void;
  ended: Promise<void>;
};

/** Creates the runtime of a function. It starts a process when an event needs it. */
export function startRuntime(options: Options): Runtime {
  const { name, workers: workersMax, timeoutSeconds, memoryMB, clock = systemClock } = options;
  const workers = new Set<Worker>();
  const waiting: Task[] = [];
  let closed = false;

  const pump = () => {
    for (const worker of workers) {
      if (waiting.length === 0) return;
      if (worker.started && !worker.task) assign(worker, waiting.shift());
    }
    const starting = [...workers].filter(({ started }) => !started).length;
    for (let missing = waiting.length - starting; missing > 0 && workers.size < workersMax; missing--)
      start();
  };

  const start = () => {
    const child = fork(fileURLToPath(new URL("./runtime-child.ts", import.meta.url)), {
      env: {
        ...options.env,
        AWS_LAMBDA_FUNCTION_NAME: name,
        AWS_LAMBDA_FUNCTION_VERSION: "$LATEST",
        // Reduces the peak memory by a third at no cost in time (measured with sharp). sharp then needs an explicit
        // concurrency, which the engine sets.
        MALLOC_ARENA_MAX: "2",
      },
      // Flags of this process, such as a debugger's port or a test runner's loader, are not for its children.
      execArgv: [],
    });
    const worker: Worker = {
      child,
      started: false,
      cancelTimer: () => {},
      ended: new Promise((done) => {
        child.once("exit", () => done());
        child.once("error", () => done());
      }),
    };
    workers.add(worker);
    limit(worker, startSeconds, `${name} did not load within ${startSeconds} s.`);
    child.on("message", (answer: Answer) => receive(worker, answer));
    child.on("error", (error) => end(worker, `${name} could not be started: ${error.message}`));
    child.on("exit", (code, signal) => end(worker, `${name} ended: ${reasonOf(code, signal, memoryMB)}.`));
    const { module, region } = options;
    const place = { module: module.href, name, region };
    const assignment: Assignment = { kind: "load", ...place, memoryMB, signal: memorySignal };
    child.send(assignment, () => {});
  };

  const assign = (worker: Worker, task: Task | undefined) => {
    if (!task) return;
    worker.task = task;
    limit(worker, timeoutSeconds, `${name} was stopped after ${timeoutSeconds} s.`);
    const deadline = Date.now() + timeoutSeconds * 1000;
    const assignment: Assignment = { kind: "run", requestID: randomUUID(), event: task.event, deadline };
    // If sending fails, the process is ending, and its `exit` event rejects the task.
    worker.child.send(assignment, () => {});
  };

  const limit = (worker: Worker, seconds: number, message: string) => {
    worker.cancelTimer();
    worker.cancelTimer = clock.after(seconds * 1000, () => {
      worker.child.kill("SIGKILL");
      end(worker, message);
    });
  };

  const receive = (worker: Worker, answer: Answer) => {
    worker.cancelTimer();
    worker.started = true;
    const { task } = worker;
    worker.task = undefined;
    if (answer.kind === "done") task?.done(answer.result);
    if (answer.kind === "failed")
      task?.fail(Object.assign(new Error(answer.message), { stack: answer.stack }));
    const grownMB = answer.kind === "ready" ? 0 : answer.grownMB;
    // The process did not release its memory, and will not. A new one costs half a second: at once if it kept much
    // memory, otherwise when it is idle.
    if (closed || grownMB > memoryMB / 2) retire(worker);
    else if (grownMB > memoryMB / 8) worker.cancelTimer = clock.after(idleMs, () => renew(worker));
    pump();
  };

  const renew = (worker: Worker) => {
    retire(worker);
    start();
  };

  const retire = (worker: Worker) => {
    worker.cancelTimer();
    workers.delete(worker);
    if (worker.child.connected) worker.child.disconnect();
  };

  const end = (worker: Worker, message: string) => {
    worker.cancelTimer();
    if (!workers.delete(worker)) return;
    worker.task?.fail(new Error(message));
    worker.task = undefined;
    // A module that cannot be loaded fails the first waiting event: loading it again and again would not end.
    if (!worker.started) waiting.shift()?.fail(new Error(message));
    if (!closed) pump();
  };

  return {
    invoke: (event) =>
      new Promise((done, fail) => {
        if (closed) return fail(new Error(`${name} accepts no more events: it is being stopped.`));
        waiting.push({ event, done, fail });
        pump();
      }),
    warm: () => {
      while (!closed && workers.size < workersMax) start();
    },
    close: async (graceMs) => {
      closed = true;
      for (const task of waiting.splice(0)) task.fail(new Error(`${name} is being stopped.`));
      const all = [...workers];
      for (const worker of all) if (worker.started && !worker.task) retire(worker);
      const timer = setTimeout(() => {
        for (const { child } of all) child.kill("SIGKILL");
      }, graceMs);
      await Promise.all(all.map(({ ended }) => ended));
      clearTimeout(timer);
    },
  };
}

/** Returns the reason why a process ended. */
function reasonOf(code: number | null, signal: string | null, memoryMB: number) {
  if (signal === memorySignal) return `it took over ${memoryMB} MB more memory than when idle`;
  return signal ? `killed by ${signal}` : `exit code ${code}`;
}
