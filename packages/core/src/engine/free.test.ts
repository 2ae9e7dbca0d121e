import { expect, test } from "vitest";
import { free } from "./free.ts";

test("a buffer that has its memory to itself gives it back", () => {
  const buffer = Buffer.alloc(1 << 20, 1);
  const before = process.memoryUsage().arrayBuffers;
  free(buffer);
  expect(buffer.length).toBe(0);
  expect(process.memoryUsage().arrayBuffers).toBeLessThanOrEqual(before - (1 << 20));
  // Twice does no harm.
  free(buffer);
});

test("memory that others read too is left alone", () => {
  const whole = Buffer.alloc(1000, 7);
  free(whole.subarray(10));
  // Small ones share Node's pool.
  const [small, neighbour] = [Buffer.from("small"), Buffer.from("neighbour")];
  free(small);
  expect([whole.length, whole[999], neighbour.toString()]).toEqual([1000, 7, "neighbour"]);
});
