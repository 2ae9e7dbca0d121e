import { describe, expect, test } from "vitest";
import { isFromRouter } from "./origin.ts";

const secrets = { previous: "a".repeat(64), current: "b".repeat(64), next: "c".repeat(64) };

describe("a request is from the router", () => {
  test.each(Object.entries(secrets))("with the %s secret", (_name, value) => {
    expect(isFromRouter({ headers: { "x-origin-secret": value } }, secrets)).toBe(true);
  });

  test.each<[string, unknown]>([
    ["no header", { headers: {} }],
    ["no headers", {}],
    ["no event", undefined],
    ["null", null],
    ["an empty secret", { headers: { "x-origin-secret": "" } }],
    ["another secret", { headers: { "x-origin-secret": "d".repeat(64) } }],
    ["a prefix of a secret", { headers: { "x-origin-secret": "b".repeat(63) } }],
    ["two secrets joined", { headers: { "x-origin-secret": `${secrets.current},${secrets.next}` } }],
    ["an object", { headers: { "x-origin-secret": { toString: "x" } } }],
  ])("and not with %s", (_what, event) => {
    expect(isFromRouter(event, secrets)).toBe(false);
  });
});
