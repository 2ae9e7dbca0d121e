/**
 * The recipe: the variants of every image with their sizes and encodings, as data. Adding a variant is one edit here.
 */
export * as Recipe from "./recipe.ts";

import { createHash } from "node:crypto";
import table from "./quality-table.json" with { type: "json" };

/** Output formats, in the order in which a browser should try them: smallest file first. */
export const formats = ["avif", "webp", "jpeg"] as const;
export type Format = (typeof formats)[number];

/** Encoder options by format: quality 1–100; effort 0 (fast) to 6 (small) for WebP, 0–9 for AVIF. */
export type Encodings = {
  readonly avif: { readonly quality: number; readonly effort: number };
  readonly webp: { readonly quality: number; readonly effort: number };
  readonly jpeg: { readonly quality: number };
};

/**
 * Quality of a variant: the encoder's setting, 1–100, or the SSIMULACRA2 score that a prediction from the pixels aims
 * at, 50–90. 70 is high quality; 90 is visually lossless. docs/formats.md has the error of the prediction.
 */
export type Quality = number | { readonly ssimulacra2: number };

/** Watermark as RGBA, which `npm run overlay -- FILE` writes to `overlays/`. */
export type Mark = {
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  /** Rows of RGBA, deflated, in base64. */
  readonly pixels: string;
};

/** Watermark of a variant. It is never enlarged. */
export type Overlay = {
  /** Imported from a JSON file of `overlays/`, so that every bundle contains it. */
  readonly image: Mark;
  /** Share of the variant's width, 0–1. */
  readonly width: number;
  /** Edge or corner. Default: `southeast`. */
  readonly gravity?:
    | "north"
    | "northeast"
    | "east"
    | "southeast"
    | "south"
    | "southwest"
    | "west"
    | "northwest"
    | "centre";
  /** 0–1, of the image's own. Default: 1. */
  readonly opacity?: number;
  /** Width of the narrowest variant that has the watermark, in pixels. Default: every variant has it. */
  readonly minWidth?: number;
};

/** Encoder options of variants without options in their spec. */
export const encodings: Encodings = {
  avif: { quality: 60, effort: 0 },
  webp: { quality: 80, effort: 4 },
  jpeg: { quality: 80 },
};

/** Specification of a variant. Sizes in pixels; images are never enlarged. */
export type Spec = {
  /** Maximum width. */
  readonly width: number;
  /** Maximum height; absent: unbounded. */
  readonly height?: number;
  /** `cover` fills the box and crops the rest; `inside` fits within the box. */
  readonly fit: "cover" | "inside";
  /**
   * Part that `cover` keeps: the centre; libvips' attention region (skin, saturated colours, detail); or with `focus`
   * the image's focal point, else its regions, else the attention region. Default: `centre`.
   */
  readonly crop?: "centre" | "attention" | "focus";
  /** Writes one file for each. The API's `url` is the one that most clients support. */
  readonly formats: readonly [Format, ...Format[]];
  /** Overrides of `encodings`. */
  readonly encode?: Partial<Encodings>;
  /** Quality in every format, in place of the one in `encode` and `encodings`. */
  readonly quality?: Quality;
  /** Leaves the files open to everyone who has their URLs, even of a private image: for a profile's thumbnail. */
  readonly public?: boolean;
  /**
   * Writes an animated original as one animated WebP, regardless of `formats`. Default: its first frame only. Not with
   * `blur` or `overlay`.
   */
  readonly animated?: boolean;
  /** Gaussian blur of the whole image: its sigma as a share of the variant's width, so that all sizes look alike. */
  readonly blur?: number;
  /** Watermark, over the blur. */
  readonly overlay?: Overlay;
  /**
   * Files that are made when they are first requested, and then stored: all of them, or those in these formats. Saves
   * the encoding, the PUT and the storage of what clients rarely ask for.
   */
  readonly lazy?: true | readonly Format[];
  /**
   * Further widths in the same shape, for a finer `srcset`: each is made in every format when it is first requested.
   * Those that are not smaller than the variant are left out.
   */
  readonly widths?: readonly number[];
};

export const recipe = {
  thumbnail: { width: 200, height: 200, fit: "cover", crop: "focus", formats: ["webp"] },
  small: { width: 480, fit: "inside", formats: ["webp"] },
  medium: { width: 1080, fit: "inside", formats: ["webp"] },
  large: { width: 1920, fit: "inside", formats: ["webp"] },
} as const satisfies Record<string, Spec>;

/** Name of a variant: `"thumbnail" | "small" | "medium" | "large"`. */
export type Name = keyof typeof recipe;

/** Names of the variants, in the recipe's order. */
export const names = Object.keys(recipe) as [Name, ...Name[]];

/** Returns true if a variant is cropped around the focal point, so that it changes with it. */
export const followsFocus = ({ fit, crop }: Spec): boolean => fit === "cover" && crop === "focus";

/** Returns true if a file of a variant is made when it is first requested. */
export const isLazy = ({ lazy = [] }: Pick<Spec, "lazy">, format: Format): boolean =>
  lazy === true || lazy.includes(format);

/** Returns true if a recipe has files that are made when they are first requested. */
export const hasLazy = (recipe: Readonly<Record<string, Spec>>): boolean =>
  Object.values(recipe).some(
    ({ lazy = [], widths = [] }) => lazy === true || lazy.length > 0 || widths.length > 0,
  );

/** Returns true if a variant does not show the image as it is. */
export const isChanged = ({ blur = 0, overlay }: Pick<Spec, "blur" | "overlay">): boolean =>
  blur > 0 || overlay !== undefined;

for (const [name, spec] of Object.entries<Spec>(recipe)) {
  if (spec.animated && isChanged(spec))
    throw new Error(`The variant ${name} is animated, so it can have neither blur nor overlay.`);
}

/**
 * Returns ends of keys, such as `/thumbnail.webp`, of which each image has a file from its processing to its deletion:
 * those of one variant that is neither lazy nor open while its image is private.
 */
export function keptEnds(recipe: Readonly<Record<string, Spec>>): string[] {
  for (const [name, spec] of Object.entries(recipe)) {
    const stored = spec.formats.filter((format) => !isLazy(spec, format));
    const [first] = stored;
    if (first === undefined || spec.public) continue;
    // Animations, and drawings in place of AVIF, are WebP.
    const isFixed = typeof spec.quality !== "object" && !spec.animated;
    const written = isFixed ? [first] : [...new Set<Format>([...stored, "webp"])];
    return written.map((format) => `/${name}.${format === "jpeg" ? "jpg" : format}`);
  }
  return [];
}

/**
 * Returns the fingerprint of a recipe, 8 hex digits: of its watermarks' pixels too, and of the table where a quality is
 * predicted.
 */
export function fingerprintOf(recipe: Readonly<Record<string, Spec>>): string {
  const isPredicted = Object.values(recipe).some(({ quality }) => typeof quality === "object");
  return createHash("sha256")
    .update(JSON.stringify({ recipe, encodings, table: isPredicted ? table : undefined }))
    .digest("hex")
    .slice(0, 8);
}

/** Fingerprint of the recipe. Stored in each record, so that `stale` variants of an older recipe are found. */
export const fingerprint = fingerprintOf(recipe);
