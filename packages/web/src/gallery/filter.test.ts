import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { matches, queryOf } from "./filter.ts";
import type { Tile } from "./tile.ts";

const zone = process.env.TZ;

beforeAll(() => {
  process.env.TZ = "America/New_York";
});
afterAll(() => {
  process.env.TZ = zone;
});

const tile: Tile = {
  id: "img_01M840E3836646KR31ZDGQHSZX",
  status: "ready",
  version: 3,
  createdAt: "2026-11-23T10:50:09Z",
  tags: ["sea"],
  alt: "",
  label: "",
};

test("days begin and end where the person is, and the last one is included", () => {
  expect(queryOf({ from: "2026-11-01", to: "2026-11-01" })).toEqual({
    // On that day the clocks there go back: it has 25 hours.
    createdAfter: "2026-11-01T04:00:00Z",
    createdBefore: "2026-11-02T05:00:00Z",
  });
});

describe("an image belongs into a list", () => {
  test.each([
    [{}, true],
    [{ status: "ready" }, true],
    [{ status: "failed" }, false],
    [{ tag: "sea" }, true],
    [{ tag: "se" }, false],
    [{ from: "2026-11-23", to: "2026-11-23" }, true],
    [{ from: "2026-11-24" }, false],
    [{ to: "2026-11-22" }, false],
  ] as const)("of %o: %s", (filter, belongs) => {
    expect(matches(filter, tile)).toBe(belongs);
  });
});
