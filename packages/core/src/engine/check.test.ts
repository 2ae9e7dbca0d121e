/** Checks of predicted qualities in production. */
import { expect, test } from "vitest";
import { photo } from "../fixture.ts";
import { ID } from "../id.ts";
import { Settings } from "../settings.ts";
import { Check } from "./check.ts";
import type { Spec } from "./recipe.ts";
import { render } from "./render.ts";
import { rasterOf, sharp } from "./sharp.ts";

const clock = () => 60;
const bytes = await photo({ width: 800, height: 600 });
const raster = await rasterOf(sharp(bytes), clock);
const whole = { left: 0, top: 0, width: 800, height: 600 };

test("one image in N is checked, always the same ones, and none for 0", () => {
  const ids = Array.from({ length: 4_000 }, () => ID.createImageID());
  const checked = ids.filter((id) => Check.isSampled(id, 20));
  expect(checked.length).toBeGreaterThan(120);
  expect(checked.length).toBeLessThan(280);
  expect(ids.filter((id) => Check.isSampled(id, 20))).toEqual(checked);
  expect(ids.some((id) => Check.isSampled(id, 0))).toBe(false);
  expect(ids.every((id) => Check.isSampled(id, 1))).toBe(true);
});

test("a lower setting is less similar, and a lossless file is equal", async () => {
  const of = async (file: Buffer) => (await Check.similarity(raster, whole, file, clock)) ?? Number.NaN;
  const [low, high] = [await sharp(bytes).avif({ quality: 20, effort: 0 }).toBuffer(), bytes];
  expect(await of(low)).toBeLessThan(0.99);
  expect(await of(high)).toBeGreaterThan(await of(low));
  expect(await of(await sharp(bytes).webp({ lossless: true, effort: 0 }).toBuffer())).toBe(1);
});

test("a file of another picture or of another part is not similar", async () => {
  const shifted = await sharp(bytes)
    .extract({ ...whole, left: 40, width: 760 })
    .resize(800, 600)
    .png()
    .toBuffer();
  expect(await Check.similarity(raster, whole, shifted, clock)).toBeLessThan(0.95);
  const part = { left: 200, top: 100, width: 400, height: 300 };
  const same = await sharp(bytes).extract(part).webp({ lossless: true, effort: 0 }).toBuffer();
  expect(await Check.similarity(raster, part, same, clock)).toBe(1);
});

test("a variant too small for five scales is not compared", async () => {
  const small = { left: 0, top: 0, width: 175, height: 400 };
  expect(await Check.similarity(raster, small, bytes, clock)).toBeUndefined();
});

test("files of a predicted quality are checked if the image wishes it, in formats that may be decoded", async () => {
  const spec: Spec = { width: 400, fit: "inside", formats: ["avif", "jpeg"], quality: { ssimulacra2: 75 } };
  const checkedOf = async (how: Partial<Spec>, check?: readonly string[]) => {
    const recipe = { it: { ...spec, ...how } };
    const { variants } = await render(bytes, Settings.pipelineDefaults, recipe, check && { check });
    return variants[0]?.files.flatMap(({ format, similarity }) => (similarity === undefined ? [] : format));
  };
  expect(await checkedOf({}, ["avif", "jpeg"])).toEqual(["jpeg", "avif"]);
  expect(await checkedOf({}, ["jpeg"])).toEqual(["jpeg"]);
  expect(await checkedOf({}, [])).toEqual([]);
  expect(await checkedOf({})).toEqual([]);
  expect(await checkedOf({ quality: 75 }, ["avif", "jpeg"])).toEqual([]);
});
