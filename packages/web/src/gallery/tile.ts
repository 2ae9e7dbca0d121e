/** What the grid keeps of an image: a small part, so that a hundred thousand fit into a phone. */
import type { Image } from "@image-pipeline/client/client";
import { srcset } from "@image-pipeline/client/show";

export type Tile = {
  id: string;
  status: Image["status"];
  version: number;
  createdAt: string;
  tags: readonly string[];
  /** Width over height; absent until the original has been read. */
  ratio?: number;
  /** What a screen reader says of it. */
  alt: string;
  /** What stands under it. */
  label: string;
  thumbhash?: string;
  color?: string;
  /** A middling variant, all of them, and the largest with its size in pixels. */
  src?: string;
  srcset?: string;
  largest?: { url: string; width: number; height: number };
  /** Why there is no picture. */
  code?: string;
};

export function tileOf(image: Image): Tile {
  const { id, status, version, createdAt, tags = [], source, placeholder, variants, error } = image;
  const label = nameOf(image);
  const { width, height } = source;
  return {
    id,
    status,
    version,
    createdAt,
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
    code: error?.code,
  };
}

function largestOf(variants: NonNullable<Image["variants"]>): Tile["largest"] {
  const [largest] = Object.values(variants)
    .filter((variant) => variant !== undefined)
    .sort((a, b) => b.width * b.height - a.width * a.height);
  return largest && { url: largest.url, width: largest.width, height: largest.height };
}

/** What people call an image. */
export function nameOf({ title, filename, source }: Pick<Image, "title" | "filename" | "source">): string {
  return title ?? filename ?? source.key.slice(source.key.lastIndexOf("/") + 1);
}

/** Whether something will still happen to it. */
export const isUnfinished = ({ status }: Pick<Tile, "status">) =>
  status === "pending" || status === "processing";
