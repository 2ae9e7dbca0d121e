/** What is made from every image: the variants, their sizes and their encodings, as data. Adding one is one edit here. */
export * as Recipe from "./recipe.ts";

import { createHash } from "node:crypto";

/** One variant. Sizes in pixels; never enlarged. */
export type Spec = {
  /** Greatest width. */
  readonly width: number;
  /** Greatest height; absent where only the width is bounded. */
  readonly height?: number;
  /** `cover` fills the box and crops what stands over; `inside` fits within it. */
  readonly fit: "cover" | "inside";
  readonly format: "webp" | "jpeg" | "avif";
  /** 1–100. */
  readonly quality: number;
  /** 0 (fast) – 6 (small) for WebP, 0–9 for AVIF. */
  readonly effort: number;
};

export const recipe = {
  thumbnail: { width: 200, height: 200, fit: "cover", format: "webp", quality: 80, effort: 4 },
  small: { width: 480, fit: "inside", format: "webp", quality: 80, effort: 4 },
  medium: { width: 1080, fit: "inside", format: "webp", quality: 80, effort: 4 },
  large: { width: 1920, fit: "inside", format: "webp", quality: 80, effort: 4 },
} as const satisfies Record<string, Spec>;

/** `"thumbnail" | "small" | "medium" | "large"`, known to the compiler everywhere. */
export type Name = keyof typeof recipe;

/** The variants' names, in the recipe's order. */
export const names = Object.keys(recipe) as [Name, ...Name[]];

/** Changes whenever the recipe does: 8 hex digits, kept on each record so that what an older recipe made can be found. */
export const fingerprint = createHash("sha256").update(JSON.stringify(recipe)).digest("hex").slice(0, 8);
