import { describe, expect, test } from "vitest";
import { photo } from "../fixture.ts";
import { Settings } from "../settings.ts";
import { withGainMap } from "./fixture-hdr.ts";
import { heic } from "./fixture-heic.ts";
import { render } from "./render.ts";

const apple = "urn:com:apple:photo:2020:aux:hdrgainmap";
const hdrOf = async (bytes: Buffer) => (await render(bytes, Settings.pipelineDefaults)).source.hdr;

describe("a JPEG with a gain map", () => {
  test.each(["android", "apple"] as const)(
    "of %s is HDR, and its variants are those of its base image",
    async (maker) => {
      const base = await photo({ width: 640, height: 480 });
      const [plain, hdr] = await Promise.all(
        [base, await withGainMap(base, maker)].map((bytes) => render(bytes, Settings.pipelineDefaults)),
      );
      expect([plain?.source.hdr, hdr?.source.hdr]).toEqual([undefined, true]);
      expect(hdr?.variants).toEqual(plain?.variants);
    },
  );

  test("is not HDR if the second image is no gain map, such as a preview", async () => {
    const bytes = await withGainMap(await photo({ width: 64, height: 48 }), "apple");
    bytes.write(apple.replace("hdrgainmap", "disparity_"), bytes.indexOf(apple), "latin1");
    expect(await hdrOf(bytes)).toBeUndefined();
  });

  test("is not HDR if only its text says so, without a second image", async () => {
    const base = await photo({ width: 64, height: 48 });
    expect(await hdrOf(Buffer.concat([base, Buffer.from(apple)]))).toBeUndefined();
  });
});

test.each([
  ["Apple's gain map", heic({ auxiliary: apple }), true],
  ["a gain map by ISO 21496-1", heic({ toneMap: true }), true],
  ["PQ", heic({ colour: 9, transfer: 16 }), true],
  ["HLG", heic({ colour: 9, transfer: 18 }), true],
  ["a depth map", heic(), undefined],
  ["the colours of Display P3", heic({ colour: 12 }), undefined],
])("a HEIC with %s: hdr is %s", async (_, bytes, expected) => {
  expect(await hdrOf(bytes)).toBe(expected);
});

test("an HDR HEIC with a gain map has the variants of its base image", async () => {
  const [plain, hdr] = await Promise.all(
    [heic(), heic({ auxiliary: apple, toneMap: true })].map((bytes) =>
      render(bytes, Settings.pipelineDefaults),
    ),
  );
  expect(hdr?.variants).toEqual(plain?.variants);
});
