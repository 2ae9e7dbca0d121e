import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { format, matches, parse, queryOf, type Route } from "./route.ts";

const imageID = "img_01M840E3836646KR31ZDGQHSZX";

const routes: [string, Route][] = [
  ["#/", { page: "gallery", filter: {} }],
  ["#/operations", { page: "operations", filter: {} }],
  [`#/images/${imageID}`, { page: "gallery", imageID, filter: {} }],
  ["#/?status=rejected", { page: "gallery", filter: { status: "rejected" } }],
  [
    "#/?tag=caf%C3%A9+%26+bar&tag=sea&status=ready&from=2026-11-01&to=2026-11-30",
    {
      page: "gallery",
      filter: { tags: ["café & bar", "sea"], status: "ready", from: "2026-11-01", to: "2026-11-30" },
    },
  ],
  [
    "#/?q=old+har&format=png&sort=oldest",
    { page: "gallery", filter: { q: "old har", format: "png", sort: "oldest" } },
  ],
  ["#/?from=2026-11-01&sort=taken", { page: "gallery", filter: { from: "2026-11-01", sort: "taken" } }],
];

describe("a hash", () => {
  test.each(routes)("%s is parsed", (hash, route) => {
    expect(parse(hash)).toEqual(route);
  });

  test.each(routes)("%s is the format of its route", (hash, route) => {
    expect(format(route)).toBe(hash);
  });

  test.each([
    ["", { page: "gallery", filter: {} }],
    ["#/nowhere", { page: "unknown", filter: {} }],
    ["#/images/..%2f..%2fetc", { page: "unknown", filter: {} }],
    ["#/?status=deleted&from=2026-13-45&to=soon", { page: "gallery", filter: {} }],
    ["#/?status=ready&tag=sea&sort=taken", { page: "gallery", filter: { sort: "taken" } }],
    ["#/?format=exe&q=+&sort=size", { page: "gallery", filter: {} }],
  ])("%s is parsed without its invalid parts", (hash, route) => {
    expect(parse(hash)).toEqual(route);
  });
});

describe("a filter, in New York", () => {
  const zone = process.env.TZ;
  beforeAll(() => {
    process.env.TZ = "America/New_York";
  });
  afterAll(() => {
    process.env.TZ = zone;
  });

  test("has days in the browser's time zone, the last one included", () => {
    expect(queryOf({ from: "2026-11-01", to: "2026-11-01" })).toEqual({
      // Daylight saving time ends on that day: it has 25 hours.
      createdAfter: "2026-11-01T04:00:00Z",
      createdBefore: "2026-11-02T05:00:00Z",
    });
  });

  test("has days of capture in no time zone, because cameras record none", () => {
    expect(queryOf({ sort: "taken", from: "2026-11-01", to: "2026-11-01" })).toEqual({
      orderBy: "takenAt",
      takenAfter: "2026-11-01T00:00:00Z",
      takenBefore: "2026-11-02T00:00:00Z",
    });
  });

  test.each([
    ["sunse", "sunse*"],
    ["old sunse", "old sunse*"],
    ["sunset ", "sunset"],
    ["s", "s"],
    ["sun*", "sun*"],
  ])("searches %o as %o: the last word may not be finished", (q, sent) => {
    expect(queryOf({ q })).toEqual({ q: sent });
  });

  test.each([
    [{}, true],
    [{ status: "ready" }, true],
    [{ status: "failed" }, false],
    [{ tags: ["sea"] }, true],
    [{ tags: ["se"] }, false],
    [{ tags: ["sea", "sun"] }, false],
    [{ format: "jpeg" }, true],
    [{ format: "png" }, false],
    [{ from: "2026-11-23", to: "2026-11-23" }, true],
    [{ from: "2026-11-24" }, false],
    [{ to: "2026-11-22" }, false],
  ] as const)("%o matches a ready image with the tag sea: %s", (filter, isMatch) => {
    expect(
      matches(filter, { status: "ready", createdAt: "2026-11-23T10:50:09Z", format: "jpeg", tags: ["sea"] }),
    ).toBe(isMatch);
  });
});
