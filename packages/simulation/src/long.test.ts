/** The short versions of what takes an hour by command (docs/reliability.md). */
import { expect, test } from "vitest";
import { prove } from "./run.ts";

const timeout = 20 * 60_000;

test("a server that is killed half-way has whatever it had acknowledged when it is started again", {
  timeout,
}, async () => {
  const { code, output } = await prove("kills", "--every", "25", "--rounds", "1");
  expect(output).toMatch(/[1-9]\d* kills, [1-9]\d* images, 0 faults/);
  expect(code, output).toBe(0);
});

test.each([
  ["two hundred uploads in all the faults there are come to their end", ["storm", "--uploads", "200"]],
  ["the last that the bucket saw wins on every key", ["races", "--keys", "20"]],
])("%s", { timeout }, async (_, suite) => {
  const { code, output } = await prove(...suite, "--seed", "20261124");
  expect(output).toMatch(/lost: [1-9].*schedule: 1/);
  expect(code, output).toBe(0);
});
