import { expect, test } from "vitest";
import { fuzz } from "./fuzz.ts";

test("1,000 mutated images are rendered or rejected (seed 20; npm run prove has 10,000)", {
  timeout: 300_000,
}, async () => {
  const { faults, rendered, rejected } = await fuzz(20, 0, 1_000);
  expect(faults).toEqual([]);
  expect(rendered + rejected).toBe(1_000);
  // Some survive their mutation: otherwise only the gate would have been tested.
  expect(rendered).toBeGreaterThan(50);
});
