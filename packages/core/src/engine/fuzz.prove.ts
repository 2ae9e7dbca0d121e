/** Mutated and hostile images in a child process, whose memory is measured. */
import { expect, test } from "vitest";
import { Settings } from "../settings.ts";
import { hostile } from "./fixture-hostile.ts";
import { fuzz } from "./fuzz.ts";
import { render } from "./render.ts";

test("hostile images and 10,000 mutated ones are rendered or rejected, within 1 GB (seed 20)", {
  timeout: 900_000,
}, async () => {
  for (const { make } of Object.values(hostile)) {
    await render(await make(), Settings.pipelineDefaults).catch(() => undefined);
  }
  const { faults, rendered, rejected } = await fuzz(20, 0, 10_000);
  expect(faults).toEqual([]);
  expect(rendered + rejected).toBe(10_000);
  expect(rendered).toBeGreaterThan(500);
  expect(process.resourceUsage().maxRSS / 1024).toBeLessThan(1024);
});
