import { expect, test } from "vitest";
import { pageHeaders } from "./headers.ts";

const policyOf = (origins: { store: string; media?: string }) =>
  pageHeaders(origins)["content-security-policy"]?.split("; ") ?? [];

test("the page may load its own files alone, and talk to nobody but the API and the store", () => {
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

test("variants may come from another name of the same server", () => {
  expect(policyOf({ store: "http://127.0.0.1:3001", media: "http://127.0.0.1:3000" })).toContain(
    "img-src 'self' http://127.0.0.1:3000 blob: data:",
  );
});
