import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
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

async function hasEnded(pid: number, withinMs: number) {
  for (const end = Date.now() + withinMs; Date.now() < end; await sleep(20)) if (!isRunning(pid)) return true;
  return false;
}

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
  expect(told.remainingMs).toBeGreaterThan(19_000);
  expect(told.remainingMs).toBeLessThanOrEqual(20_000);
  expect((await tell(runtime)).requestID).not.toBe(told.requestID);
});

test("runs one event at a time in each process, and as many at once as it has workers", async () => {
  const runtime = start({ workers: 2 });
  const waits = ["a", "b", "c", "d"].map(() => runtime.invoke({ do: "wait", ms: 150 }));
  const pids = await Promise.all(waits);
  expect(new Set(pids).size).toBe(2);
});

test("hands on what the handler throws, and keeps its process", async () => {
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
    const began = Date.now();
    await expect(runtime.invoke({ do: deed })).rejects.toThrow("processor was stopped after 1 s");
    expect(Date.now() - began).toBeLessThan(2_000);
    expect(await hasEnded(pid, 1_000)).toBe(true);
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

test("lets a process that stays below its memory limit be", async () => {
  expect(await start().invoke({ do: "eat", MB: 60 })).toBe("ate it all");
});

test("replaces a process that did not give its memory back", async () => {
  const runtime = start();
  const pid = (await runtime.invoke({ do: "keep", MB: 120 })) as number;
  expect((await tell(runtime)).pid).not.toBe(pid);
  expect(await hasEnded(pid, 2_000)).toBe(true);
});

test("replaces a process that keeps some of its memory only when it has nothing else to do", async () => {
  const runtime = start({ restMs: 1_500 });
  const pid = (await runtime.invoke({ do: "keep", MB: 40 })) as number;
  for (let call = 0; call < 8; call++) {
    await sleep(250);
    expect((await tell(runtime)).pid).toBe(pid);
  }
  expect(await hasEnded(pid, 5_000)).toBe(true);
  expect((await tell(runtime)).pid).not.toBe(pid);
});

test("says why a module cannot be loaded, to everyone who waits, and does not try for ever", async () => {
  const runtime = start({ module: new URL("./nowhere.ts", import.meta.url), workers: 2 });
  const [a, b] = await Promise.allSettled([runtime.invoke({ do: "tell" }), runtime.invoke({ do: "tell" })]);
  for (const { status } of [a, b]) expect(status).toBe("rejected");
});

test("gives what runs the time it is told when it is closed, and kills what has not ended by then", async () => {
  const patient = start();
  const { pid } = await tell(patient);
  const done = patient.invoke({ do: "wait", ms: 300 });
  const began = Date.now();
  await patient.close(10_000);
  expect(await done).toBe(pid);
  expect(Date.now() - began).toBeLessThan(5_000);
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
    const [line] = await once(parent.stdout, "data");
    const pid = Number(String(line));
    expect(isRunning(pid)).toBe(true);
    await sleep(100);
    parent.kill("SIGKILL");
    expect(await hasEnded(pid, 3_000)).toBe(true);
  },
);
