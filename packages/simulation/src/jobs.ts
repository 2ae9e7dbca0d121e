/**
 * Workers whose every request waits until it is let through, so that one schedule can be chosen out of all that are
 * possible. A worker that is killed simply never hears of its request again: nothing after it runs.
 */
import { AsyncLocalStorage } from "node:async_hooks";

/** What may happen to a request. All but `none` and the deaths come out of the client as errors, retried or final. */
export const faults = [
  "none",
  "die before",
  "die after",
  "fail",
  "throttle",
  "time out after",
  "lose the answer",
] as const;
export type Fault = (typeof faults)[number];

type Gate = { label: string; pass(fault: Fault): Promise<void> };

/** One run of a function: `attempt` is the one that it claimed last, `skewMs` how far its clock is off. */
export type Job = {
  name: string;
  startedAt: number;
  skewMs: number;
  attempt?: number;
  gates: Gate[];
  state: "running" | "done" | "dead";
  kill(): void;
};

const here = new AsyncLocalStorage<Job>();
let jobs: Job[] = [];
let changed = Promise.withResolvers<void>();

/** The job in whose name this code runs; undefined outside of all. */
export const jobHere = (): Job | undefined => here.getStore();

/** Every job that waits at a gate, in the order in which they were started. */
export const running = (): readonly Job[] => jobs;

/** Starts a job. It runs by itself up to its first request. Rejects if it is killed. */
export function start<T>(
  { name, startedAt, skewMs }: Pick<Job, "name" | "startedAt" | "skewMs">,
  run: () => Promise<T>,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const end = (state: "done" | "dead") => {
    if (job.state !== "running") return false;
    job.state = state;
    job.gates = [];
    jobs = jobs.filter((other) => other !== job);
    changed.resolve();
    return true;
  };
  const job: Job = {
    name,
    startedAt,
    skewMs,
    gates: [],
    state: "running",
    kill: () => {
      if (end("dead")) reject(new Error("The process was killed."));
    },
  };
  jobs = [...jobs, job];
  here.run(job, run).then(
    (result) => {
      if (end("done")) resolve(result);
    },
    (error) => {
      if (end("done")) reject(error);
    },
  );
  return promise;
}

/**
 * Lets `perform` wait for its turn. `spoil` says what the caller gets to see of a fault: an error to throw, or an
 * answer in its place.
 */
export function gate<T>(
  label: string,
  perform: () => Promise<T>,
  spoil: (fault: Exclude<Fault, "none">) => Promise<T>,
): Promise<T> {
  const job = here.getStore();
  if (!job) return perform();
  if (job.state !== "running") return new Promise(() => {});
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const pass = async (fault: Fault) => {
    if (fault === "die before") return job.kill();
    // The request itself is nobody's: its sockets and timers are not the job's.
    const answer = here.exit(async () => {
      if (fault === "fail" || fault === "throttle") return spoil(fault);
      const result = await perform();
      return fault === "none" || fault === "die after" ? result : spoil(fault);
    });
    const outcome = await answer.then(
      (value) => () => resolve(value),
      (error) => () => reject(error),
    );
    if (fault === "die after") job.kill();
    else outcome();
  };
  job.gates.push({ label, pass });
  changed.resolve();
  return promise;
}

/** Lets one request of a job through, with what is to happen to it, and waits until all jobs wait again. */
export async function step(job: Job, choice: number, fault: Fault): Promise<string> {
  // By name, because requests made at the same time come in no certain order.
  const gates = job.gates.toSorted((a, b) => (a.label < b.label ? -1 : a.label > b.label ? 1 : 0));
  const chosen = gates[choice % gates.length];
  if (!chosen) throw new Error(`${job.name} waits at no gate.`);
  job.gates = job.gates.filter((gate) => gate !== chosen);
  await chosen.pass(fault);
  await settle();
  return chosen.label;
}

/** Waits until every job waits at a gate. */
export async function settle(): Promise<void> {
  for (;;) {
    changed = Promise.withResolvers<void>();
    await new Promise<void>((done) => setImmediate(done));
    if (jobs.every(({ gates }) => gates.length > 0)) return;
    await changed.promise;
  }
}

/** Kills every job. */
export function killAll(): void {
  for (const job of jobs) job.kill();
}
