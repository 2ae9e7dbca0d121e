import { describe, expect, test } from "vitest";
import { narrower, plan } from "./plan.ts";
import { recipe, type Spec } from "./recipe.ts";

const sizes = (width: number, height: number) =>
  Object.fromEntries(
    plan({ width, height }, recipe).map(({ name, size }) => [name, `${size.width}×${size.height}`]),
  );

describe("the sizes of the variants", () => {
  test.each([
    [4000, 3000, { thumbnail: "200×200", small: "480×360", medium: "1080×810", large: "1920×1440" }],
    [3000, 4000, { thumbnail: "200×200", small: "480×640", medium: "1080×1440", large: "1920×2560" }],
    [1000, 500, { thumbnail: "200×200", small: "480×240", medium: "1000×500", large: "1000×500" }],
    [200, 200, { thumbnail: "200×200", small: "200×200", medium: "200×200", large: "200×200" }],
    [640, 100, { thumbnail: "200×100", small: "480×75", medium: "640×100", large: "640×100" }],
    [1, 5000, { thumbnail: "1×200", small: "1×5000", medium: "1×5000", large: "1×5000" }],
    [16384, 1, { thumbnail: "200×1", small: "480×1", medium: "1080×1", large: "1920×1" }],
    [1, 1, { thumbnail: "1×1", small: "1×1", medium: "1×1", large: "1×1" }],
  ])("%i × %i", (width, height, expected) => {
    expect(sizes(width, height)).toEqual(expected);
  });

  test("no variant is larger than the original, for any aspect ratio", () => {
    for (let width = 1; width < 3000; width += 97) {
      for (let height = 1; height < 3000; height += 89) {
        for (const { frame, size } of plan({ width, height }, recipe)) {
          expect(frame.width <= width && frame.height <= height).toBe(true);
          expect(size.width <= frame.width && size.height <= frame.height).toBe(true);
        }
      }
    }
  });

  test("each is made from one that is no smaller, a panorama's thumbnail too", () => {
    for (const [width, height] of [
      [10_000, 1_000],
      [1_000, 10_000],
      [4_000, 3_000],
    ] as const) {
      const steps = plan({ width, height }, recipe);
      for (const [i, { frame }] of steps.entries()) {
        const before = steps[i - 1]?.frame ?? { width, height };
        expect(frame.width <= before.width && frame.height <= before.height).toBe(true);
      }
    }
  });
});

describe("the further widths of a variant", () => {
  const widthsOf = (spec: Spec, width: number, height: number) => {
    const source = { width, height };
    return plan(source, { only: spec }).flatMap((step) =>
      narrower(source, step).map((size) => `${size.width}×${size.height}`),
    );
  };
  const inside: Spec = { width: 1080, fit: "inside", formats: ["webp"], widths: [640, 320, 640, 1080, 2000] };
  const cover: Spec = { width: 200, height: 200, fit: "cover", formats: ["webp"], widths: [100, 1] };

  test.each([
    [inside, 4000, 3000, ["320×240", "640×480"]],
    [inside, 600, 400, ["320×213"]],
    [inside, 320, 9, []],
    [inside, 4000, 1, ["320×1", "640×1"]],
    [cover, 4000, 3000, ["1×1", "100×100"]],
    [cover, 150, 100, ["1×1", "100×67"]],
  ])("are those smaller than it, in its shape, narrowest first", (spec, width, height, expected) => {
    expect(widthsOf(spec, width, height)).toEqual(expected);
  });
});
