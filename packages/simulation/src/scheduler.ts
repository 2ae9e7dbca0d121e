/**
 * A deterministic scheduler: jobs whose every request waits at a gate until the schedule lets it through, and a virtual
 * clock. Killing a job leaves its request pending for ever, so no line after it runs.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Clock } from "@image-pipeline/local/clock";
import FakeTimers from "@sinonjs/fake-timers";

/** The ways in which a request can end. Faults other than the two deaths reach the client as errors to retry or throw. */
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

/** One run of a function. `attempt` is the one that it claimed last, `skewMs` the error of its clock. */
export type Job = {
  name: string;
  startedAt: number;
  skewMs: number;
  attempt?: number;
  gates: Gate[];
  /** It waits for virtual time to pass, and not at a gate. */
  asleep: boolean;
  state: "running" | "done" | "dead";
  kill(): void;
};

const current = new AsyncLocalStorage<Job>();
let jobs: Job[] = [];
let changed = Promise.withResolvers<void>();

/** The job that runs this code, if any. */
export const currentJob = (): Job | undefined => current.getStore();

let harm = 0;

/** Number of jobs that were killed and of requests that met a fault, in the life of the process. */
export const harms = (): number => harm;

/** The jobs that have not ended, in the order in which they were started. */
export const running = (): readonly Job[] => jobs;

/** Starts a job, which runs up to its first request. Rejects if the job is killed. */
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
  const kill = () => {
    if (!end("dead")) return;
    harm++;
    reject(new Error("The process was killed."));
  };
  const job: Job = { name, startedAt, skewMs, gates: [], asleep: false, state: "running", kill };
  jobs = [...jobs, job];
  current.run(job, run).then(
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
 * Performs a request once the schedule lets it through; at once outside of jobs. `spoil` turns a fault into what the
 * caller sees: an error or an error response.
 */
export function gate<T>(
  label: string,
  perform: () => Promise<T>,
  spoil: (fault: Exclude<Fault, "none">) => Promise<T>,
): Promise<T> {
  const job = current.getStore();
  if (!job) return perform();
  if (job.state !== "running") return new Promise(() => {});
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const pass = async (fault: Fault) => {
    if (fault === "die before") return job.kill();
    // The server's side of the request is not part of the job.
    const answer = current.exit(async () => {
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

/** Lets one request of a job through with a fault, and waits until every job waits again. Returns its label. */
export async function step(job: Job, choice = 0, fault: Fault = "none"): Promise<string> {
  // Sorted by label, because concurrent requests arrive in no fixed order.
  const gates = job.gates.toSorted((a, b) => (a.label < b.label ? -1 : a.label > b.label ? 1 : 0));
  const chosen = gates[choice % gates.length];
  if (!chosen) throw new Error(`${job.name} has no request to let through.`);
  job.gates = job.gates.filter((gate) => gate !== chosen);
  if (fault !== "none") harm++;
  await chosen.pass(fault);
  await settle();
  return chosen.label;
}

/** Suspends the job that calls it for some milliseconds of virtual time. */
export function sleep(ms: number): Promise<void> {
  const job = current.getStore();
  const { promise, resolve } = Promise.withResolvers<void>();
  if (job) job.asleep = true;
  clock.after(ms, () => {
    if (job) job.asleep = false;
    resolve();
  });
  changed.resolve();
  return promise;
}

/** Waits until every job waits at a gate or sleeps. */
export async function settle(): Promise<void> {
  for (;;) {
    changed = Promise.withResolvers<void>();
    await new Promise<void>((done) => setImmediate(done));
    if (jobs.every(({ gates, asleep }) => asleep || gates.length > 0)) return;
    await changed.promise;
  }
}

/** Kills every job. */
export function killAll(): void {
  for (const job of jobs) job.kill();
}

const virtual = FakeTimers.createClock(Date.UTC(2026, 0, 1));

/** Virtual time in milliseconds since 1970, without the skew of any job. */
export const now = (): number => virtual.now;

/** The clock of queues and stores. */
export const clock: Clock = {
  now,
  after: (ms, run) => {
    const timer = virtual.setTimeout(run, ms);
    return () => virtual.clearTimeout(timer);
  },
};

/** Returns true if any timer is set. */
export const hasTimers = (): boolean => virtual.countTimers() > 0;

/** Moves time to the next timer and fires it. */
export const nextTimer = (): number => virtual.next();

/** The longest delay of a timer: longer ones fire at once. */
const delayMsMax = 2 ** 31 - 1;

/** Moves time on by `ms` and fires what falls due, in order, with `meanwhile` after each timer. */
export async function advance(ms: number, meanwhile: () => Promise<void>): Promise<void> {
  let over = false;
  const end = () => {
    over = true;
  };
  virtual.setTimeout(end, Math.min(ms, delayMsMax));
  while (!over) {
    virtual.next();
    if (!over) await meanwhile();
  }
  if (ms > delayMsMax) await advance(ms - delayMsMax, meanwhile);
}

/** Removes every timer, as a power cut does. Time stays. */
export function clearTimers(): void {
  const { now } = virtual;
  virtual.reset();
  virtual.setSystemTime(now);
}

/** Delays shorter than this are the backoff between retries of one request: jobs do not wait for them. */
const backoffMs = 2_000;

/** Makes virtual time the `Date` of this process, with the skew of the job that asks, and shortens backoff in jobs. */
export function installClock(): void {
  const RealDate = Date;
  const realSetTimeout = globalThis.setTimeout;
  const here = () => virtual.now + (currentJob()?.skewMs ?? 0);
  class VirtualDate extends RealDate {
    constructor(...given: [] | [number | string | Date] | [number, number]) {
      if (given.length === 0) super(here());
      else super(...(given as [number]));
    }
    static override now() {
      return here();
    }
  }
  globalThis.Date = VirtualDate as DateConstructor;
  const shortened = (run: () => void, ms = 0, ...given: []) =>
    realSetTimeout(run, currentJob() && ms < backoffMs ? 0 : ms, ...given);
  globalThis.setTimeout = Object.assign(shortened, realSetTimeout) as typeof setTimeout;
}

/** The only job that runs. */
export function only(): Job {
  const [job, ...more] = jobs;
  if (!job || more.length > 0) throw new Error(`${jobs.length} jobs run, not one.`);
  return job;
}

/** The first job that is not this one. */
export function other(job: Job): Job {
  const found = jobs.find((candidate) => candidate !== job);
  if (!found) throw new Error("No other job runs.");
  return found;
}

/** Lets a job run until it waits to make a request whose label matches. */
export async function runUntil(job: Job, request: RegExp): Promise<void> {
  await settle();
  while (!job.gates.some(({ label }) => request.test(label))) {
    if (job.gates.length === 0) throw new Error(`${job.name} ended before it made the request ${request}.`);
    await step(job);
  }
}

/** Lets a job run to its end. */
export async function runToEnd(job: Job): Promise<void> {
  await settle();
  while (job.gates.length > 0) await step(job);
}
