/** View model of an image in the grid: the few fields that a tile needs, so that many images fit into a page's memory. */
import type { Image } from "@image-pipeline/client";
import { thumbhashURL } from "@image-pipeline/client/placeholder";
import { srcset } from "@image-pipeline/client/show";

/** One tile of the grid. */
export type Tile = {
  id: string;
  status: Image["status"];
  version: number;
  createdAt: string;
  /** The image waits for the next day, because its owner's share of the day's processing is used up. */
  deferredUntil?: string;
  /** Time of capture, without a time zone. Absent until the original has been inspected, and without EXIF. */
  takenAt?: string;
  /** Format of the original. */
  format?: string;
  tags: readonly string[];
  /** Width over height. Absent until the original has been inspected. */
  ratio?: number;
  /** Alternative text, or else the label. */
  alt: string;
  /** Title, file name or object key. */
  label: string;
  thumbhash?: string;
  color?: string;
  /** URL of a small variant, `srcset` of all variants, and the largest variant with its size in pixels. */
  src?: string;
  srcset?: string;
  isPrivate?: boolean;
  largest?: { url: string; width: number; height: number };
  /** Error code of a rejected or failed image. */
  code?: string;
  /** The image is imported from a URL. */
  isImport: boolean;
  /** Time at which an image in the trash is deleted. */
  trashedUntil?: string;
};

/** Converts an image of the API to a tile. */
export function tileOf(image: Image): Tile {
  const {
    id,
    status,
    version,
    createdAt,
    deferredUntil,
    tags = [],
    source,
    placeholder,
    variants,
    visibility,
    error,
    trash,
  } = image;
  const label = nameOf(image);
  const { width, height } = source;
  return {
    id,
    status,
    version,
    createdAt,
    deferredUntil,
    takenAt: source.takenAt,
    format: source.format,
    tags,
    ...(width && height ? { ratio: width / height } : {}),
    alt: image.alt ?? label,
    label,
    thumbhash: placeholder?.thumbhash,
    color: placeholder?.color,
    ...(variants
      ? {
          src: variants.small?.url ?? variants.thumbnail?.url,
          srcset: srcset(image),
          largest: largestOf(variants),
        }
      : {}),
    isPrivate: visibility === "private",
    code: error?.code,
    isImport: source.url !== undefined,
    trashedUntil: trash?.until,
  };
}

function largestOf(variants: NonNullable<Image["variants"]>): Tile["largest"] {
  const [largest] = Object.values(variants)
    .filter((variant) => variant !== undefined)
    .sort((a, b) => b.width * b.height - a.width * a.height);
  return largest && { url: largest.url, width: largest.width, height: largest.height };
}

/** Returns an image's title, file name or the last segment of its object key. */
export function nameOf({ title, filename, source }: Pick<Image, "title" | "filename" | "source">): string {
  return title ?? filename ?? source.key.slice(source.key.lastIndexOf("/") + 1);
}

/** Returns true if an image is `pending` or `processing`. */
export const isUnfinished = ({ status }: Pick<Tile, "status">) =>
  status === "pending" || status === "processing";

/** Returns true if an image is in the trash. */
export const isTrashed = ({ status }: Pick<Tile, "status">) => status === "trashed";

/** Bound of the preview cache. A screen of a 4K display shows about a hundred. */
const previewsMax = 1000;

const previews = new Map<string, string>();

/** Returns a ThumbHash as a CSS `background-image`; `none` for an invalid one. Caches the decoded images. */
export function previewOf(thumbhash: string | undefined): string | undefined {
  if (!thumbhash) return undefined;
  const cached = previews.get(thumbhash);
  if (cached !== undefined) return cached;
  if (previews.size >= previewsMax) previews.clear();
  const image = decode(thumbhash);
  previews.set(thumbhash, image);
  return image;
}

function decode(thumbhash: string): string {
  try {
    return `url("${thumbhashURL(thumbhash)}")`;
  } catch {
    // The tile shows the placeholder colour instead.
    return "none";
  }
}
