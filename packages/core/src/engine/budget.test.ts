import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Exhausted, withinBudget } from "./budget.ts";

const never = () => new Promise<string>(() => {});

beforeEach(() => vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] }));
afterEach(() => vi.useRealTimers());

test("work within its budget is done, and its clock stops", async () => {
  expect(await withinBudget(async () => "done", { seconds: 20, memoryMB: 1000 })).toBe("done");
  expect(vi.getTimerCount()).toBe(0);
});

test("an error of the work is passed on", async () => {
  const work = async () => {
    throw new Error("The store is away.");
  };
  await expect(withinBudget(work, { seconds: 20, memoryMB: 1000 })).rejects.toThrow("The store is away.");
});

test("a decoder that does not return is too slow after its seconds, and not before", async () => {
  let ended = false;
  const result = withinBudget(never, { seconds: 20, memoryMB: 1000 }).catch((error) => {
    ended = true;
    return error;
  });
  await vi.advanceTimersByTimeAsync(19_900);
  expect(ended).toBe(false);
  await vi.advanceTimersByTimeAsync(200);
  const error = await result;
  expect(error).toBeInstanceOf(Exhausted);
  expect(error).toMatchObject({ code: "too_slow", message: "Decoding the image takes more than 20 s." });
});

test("a decoder that outgrows its memory is stopped", async () => {
  let kept: Buffer | undefined;
  const work = () => {
    kept = Buffer.alloc(200 * 2 ** 20, 1);
    return never();
  };
  const result = withinBudget(work, { seconds: 20, memoryMB: 100 }).catch((error) => error);
  await vi.advanceTimersByTimeAsync(100);
  expect(await result).toMatchObject({ code: "too_much_memory" });
  expect(kept?.[0]).toBe(1);
});
