import { expect, test } from "vitest";
import { fuzz } from "./fuzz.ts";

test("10,000 broken pictures end as rendered or rejected, soon and within 1 GB (seed 20)", {
  timeout: 300_000,
}, async () => {
  const { faults, rendered, rejected, slowestMs } = await fuzz(20, 0, 10_000);
  expect(faults).toEqual([]);
  expect(rendered + rejected).toBe(10_000);
  // Some survive their changes: else nothing but the gate would have been tried.
  expect(rendered).toBeGreaterThan(500);
  expect(slowestMs).toBeLessThan(20_000);
  expect(process.resourceUsage().maxRSS / 1024).toBeLessThan(1024);
});
