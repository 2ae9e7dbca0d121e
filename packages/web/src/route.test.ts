import { describe, expect, test } from "vitest";
import { format, parse, type Route } from "./route.ts";

const imageID = "img_01M840E3836646KR31ZDGQHSZX";

const routes: [string, Route][] = [
  ["#/", { page: "gallery", filter: {} }],
  ["#/operations", { page: "operations", filter: {} }],
  [`#/images/${imageID}`, { page: "gallery", imageID, filter: {} }],
  ["#/?status=rejected", { page: "gallery", filter: { status: "rejected" } }],
  [
    "#/?tag=caf%C3%A9+%26+bar&from=2026-11-01&to=2026-11-30",
    { page: "gallery", filter: { tag: "café & bar", from: "2026-11-01", to: "2026-11-30" } },
  ],
];

describe("an address", () => {
  test.each(routes)("%s says where one is", (hash, route) => {
    expect(parse(hash)).toEqual(route);
  });

  test.each(routes)("%s is what its route is written as", (hash, route) => {
    expect(format(route)).toBe(hash);
  });

  test.each([
    ["", { page: "gallery", filter: {} }],
    ["#/nowhere", { page: "gallery", filter: {} }],
    ["#/images/..%2f..%2fetc", { page: "gallery", filter: {} }],
    ["#/?status=deleted&from=2026-13-45&to=soon", { page: "gallery", filter: {} }],
    ["#/?status=ready&tag=sea", { page: "gallery", filter: { tag: "sea" } }],
  ])("%s that makes no sense leads to what is left of it", (hash, route) => {
    expect(parse(hash)).toEqual(route);
  });
});
