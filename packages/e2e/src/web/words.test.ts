import { ClientError } from "@image-pipeline/client";
import { codes } from "@image-pipeline/core/engine/rejection";
import { Settings } from "@image-pipeline/core/settings";
import { wordsFor, wordsOf } from "@image-pipeline/web/words";
import { describe, expect, test } from "vitest";

const general = wordsFor(undefined);

describe("a specific text exists", () => {
  test.each(codes)("for the rejection %s", (code) => {
    expect(wordsFor(code)).not.toEqual(general);
    expect(wordsFor(code).help).toMatch(/\.$/);
  });

  test.each([
    "unauthenticated",
    "forbidden",
    "image_not_found",
    "version_conflict",
    "quota_exceeded",
    "network_error",
    "upload_refused",
    "internal_error",
    "processing_failed",
  ])("for %s", (code) => {
    expect(wordsOf(new ClientError(code, "For programs."))).toEqual(wordsFor(code));
    expect(wordsFor(code)).not.toEqual(general);
  });
});

test.each(Settings.pipelineDefaults.formats)("the text for an unsupported format lists %s", (format) => {
  expect(wordsFor("unsupported_format").help?.toLowerCase()).toContain(format);
});

test("an unknown code shows the API's message", () => {
  expect(wordsFor("too_blue", "The image is too blue.")).toEqual({ what: "The image is too blue." });
});

test("a refused size shows the same text as the rejection of a file", () => {
  const refused = (pointer: string) =>
    wordsOf(new ClientError("invalid_request", "See `errors`.", { fields: [{ pointer, detail: "No." }] }));
  expect(refused("/bytes")).toEqual(wordsFor("empty_file"));
  expect(refused("/title")).toEqual({ what: "No." });
});
