/** What is made from every image: the variants, their sizes and their encodings, as data. Adding one is one edit here. */
export * as Recipe from "./recipe.ts";

import { createHash } from "node:crypto";

/** Formats that variants are written in, in the order in which a browser should try them: smallest file first. */
export const formats = ["avif", "webp", "jpeg"] as const;
export type Format = (typeof formats)[number];

/** How a format is written: quality 1–100; effort 0 (fast) – 6 (small) for WebP, 0–9 for AVIF. */
export type Encodings = {
  readonly avif: { readonly quality: number; readonly effort: number };
  readonly webp: { readonly quality: number; readonly effort: number };
  readonly jpeg: { readonly quality: number };
};

/** Of every variant that does not say otherwise. */
export const encodings: Encodings = {
  avif: { quality: 60, effort: 0 },
  webp: { quality: 80, effort: 4 },
  jpeg: { quality: 80 },
};

/** One variant. Sizes in pixels; never enlarged. */
export type Spec = {
  /** Greatest width. */
  readonly width: number;
  /** Greatest height; absent where only the width is bounded. */
  readonly height?: number;
  /** `cover` fills the box and crops what stands over; `inside` fits within it. */
  readonly fit: "cover" | "inside";
  /** What `cover` keeps: the middle, or what draws the eye (skin, strong colours, detail). Default: the middle. */
  readonly crop?: "centre" | "attention";
  /** One file for each. The API's `url` is the one of them that most clients can show. */
  readonly formats: readonly [Format, ...Format[]];
  /** Where this variant is written in another way than `encodings` says. */
  readonly encode?: Partial<Encodings>;
  /** An animated original becomes one animated WebP, whatever the formats. Default: its first frame. */
  readonly animated?: boolean;
};

export const recipe = {
  thumbnail: { width: 200, height: 200, fit: "cover", formats: ["webp"] },
  small: { width: 480, fit: "inside", formats: ["webp"] },
  medium: { width: 1080, fit: "inside", formats: ["webp"] },
  large: { width: 1920, fit: "inside", formats: ["webp"] },
} as const satisfies Record<string, Spec>;

/** `"thumbnail" | "small" | "medium" | "large"`, known to the compiler everywhere. */
export type Name = keyof typeof recipe;

/** The variants' names, in the recipe's order. */
export const names = Object.keys(recipe) as [Name, ...Name[]];

/** Changes whenever the recipe does: 8 hex digits, kept on each record so that what an older recipe made can be found. */
export const fingerprint = createHash("sha256")
  .update(JSON.stringify({ recipe, encodings }))
  .digest("hex")
  .slice(0, 8);
