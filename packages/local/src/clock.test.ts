import { expect, test } from "vitest";
import { type Clock, every } from "./clock.ts";

/** A manual clock: the test moves time and runs the timers. */
function stillClock() {
  const timers = new Map<() => void, number>();
  const clock: Clock = {
    now: () => 0,
    after: (ms, run) => {
      timers.set(run, ms);
      return () => timers.delete(run);
    },
  };
  const runAll = async () => {
    for (const run of [...timers.keys()]) {
      timers.delete(run);
      run();
    }
    await new Promise((done) => setImmediate(done));
  };
  return { clock, timers, runAll };
}

test("a job is run again only when its last run has ended, however long that took", async () => {
  const { clock, timers, runAll } = stillClock();
  const run = Promise.withResolvers<void>();
  let runs = 0;
  const job = () => {
    runs++;
    return run.promise;
  };
  every(1000, job, clock);
  expect([...timers.values()]).toEqual([1000]);
  await runAll();
  expect([runs, timers.size]).toEqual([1, 0]);
  run.resolve();
  await runAll();
  expect([runs, timers.size]).toEqual([1, 1]);
  await runAll();
  expect(runs).toBe(2);
});

test("a job that fails is run again", async () => {
  const { clock, runAll } = stillClock();
  const [error, logged] = [console.error, [] as unknown[]];
  console.error = (what) => logged.push(what);
  let runs = 0;
  const fault = new Error("throttled");
  const job = () => {
    runs++;
    return Promise.reject(fault);
  };
  every(1000, job, clock);
  await runAll();
  await runAll();
  console.error = error;
  expect(runs).toBe(2);
  expect(logged).toEqual([fault, fault]);
});

test("nothing is run after the schedule has ended, not even after the run that was in progress", async () => {
  const { clock, timers, runAll } = stillClock();
  const run = Promise.withResolvers<void>();
  const cancel = every(1000, () => run.promise, clock);
  await runAll();
  cancel();
  run.resolve();
  await runAll();
  expect(timers.size).toBe(0);
  every(1000, () => run.promise, clock)();
  expect(timers.size).toBe(0);
});
