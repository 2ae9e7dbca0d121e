/** `Picture` of `@image-pipeline/react`, rendered by a server. */
import { gzipSync } from "node:zlib";
import type { Image } from "@image-pipeline/client";
import { Picture } from "@image-pipeline/react";
import { createElement } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { rgbaToThumbHash } from "thumbhash";
import { expect, test } from "vitest";

const color = "#7a8b9c";
const source = { width: 400, height: 300 } as Image["source"];
const htmlOf = (thumbhash: string, placeholder?: "color") =>
  renderToStaticMarkup(
    createElement(Picture, { image: { source, placeholder: { thumbhash, color } }, placeholder }),
  );

test.each(["", "AAAA", "not base64!"])("a damaged ThumbHash, %j, is replaced by the colour", (thumbhash) => {
  expect(htmlOf(thumbhash)).toBe(htmlOf(thumbhash, "color"));
  expect(htmlOf(thumbhash)).toContain(`background-color:${color}`);
});

test("a ThumbHash adds at most 5 KB to a server's HTML, 3.5 KB gzipped", () => {
  const pixels = Uint8Array.from({ length: 100 * 75 * 4 }, (_, at) =>
    at % 4 === 3 ? 255 : (at * 7919) % 251,
  );
  const html = htmlOf(Buffer.from(rgbaToThumbHash(100, 75, pixels)).toString("base64"));
  expect(html).toContain("background-image");
  expect(html.length, `${html.length} bytes`).toBeLessThan(5_000);
  const { length } = gzipSync(html);
  expect(length, `${length} bytes gzipped`).toBeLessThan(3_500);
});
