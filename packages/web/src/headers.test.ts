import { expect, test } from "vitest";
import { pageHeaders } from "./headers.ts";

const policyOf = (origins: { store: string; media?: string }) =>
  pageHeaders(origins)["content-security-policy"]?.split("; ") ?? [];

test("the policy allows the page's own files, the API and the uploads bucket only", () => {
  expect(policyOf({ store: "https://uploads.example.com" })).toEqual([
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' blob: data:",
    "connect-src 'self' https://uploads.example.com",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ]);
});

test("the policy allows variants from another origin if one is given", () => {
  expect(policyOf({ store: "http://127.0.0.1:3001", media: "http://127.0.0.1:3000" })).toContain(
    "img-src 'self' http://127.0.0.1:3000 blob: data:",
  );
});
