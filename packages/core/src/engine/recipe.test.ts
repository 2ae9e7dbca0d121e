import { expect, test } from "vitest";
import { keptEnds, recipe, type Spec } from "./recipe.ts";

const inside = { width: 640, fit: "inside", formats: ["webp"] } as const satisfies Spec;

test("deletions are seen by a file that every image has", () => {
  expect(keptEnds(recipe)).toEqual(["/thumbnail.webp"]);
  expect(keptEnds({ a: { ...inside, lazy: true }, b: inside })).toEqual(["/b.webp"]);
  expect(keptEnds({ a: { ...inside, public: true }, b: inside })).toEqual(["/b.webp"]);
  expect(keptEnds({ a: { ...inside, formats: ["avif", "jpeg"], lazy: ["avif"] } })).toEqual(["/a.jpg"]);
});

test("deletions are seen where a drawing or an animation has another format", () => {
  const predicted = { ...inside, formats: ["avif", "jpeg"], quality: { ssimulacra2: 70 } } as const;
  expect(keptEnds({ a: { ...predicted, lazy: ["jpeg"] } })).toEqual(["/a.avif", "/a.webp"]);
  expect(keptEnds({ a: { ...inside, formats: ["jpeg"], animated: true } })).toEqual(["/a.jpg", "/a.webp"]);
});
