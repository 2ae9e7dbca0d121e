/**
 * A Lambda runtime for one machine: a function's handler runs in child processes, one event at a time in each. What
 * hangs is killed when its time is over, what takes too much memory ends, and neither touches anything else.
 */
import { type ChildProcess, fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import type { Answer, Assignment } from "./runtime-child.ts";

export type Options = {
  /** The function's name, for its context and for messages. */
  name: string;
  /** The module whose export `handler` is the function. */
  module: URL;
  region: string;
  workers: number;
  timeoutSeconds: number;
  /** How far a child's resident memory may grow over what it takes when idle, in MB. */
  memoryMB: number;
  env: NodeJS.ProcessEnv;
  /** How long a child that keeps much memory may rest before another takes its place. Default: ten seconds. */
  restMs?: number;
};

/**
 * `invoke` rejects if the handler throws, its time runs out or its process ends; it waits for a free worker. `warm`
 * starts the workers before they are needed. `close` gives what runs so many milliseconds, then kills it.
 */
export type Runtime = {
  invoke(event: unknown): Promise<unknown>;
  warm(): void;
  close(graceMs: number): Promise<void>;
};

/**
 * How a child's watchdog ends it for its memory: a signal that nobody else sends, so that its end tells why, however
 * stuck its main thread is.
 */
const memorySignal = "SIGUSR2";

/** The time that a child has to load its module: half a second of work, on a machine that may be busy with much else. */
const startSeconds = 60;

type Task = { event: unknown; done(result: unknown): void; fail(error: Error): void };
type Worker = {
  child: ChildProcess;
  started: boolean;
  task?: Task;
  timer?: NodeJS.Timeout;
  ended: Promise<void>;
};

/** Makes a function callable. Its processes are started when they are first needed. */
export function startRuntime(options: Options): Runtime {
  const { name, workers: workersMax, timeoutSeconds, memoryMB, restMs = 10_000 } = options;
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
        // Takes a third off the peak memory and costs no time (measured with sharp, which then wants to be told
        // its concurrency: the engine does).
        MALLOC_ARENA_MAX: "2",
      },
      // What this process was started with (a debugger's port, a test runner's loader) is not for its children.
      execArgv: [],
    });
    const worker: Worker = {
      child,
      started: false,
      ended: new Promise((done) => {
        child.once("exit", () => done());
        child.once("error", () => done());
      }),
    };
    workers.add(worker);
    limit(worker, startSeconds, `${name} was not ready within ${startSeconds} s.`);
    child.on("message", (answer: Answer) => hear(worker, answer));
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
    // If this cannot be sent the process is ending, and its end is the answer.
    worker.child.send(assignment, () => {});
  };

  const limit = (worker: Worker, seconds: number, message: string) => {
    clearTimeout(worker.timer);
    worker.timer = setTimeout(() => {
      worker.child.kill("SIGKILL");
      end(worker, message);
    }, seconds * 1000);
  };

  const hear = (worker: Worker, answer: Answer) => {
    clearTimeout(worker.timer);
    worker.started = true;
    const { task } = worker;
    worker.task = undefined;
    if (answer.kind === "done") task?.done(answer.result);
    if (answer.kind === "failed")
      task?.fail(Object.assign(new Error(answer.message), { stack: answer.stack }));
    const grownMB = answer.kind === "ready" ? 0 : answer.grownMB;
    // It did not give back what it took, and never will. A new process costs half a second: at once if this is much,
    // otherwise when nothing else is to be done.
    if (closed || grownMB > memoryMB / 2) retire(worker);
    else if (grownMB > memoryMB / 8) worker.timer = setTimeout(() => renew(worker), restMs);
    pump();
  };

  const renew = (worker: Worker) => {
    retire(worker);
    start();
  };

  const retire = (worker: Worker) => {
    clearTimeout(worker.timer);
    workers.delete(worker);
    if (worker.child.connected) worker.child.disconnect();
  };

  const end = (worker: Worker, message: string) => {
    clearTimeout(worker.timer);
    if (!workers.delete(worker)) return;
    worker.task?.fail(new Error(message));
    worker.task = undefined;
    // A module that cannot be loaded would be tried without end: whoever waits for it gets the reason.
    if (!worker.started) waiting.shift()?.fail(new Error(message));
    if (!closed) pump();
  };

  return {
    invoke: (event) =>
      new Promise((done, fail) => {
        if (closed) return fail(new Error(`${name} takes no more events: it is being stopped.`));
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

/** What an ending says. */
function reasonOf(code: number | null, signal: string | null, memoryMB: number) {
  if (signal === memorySignal) return `it took over ${memoryMB} MB more memory than when idle`;
  return signal ? `killed by ${signal}` : `exit code ${code}`;
}
