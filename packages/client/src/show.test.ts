import { expect, test } from "vitest";
import { nextLoader, sources, srcset } from "./show.ts";
import type { Image } from "./types.ts";

const id = "img_01JD0Z6V9RW1QK4C6X4M2N8T3B";

function image(sizes: Record<string, [number, number]>): Pick<Image, "id" | "variants"> {
  const variants = Object.entries(sizes).map(([name, [width, height]]) => {
    const url = `https://images.example.com/media/${id}/1-0a1b2c3d/${name}.webp`;
    return [name, { url, width, height, format: "webp", contentType: "image/webp", bytes: width * 10 }];
  });
  return { id, variants: Object.fromEntries(variants) as Image["variants"] };
}

const photo = image({ thumbnail: [200, 200], large: [1920, 1440], small: [480, 360], medium: [1080, 810] });
const widthsOf = (text: string) => text.split(", ").map((part) => part.split(" ")[1]);

test("a srcset lists the variants that are not cropped, narrowest first", () => {
  expect(widthsOf(srcset(photo))).toEqual(["480w", "1080w", "1920w"]);
});

test("a srcset lists each width once, for an image smaller than its variants", () => {
  const icon = image({ thumbnail: [200, 200], small: [300, 225], medium: [300, 225], large: [300, 225] });
  expect(widthsOf(srcset(icon))).toEqual(["300w"]);
});

test("a srcset keeps variants whose aspect ratio differs only by rounding to whole pixels", () => {
  const panorama = image({ thumbnail: [200, 200], small: [480, 31], medium: [1080, 70], large: [1920, 125] });
  expect(widthsOf(srcset(panorama))).toEqual(["480w", "1080w", "1920w"]);
});

test("an image as wide as its cropped thumbnail has a srcset of its whole file", () => {
  const narrow = image({ thumbnail: [200, 200], small: [200, 300], medium: [200, 300], large: [200, 300] });
  expect(srcset(narrow)).toContain("/small.webp 200w");
});

test("a srcset up to a variant has the files of its shape that are not wider", () => {
  expect(widthsOf(srcset(photo, "medium"))).toEqual(["480w", "1080w"]);
  expect(widthsOf(srcset(photo, "thumbnail"))).toEqual(["200w"]);
  expect(widthsOf(srcset(image({ small: [480, 360] }), "large"))).toEqual(["480w"]);
});

test("a srcset of a square image includes the thumbnail", () => {
  expect(widthsOf(srcset(image({ thumbnail: [200, 200], small: [480, 480] })))).toEqual(["200w", "480w"]);
});

test("a srcset and the loader use the further widths of variants, and a variant where both have a width", () => {
  const { medium, ...others } = photo.variants ?? {};
  if (!medium) throw new Error("The image has no medium.");
  const at = (width: number) => ({ url: `medium@${width}.webp`, width, height: width * 0.75 });
  const finer = { id, variants: { ...others, medium: { ...medium, widths: [at(480), at(640)] } } };
  expect(widthsOf(srcset(finer))).toEqual(["480w", "640w", "1080w", "1920w"]);
  expect(srcset(finer)).toContain("/small.webp 480w, medium@640.webp 640w");
  expect(nextLoader(finer)({ width: 500 })).toBe("medium@640.webp");
});

test("an image without variants has an empty srcset", () => {
  expect(srcset({})).toBe("");
});

test("sources lists each format that all uncropped variants have, smallest files first", () => {
  const withFormats = (variants: Image["variants"] = {}, also: string[]) =>
    Object.fromEntries(
      Object.entries(variants).map(([name, variant]) => {
        const fileOf = (format: string) => ({
          ...variant,
          url: `${name}.${format}`,
          contentType: `image/${format}`,
        });
        const formats = Object.fromEntries(["jpeg", ...also].map((format) => [format, fileOf(format)]));
        return [name, { ...variant, formats }];
      }),
    ) as Image["variants"];
  const three = withFormats(photo.variants, ["webp", "avif"]);
  expect(sources({ variants: three }).map(({ type }) => type)).toEqual([
    "image/avif",
    "image/webp",
    "image/jpeg",
  ]);
  expect(sources({ variants: three })[0]?.srcset).toBe(
    "small.avif 480w, medium.avif 1080w, large.avif 1920w",
  );
  const mixed = { ...three, small: withFormats(photo.variants, ["webp"])?.small };
  expect(sources({ variants: mixed }).map(({ type }) => type)).toEqual(["image/webp", "image/jpeg"]);
  expect(sources(photo)).toEqual([]);
  expect(sources({})).toEqual([]);
});

test.each([
  [16, "small"],
  [480, "small"],
  [481, "medium"],
  [1920, "large"],
  [3840, "large"],
])("for %i pixels the loader returns the smallest variant that is wide enough: %s", (width, name) => {
  expect(nextLoader(photo)({ width })).toContain(`/${name}.webp`);
});

test("the loader of an image without variants throws and names the status", () => {
  expect(() => nextLoader({ id })({ width: 100 })).toThrow(/status/);
});
