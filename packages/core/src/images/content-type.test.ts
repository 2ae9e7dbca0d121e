import { expect, test } from "vitest";
import { pipelineDefaults } from "../settings.ts";
import { ContentType } from "./content-type.ts";

const { formats } = pipelineDefaults;

test.each([
  ["image/jpeg", "image/jpeg"],
  ["image/jpg", "image/jpeg"],
  ["image/pjpeg", "image/jpeg"],
  ["IMAGE/JPEG", "image/jpeg"],
  [" Image/PNG ; charset=binary", "image/png"],
  ["image/heic-sequence", "image/heic"],
  ["image/heif", "image/heif"],
  ["application/octet-stream", "application/octet-stream"],
  ["binary/octet-stream", "application/octet-stream"],
  ["", "application/octet-stream"],
])("the declared type %j is %s", (declared, type) => {
  expect(ContentType.parse(declared, formats)).toBe(type);
});

test.each(["image/tiff", "image/svg+xml", "text/html", "image/*", "constructor", "__proto__", "image"])(
  "the type %s is refused where no format of it is accepted",
  (declared) => {
    expect(() => ContentType.parse(declared, formats)).toThrow(
      expect.objectContaining({ code: "unsupported_format", message: expect.stringContaining("jpeg, png") }),
    );
  },
);

test("a type is accepted while the stage accepts one of its formats", () => {
  expect(ContentType.parse("image/tiff", ["tiff"])).toBe("image/tiff");
  expect(ContentType.parse("image/heif", ["avif"])).toBe("image/heif");
  expect(() => ContentType.parse("image/heif", ["jpeg"])).toThrow(/image\/heif/);
});

test.each([
  [".JPG", "image/jpeg"],
  [".jfif", "image/jpeg"],
  [".heic", "image/heic"],
  [".mov", undefined],
  ["", undefined],
])("the extension %j is %s", (extension, type) => {
  expect(ContentType.ofExtension(extension)).toBe(type);
});
