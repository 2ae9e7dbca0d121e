import { expect, test } from "vitest";
import { retryAfterOf } from "./etag.ts";

const changed = Date.parse("2026-11-25T12:00:00Z");

test.each([
  ["pending", 0, 1],
  ["pending", 19, 1],
  ["processing", 20, 2],
  ["processing", 55, 5],
  ["pending", 86_400, 10],
  // The clock of another host may be ahead.
  ["processing", -3, 1],
  ["ready", 5, undefined],
  ["rejected", 5, undefined],
  ["failed", 5, undefined],
] as const)("an image that is %s for %i s is to be looked up again after %s s", (status, seconds, after) => {
  const image = { status, updatedAt: new Date(changed).toISOString() };
  expect(retryAfterOf(image, changed + seconds * 1000)).toBe(after);
});
