/** Placeholders to show until an image has loaded: a blurred preview and the dominant colour. */
import { rgbaToThumbHash } from "thumbhash";

/** Placeholder of an image: `thumbhash` is base64 of about 25 bytes; `color` is `#rrggbb`. */
export type Placeholder = { thumbhash: string; color: string };

/** Computes the placeholder from RGBA pixels, row by row; at most 100 px a side, ThumbHash's limit. */
export function placeholderOf(rgba: Uint8Array, width: number, height: number): Placeholder {
  return {
    thumbhash: Buffer.from(rgbaToThumbHash(width, height, rgba)).toString("base64"),
    color: dominantOf(rgba),
  };
}

/**
 * Computes the dominant colour: pixels are sorted into 16 × 16 × 16 boxes, and the mean of the fullest box is returned.
 * Ignores pixels with an alpha below 128; an image of only such pixels is white.
 */
function dominantOf(rgba: Uint8Array): string {
  const boxes = new Map<number, { count: number; sum: [number, number, number] }>();
  for (let i = 0; i + 3 < rgba.length; i += 4) {
    const [r = 0, g = 0, b = 0, a = 0] = rgba.subarray(i, i + 4);
    if (a < 128) continue;
    const key = ((r >> 4) << 8) | ((g >> 4) << 4) | (b >> 4);
    const box = boxes.get(key) ?? { count: 0, sum: [0, 0, 0] };
    boxes.set(key, { count: box.count + 1, sum: [box.sum[0] + r, box.sum[1] + g, box.sum[2] + b] });
  }
  const fullest = [...boxes.values()].reduce((best, box) => (box.count > best.count ? box : best), {
    count: 0,
    sum: [255, 255, 255],
  });
  const mean = fullest.sum.map((total) => Math.round(total / Math.max(1, fullest.count)));
  return `#${mean.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
}
