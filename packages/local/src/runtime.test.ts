import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { afterEach, expect, test, vi } from "vitest";
import { virtualClock } from "./fixture.ts";
import type { Deed } from "./runtime.fixture.ts";
import { type Options, type Runtime, startRuntime } from "./runtime.ts";

const fixture = new URL("./runtime.fixture.ts", import.meta.url);
const runtimes: Runtime[] = [];

function start(options: Partial<Options> = {}) {
  const runtime = startRuntime({
    name: "processor",
    module: fixture,
    region: "eu-west-1",
    workers: 1,
    timeoutSeconds: 20,
    memoryMB: 200,
    env: { ...process.env, GIVEN: "yes" },
    ...options,
  });
  runtimes.push(runtime);
  return { ...runtime, invoke: (deed: Deed) => runtime.invoke(deed) };
}

afterEach(async () => {
  await Promise.all(runtimes.splice(0).map((runtime) => runtime.close(0)));
});

const isRunning = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** Resolves when a process has ended. */
const ended = (pid: number) => vi.waitUntil(() => !isRunning(pid), { timeout: 20_000 });

const tell = async ({ invoke }: { invoke(deed: Deed): Promise<unknown> }) =>
  (await invoke({ do: "tell" })) as { pid: number; remainingMs: number; requestID: string };

test("calls the handler with the event and with Lambda's context and environment", async () => {
  const runtime = start();
  expect(await runtime.invoke({ do: "echo", value: { deep: [1, "two", null] } })).toEqual({
    deep: [1, "two", null],
  });
  const told = await tell(runtime);
  expect(told).toMatchObject({
    name: "processor",
    arn: "arn:aws:lambda:eu-west-1:000000000000:function:processor",
    environment: ["processor", "2", "yes"],
  });
  expect(told.remainingMs).toBeGreaterThan(0);
  expect(told.remainingMs).toBeLessThanOrEqual(20_000);
  expect((await tell(runtime)).requestID).not.toBe(told.requestID);
});

test("runs one event at a time in each process, and as many at once as it has workers", async () => {
  const runtime = start({ workers: 2 });
  const waits = ["a", "b", "c", "d"].map(() => runtime.invoke({ do: "wait", ms: 150 }));
  const pids = await Promise.all(waits);
  expect(new Set(pids).size).toBe(2);
});

test("rejects with what the handler throws, and keeps its process", async () => {
  const runtime = start();
  const { pid } = await tell(runtime);
  await expect(runtime.invoke({ do: "throw", message: "no such thing" })).rejects.toThrow("no such thing");
  expect((await tell(runtime)).pid).toBe(pid);
});

test.each<[string, Deed, RegExp]>([
  ["exits", { do: "exit", code: 3 }, /processor ended: exit code 3/],
  ["loses a rejection", { do: "forget to await" }, /processor ended: exit code 1/],
])("fails the event whose handler %s, and goes on in a new process", async (_, deed, message) => {
  const runtime = start();
  const { pid } = await tell(runtime);
  await expect(runtime.invoke(deed)).rejects.toThrow(message);
  expect((await tell(runtime)).pid).not.toBe(pid);
});

test.each<Deed["do"] & ("hang" | "spin")>(["hang", "spin"])(
  "kills a handler that %ss when its time is over, and goes on in a new process",
  async (deed) => {
    const runtime = start({ timeoutSeconds: 1 });
    const { pid } = await tell(runtime);
    await expect(runtime.invoke({ do: deed })).rejects.toThrow("processor was stopped after 1 s");
    await ended(pid);
    expect((await tell(runtime)).pid).not.toBe(pid);
  },
);

test.each([
  ["grows", false],
  ["grows and never yields", true],
])("ends a process whose memory %s over its limit, says so, and goes on in a new one", async (_, stuck) => {
  const runtime = start();
  const eaten = runtime.invoke({ do: "eat", MB: 2_000, stuck });
  await expect(eaten).rejects.toThrow(/over 200 MB more memory/);
  expect(await runtime.invoke({ do: "echo", value: "on" })).toBe("on");
});

test("does not end a process below its memory limit", async () => {
  expect(await start().invoke({ do: "eat", MB: 60 })).toBe("ate it all");
});

test("replaces a process that did not give its memory back", async () => {
  const runtime = start();
  const pid = (await runtime.invoke({ do: "keep", MB: 120 })) as number;
  expect((await tell(runtime)).pid).not.toBe(pid);
  await ended(pid);
});

test("replaces a process that keeps some of its memory only after ten idle seconds", async () => {
  const clock = virtualClock();
  const runtime = start({ clock });
  const pid = (await runtime.invoke({ do: "keep", MB: 40 })) as number;
  for (let call = 0; call < 3; call++) {
    await clock.pass(9_999);
    expect((await tell(runtime)).pid).toBe(pid);
  }
  await clock.pass(10_000);
  await ended(pid);
  expect((await tell(runtime)).pid).not.toBe(pid);
});

test("rejects every waiting event if the module cannot be loaded, and does not load it for ever", async () => {
  const runtime = start({ module: new URL("./nowhere.ts", import.meta.url), workers: 2 });
  const [a, b] = await Promise.allSettled([runtime.invoke({ do: "tell" }), runtime.invoke({ do: "tell" })]);
  for (const { status } of [a, b]) expect(status).toBe("rejected");
});

test("waits at its close for the events in progress, and kills what has not ended after the grace period", async () => {
  const patient = start();
  const { pid } = await tell(patient);
  const done = patient.invoke({ do: "wait", ms: 300 });
  // Far longer than the test's own timeout: it must not be waited for.
  await patient.close(3_600_000);
  expect(await done).toBe(pid);
  expect(isRunning(pid)).toBe(false);

  const hasty = start();
  const other = await tell(hasty);
  const failed = expect(hasty.invoke({ do: "hang" })).rejects.toThrow("SIGKILL");
  await hasty.close(200);
  await failed;
  expect(isRunning(other.pid)).toBe(false);
  await expect(hasty.invoke({ do: "tell" })).rejects.toThrow("being stopped");
});

test.each<Deed["do"] & ("hang" | "spin")>(["hang", "spin"])(
  "leaves no process behind that %ss when its parent is killed",
  async (deed) => {
    const parent = spawn(
      process.execPath,
      [
        "--input-type=module",
        "--eval",
        `import { startRuntime } from ${JSON.stringify(new URL("./runtime.ts", import.meta.url).href)};
         const runtime = startRuntime({ name: "processor", module: new URL(${JSON.stringify(fixture.href)}),
           region: "eu-west-1", workers: 1, timeoutSeconds: 60, memoryMB: 200, env: process.env });
         console.log((await runtime.invoke({ do: "tell" })).pid);
         await runtime.invoke({ do: ${JSON.stringify(deed)} });`,
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    const lines = createInterface(parent.stdout)[Symbol.asyncIterator]();
    const pid = Number((await lines.next()).value);
    expect(isRunning(pid)).toBe(true);
    // The child prints a line at the start of the event.
    await lines.next();
    parent.kill("SIGKILL");
    await ended(pid);
  },
);
