import { ClientError } from "@image-pipeline/client/client";
import { codes } from "@image-pipeline/core/engine/rejection";
import { Settings } from "@image-pipeline/core/settings";
import { wordsFor, wordsOf } from "@image-pipeline/web/words";
import { describe, expect, test } from "vitest";

const general = wordsFor(undefined);

describe("there are words of their own", () => {
  test.each(codes)("for the refusal %s", (code) => {
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

test.each(Settings.pipelineDefaults.formats)(
  "who sends another kind of file is told that %s is taken",
  (format) => {
    expect(wordsFor("unsupported_format").help?.toLowerCase()).toContain(format);
  },
);

test("a code that nobody here has heard of is told in the service's own words", () => {
  expect(wordsFor("too_blue", "The picture is too blue.")).toEqual({ what: "The picture is too blue." });
});

test("a file of another kind, and an empty one, are told of as such when they cannot even be announced", () => {
  const refused = (pointer: string) =>
    wordsOf(new ClientError("invalid_request", "See `errors`.", { fields: [{ pointer, detail: "No." }] }));
  expect(refused("/contentType")).toEqual(wordsFor("unsupported_format"));
  expect(refused("/bytes")).toEqual(wordsFor("empty_file"));
  expect(refused("/title")).toEqual({ what: "No." });
});
