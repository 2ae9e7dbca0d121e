import { rgbaToThumbHash } from "thumbhash";
import { expect, test } from "vitest";
import { thumbhashURL } from "./placeholder.ts";

test("draws a ThumbHash as a PNG of the image's shape", () => {
  const pixels = Uint8Array.from({ length: 100 * 75 * 4 }, (_, index) =>
    index % 4 === 3 ? 255 : index % 251,
  );
  const url = thumbhashURL(Buffer.from(rgbaToThumbHash(100, 75, pixels)).toString("base64"));
  const png = Buffer.from(url.replace("data:image/png;base64,", ""), "base64");
  expect(png.subarray(0, 8).toString("latin1")).toBe("\x89PNG\r\n\x1a\n");
  expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([32, 23]);
});

test.each(["", "AAAA", "AAAAAAA=", "not base64!"])("refuses %j, which is no ThumbHash", (text) => {
  expect(() => thumbhashURL(text)).toThrow();
});
