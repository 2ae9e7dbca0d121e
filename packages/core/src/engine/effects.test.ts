/** Blur and watermark of a variant, by their pixels. */
import { describe, expect, test } from "vitest";
import { Settings } from "../settings.ts";
import { fingerprintOf, type Overlay, type Spec } from "./recipe.ts";
import { render } from "./render.ts";
import { sharp } from "./sharp.ts";
import { markOf } from "./write-overlay.ts";

const spec: Spec = {
  width: 400,
  fit: "inside",
  formats: ["webp"],
  encode: { webp: { quality: 100, effort: 0 } },
};
const plain = await sharp({ create: { width: 800, height: 600, channels: 3, background: "#204060" } })
  .jpeg({ quality: 95 })
  .toBuffer();
/** A red square with a transparent right half. */
const image = await markOf(
  Buffer.from(
    '<svg xmlns="http://www.w3.org/2000/svg" width="200" height="200"><path fill="#f00" d="M0 0h100v200H0z"/></svg>',
  ),
);
const overlay: Overlay = { image, width: 0.2 };

/** Decodes the variant of an image, and returns it with a function that reads one pixel. */
async function shown(bytes: Buffer, how: Partial<Spec>) {
  const { variants } = await render(bytes, Settings.pipelineDefaults, { it: { ...spec, ...how } });
  const file = variants[0]?.files[0];
  if (!file) throw new Error("There is no variant.");
  const { data, info } = await sharp(file.bytes).raw().toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  const at = (x: number, y: number) => [...data.subarray((y * width + x) * channels).subarray(0, channels)];
  return { data, width, height, channels, at };
}

/** Expects a colour, up to the loss of the encoder. */
function expectColour(found: number[], wanted: number[]): void {
  expect(found).toHaveLength(wanted.length);
  for (const [i, value] of wanted.entries()) expect(Math.abs((found[i] ?? -99) - value)).toBeLessThan(9);
}

const blue = [0x20, 0x40, 0x60];
const red = [255, 0, 0];

describe("overlay", () => {
  test("covers its share of the variant's width, in the lower right corner, as far as it is opaque", async () => {
    const { at, width, height, channels } = await shown(plain, { overlay });
    expect([width, height, channels]).toEqual([400, 300, 3]);
    // 80 × 80 px, of which the left half is red.
    expectColour(at(324, 224), red);
    expectColour(at(354, 296), red);
    expectColour(at(366, 260), blue);
    expectColour(at(314, 260), blue);
    expectColour(at(340, 212), blue);
  });

  test.each([
    ["northwest", 10, 10],
    ["north", 170, 10],
    ["centre", 170, 150],
    ["southwest", 10, 290],
    ["east", 330, 150],
  ] as const)("is at the %s where the recipe says so", async (gravity, x, y) => {
    const { at } = await shown(plain, { overlay: { ...overlay, gravity } });
    expectColour(at(x, y), red);
    expectColour(at(330, 290), blue);
  });

  test("lets the image through as its opacity says", async () => {
    const { at } = await shown(plain, { overlay: { ...overlay, opacity: 0.5 } });
    expectColour(at(340, 260), [(255 + 0x20) / 2, 0x20, 0x30]);
  });

  test("is left out of variants narrower than its least width", async () => {
    const small = await shown(plain, { width: 200, overlay: { ...overlay, minWidth: 201 } });
    expectColour(small.at(170, 140), blue);
    const large = await shown(plain, { width: 201, overlay: { ...overlay, minWidth: 201 } });
    expectColour(large.at(170, 140), red);
  });

  test("is never enlarged, and fits into a variant that is less high", async () => {
    const large = await shown(plain, { width: 800, overlay: { ...overlay, width: 1 } });
    expectColour(large.at(610, 410), red);
    expectColour(large.at(590, 410), blue);
    const strip = await sharp(plain).resize(800, 100, { fit: "fill" }).jpeg().toBuffer();
    const { at } = await shown(strip, { overlay: { ...overlay, width: 0.5 } });
    // 50 × 50 px in 400 × 50.
    expectColour(at(356, 4), red);
    expectColour(at(340, 25), blue);
  });

  test("keeps the transparency of the image, in every format that has it", async () => {
    const clear = await sharp({
      create: { width: 400, height: 300, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } },
    })
      .png()
      .toBuffer();
    const { at, channels } = await shown(clear, { overlay });
    expect([channels, at(10, 10)[3], at(340, 260)]).toEqual([4, 0, [255, 0, 0, 255]]);
  });

  test("is on an icon, a drawing and a cropped variant too", async () => {
    const icon = await sharp({ create: { width: 100, height: 100, channels: 3, background: "#204060" } })
      .png()
      .toBuffer();
    expectColour((await shown(icon, { overlay })).at(85, 90), red);
    const crop = await shown(plain, { width: 200, height: 200, fit: "cover", crop: "focus", overlay });
    expectColour(crop.at(170, 190), red);
  });

  test("changes the fingerprint of the recipe with its pixels", () => {
    const other = { ...image, pixels: `${image.pixels}A` };
    const prints = [{}, { overlay }, { overlay: { ...overlay, image: other } }, { blur: 0.1 }].map((how) =>
      fingerprintOf({ it: { ...spec, ...how } }),
    );
    expect(new Set(prints).size).toBe(4);
  });

  test("is refused by the script if it would make every bundle large", async () => {
    const noise = Buffer.from(Array.from({ length: 400 * 400 * 3 }, () => Math.random() * 256));
    const file = await sharp(noise, { raw: { width: 400, height: 400, channels: 3 } })
      .png()
      .toBuffer();
    await expect(markOf(file)).rejects.toThrow("at most 100000 fit");
  });
});

describe("blur", () => {
  /** Black and white halves, with stripes of one pixel in the white one. */
  const edge = async (width: number) => {
    const pixels = Buffer.alloc(width * width * 3);
    for (let i = 0; i < width * width; i++)
      if (i % width >= width / 2) pixels.fill(i % 2 ? 255 : 155, i * 3, i * 3 + 3);
    return sharp(pixels, { raw: { width, height: width, channels: 3 } })
      .png()
      .toBuffer();
  };
  /** Share of the width over which the edge rises from a quarter to three quarters of its height. */
  const rise = ({ at, width, height }: Awaited<ReturnType<typeof shown>>) => {
    const row = Array.from({ length: width }, (_, x) => at(x, height >> 1)[0] ?? 0);
    return (row.findIndex((value) => value > 154) - row.findIndex((value) => value > 51)) / width;
  };

  test.each([
    [0.01, 400],
    [0.01, 800],
    [0.05, 400],
    [0.05, 800],
  ])("of %f spreads an edge by the same share of every width, as at %i px", async (blur, width) => {
    const image = await shown(await edge(width), { width, blur });
    // A Gaussian rises from a quarter to three quarters within 1.35 sigma.
    expect(rise(image) / blur).toBeGreaterThan(1.1);
    expect(rise(image) / blur).toBeLessThan(1.6);
  });

  test("leaves no detail, also of a drawing, which would be kept lossless", async () => {
    const { at } = await shown(await edge(400), { blur: 0.05 });
    expect(Math.abs((at(350, 200)[0] ?? 0) - (at(351, 200)[0] ?? 99))).toBeLessThan(4);
    expect(rise(await shown(await edge(400), {}))).toBeLessThan(0.01);
  });

  test("is under the watermark", async () => {
    const { at } = await shown(plain, { blur: 0.05, overlay });
    expectColour(at(323, 260), red);
    expectColour(at(317, 260), blue);
  });
});
