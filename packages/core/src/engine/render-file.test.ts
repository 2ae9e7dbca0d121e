/** A lazy file is the one that the pipeline would have stored. */
import { readFile } from "node:fs/promises";
import sharp from "sharp";
import { expect, test } from "vitest";
import { photo } from "../fixture.ts";
import { Settings } from "../settings.ts";
import type { Crop } from "./crop.ts";
import { plan } from "./plan.ts";
import type { Spec } from "./recipe.ts";
import { render, renderFile } from "./render.ts";

const limits = Settings.pipelineDefaults;
const webp: Pick<Spec, "formats"> = { formats: ["webp"] };

/** A drawing: bars of flat colours. */
async function drawing(): Promise<Buffer> {
  const bar = (left: number, background: string) => ({
    input: { create: { width: 90, height: 300, channels: 3 as const, background } },
    left,
    top: 50,
  });
  const page = sharp({ create: { width: 640, height: 400, channels: 3, background: "#ffffff" } });
  return page
    .composite([bar(40, "#204080"), bar(200, "#c03020"), bar(400, "#208040")])
    .png()
    .toBuffer();
}

/** Three frames of 120 × 80 px. */
async function animation(): Promise<Buffer> {
  const frames = await Promise.all(
    [1, 2, 3].map((seed) => photo({ width: 120, height: 80, seed, format: "png" })),
  );
  return sharp(frames, { join: { animated: true } })
    .gif({ delay: [100, 100, 100] })
    .toBuffer();
}

const heic = () => readFile(new URL("./fixtures/heif-enc-420.heic", import.meta.url));

const cases: [what: string, bytes: () => Promise<Buffer>, spec: Spec, subject?: Crop.Subject][] = [
  ["a photo", () => photo({ width: 800, height: 600 }), { width: 320, fit: "inside", ...webp }],
  [
    "a photo that is stored on its side",
    () => photo({ width: 600, height: 800, orientation: 6 }),
    { width: 320, fit: "inside", formats: ["jpeg"] },
  ],
  [
    "a crop around the focus",
    () => photo({ width: 800, height: 600 }),
    { width: 120, height: 200, fit: "cover", crop: "focus", ...webp },
    { focus: { x: 0.9, y: 0.2 } },
  ],
  [
    "a crop around the attention region",
    () => photo({ width: 800, height: 600 }),
    { width: 200, height: 100, fit: "cover", crop: "attention", ...webp },
  ],
  [
    "a crop of a small image",
    () => photo({ width: 150, height: 100 }),
    { width: 120, height: 200, fit: "cover", ...webp },
  ],
  [
    "an image with alpha",
    () => photo({ width: 640, height: 480, format: "png", alpha: true }),
    { width: 200, fit: "inside", formats: ["avif"] },
  ],
  ["a HEIC", heic, { width: 48, fit: "inside", ...webp }],
  ["a drawing", drawing, { width: 320, fit: "inside", ...webp }],
  ["the frames of an animation", animation, { width: 60, fit: "inside", ...webp, animated: true }],
  ["the first frame of an animation", animation, { width: 60, height: 60, fit: "cover", formats: ["jpeg"] }],
];

test.each(cases)("%s is rendered alone as with the other variants", async (_what, bytes, spec, subject) => {
  const original = await bytes();
  const { source, variants } = await render(Buffer.from(original), limits, { only: spec }, subject);
  const [size] = plan(source, { only: spec }).map((step) => step.size);
  const stored = variants[0]?.files[0];
  if (!size || !stored) throw new Error("The recipe has no file.");
  const wanted = { spec, format: stored.format, size };
  const file = await renderFile(Buffer.from(original), wanted, limits, subject ?? {});
  expect(file.bytes.equals(stored.bytes)).toBe(true);
});

test("a lazy AVIF of a drawing is an AVIF, although a stored one would be a WebP without loss", async () => {
  const spec: Spec = { width: 320, fit: "inside", formats: ["avif"], quality: { ssimulacra2: 70 } };
  const wanted = { spec, format: "avif", size: { width: 320, height: 200 } } as const;
  const { format, bytes } = await renderFile(await drawing(), wanted, limits, {});
  expect([format, (await sharp(bytes).metadata()).format]).toEqual(["avif", "heif"]);
});

test("a recipe of lazy files alone is rendered to facts and a placeholder, and no variant", async () => {
  const lazy: Spec = { width: 320, fit: "inside", formats: ["webp", "jpeg"], lazy: true };
  const bytes = await photo({ width: 800, height: 600 });
  const { source, placeholder, variants } = await render(bytes, limits, { lazy });
  expect(variants).toEqual([]);
  expect(source).toMatchObject({ width: 800, height: 600 });
  expect(placeholder.thumbhash).toMatch(/^[\w+/]{20,}={0,2}$/);
});
