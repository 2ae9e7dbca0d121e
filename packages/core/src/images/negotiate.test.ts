import { describe, expect, test } from "vitest";
import { record } from "../table/fixture-record.ts";
import { accepts } from "./fixture-accept.ts";
import { serialize } from "./image.ts";
import { negotiate, negotiated } from "./negotiate.ts";

const path = "/img_01/1-abcd/medium.avif.webp.jpg";

test.each(accepts)("$client gets $extension", ({ accept, extension }) => {
  expect(negotiate(path, accept ?? "")).toBe(`/img_01/1-abcd/medium.${extension}`);
});

test.each([
  ["IMAGE/AVIF , image/webp", "avif"],
  ["image/avif;q=0, image/webp", "webp"],
  ["image/avif; q=0.000,image/webp ; q=0.5", "webp"],
  ["image/avif;q=0.01", "avif"],
  ["text/html,application/xhtml+xml,image/avif,image/webp,*/*;q=0.8", "avif"],
  ["image/avif-sequence", "jpg"],
  ["image/jpeg,image/webp", "webp"],
  [",;,=;q", "jpg"],
  [`${"image/png,".repeat(1000)}image/avif`, "jpg"],
])("Accept: %.40s selects %s", (accept, extension) => {
  expect(negotiate(path, accept)).toBe(`/img_01/1-abcd/medium.${extension}`);
});

test("of two formats, a client without a usable Accept gets the more compatible one", () => {
  expect(negotiate("/i/1/small.avif.webp", "*/*")).toBe("/i/1/small.webp");
  expect(negotiate("/i/1/small.webp.jpg", "image/avif")).toBe("/i/1/small.jpg");
});

test.each([
  "/img_01/1-abcd/medium.webp",
  "/img_01/1-abcd/medium.webp.png",
  "/img_01/1-abcd/.avif.webp",
  "/img_01/1-abcd/medium",
  "/img_01/1-abcd/medium.avif.webp.jpg/",
  "/img_01/1-abcd/medium.avif.webp.jpg.avif",
  "/images/a.avif.webp/b.png",
  "/",
])("the path %s is that of a file, for every Accept", (path) => {
  expect(negotiate(path, "image/avif,image/webp")).toBe(path);
});

describe("a variant's path", () => {
  test("names its formats from the smallest to the most compatible one, in whichever order they were stored", () => {
    const files = ["jpg", "avif", "webp"].map((extension) => ({ key: `img_01/1-a/m.${extension}` }));
    expect(negotiated(files)).toBe("img_01/1-a/m.avif.webp.jpg");
    expect(negotiated(files.slice(0, 2))).toBe("img_01/1-a/m.avif.jpg");
  });

  test.each(["avif", "webp", "jpg"])("leads back to the %s file", (extension) => {
    const others = ["jpg", "avif", "webp"].filter((other) => other !== extension);
    const files = [extension, ...others].map((each) => ({ key: `img_01/1-a/m.${each}` }));
    const type = `image/${extension === "jpg" ? "jpeg" : extension}`;
    expect(negotiate(`/${negotiated(files)}`, type)).toBe(`/img_01/1-a/m.${extension}`);
  });
});

test("the API returns the negotiated URL for a variant in several formats, and the file's URL for any other", () => {
  const file = (format: "avif" | "webp", bytes: number) => ({
    key: `img_1/1-a/small.${format}`,
    format,
    bytes,
  });
  const small = { ...file("webp", 20), width: 2, height: 1, also: [file("avif", 10)] };
  const large = { ...file("webp", 40), width: 4, height: 2 };
  const { variants } = serialize({ ...record, variants: { small, large } });
  expect(variants?.small).toMatchObject({
    url: "http://127.0.0.1:9/media/img_1/1-a/small.avif.webp",
    format: "webp",
    bytes: 20,
    formats: {
      avif: { url: "http://127.0.0.1:9/media/img_1/1-a/small.avif", contentType: "image/avif", bytes: 10 },
    },
  });
  expect(variants?.large).toMatchObject({ url: "http://127.0.0.1:9/media/img_1/1-a/small.webp", bytes: 40 });
  expect(variants?.large?.formats).toBeUndefined();
});
