import { expect, test } from "vitest";
import { record } from "../table/fixture-record.ts";
import { Imports } from "./imports.ts";

const failure = { status: "rejected", code: "import_refused", message: "Refused." } as const;
const importing = {
  ...record,
  status: "pending" as const,
  etag: undefined,
  from: { url: "https://images.example/a.jpg" },
};
const decide = (given: Parameters<typeof Imports.onImportFailed>[0]) =>
  Imports.onImportFailed(given, failure, "importer", { now: 0 }).do;

test("a failed import marks an image that waits for its bytes", () => {
  expect(decide(importing)).toBe("write");
});

test.each(["processing", "ready", "rejected", "failed", "deleting", "deleted"] as const)(
  "a failed import leaves an image that is %s meanwhile",
  (status) => {
    expect(decide({ ...importing, status })).toBe("acknowledge");
  },
);

test("a failed import leaves an image whose bytes have arrived, one that is no import, and none", () => {
  expect(decide({ ...importing, etag: "e" })).toBe("acknowledge");
  expect(decide({ ...importing, from: undefined })).toBe("acknowledge");
  expect(decide(undefined)).toBe("acknowledge");
});
