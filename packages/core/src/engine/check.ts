/**
 * Checks in production of predicted qualities: one image in N is decoded after encoding, and its similarity recorded.
 *
 * MS-SSIM, because no npm package computes SSIMULACRA2. docs/formats.md has the relation of the two.
 */
export * as Check from "./check.ts";

import { createHash } from "node:crypto";
import { msssim } from "@blazediff/ssim/msssim";
import type { Size } from "./plan.ts";
import { type Clock, finish, open, type Raster, type Sharp, sharp } from "./sharp.ts";

/** Part of a variant that is compared, in pixels: the one whose scores the table of the prediction was fitted to. */
const part = { width: 384, height: 288 };

/** Shortest side that five scales of an 11 × 11 window fit into, in pixels. */
const sideMin = 176;

/** Returns true for one image in `oneIn`, always the same ones; for none if it is 0. */
export const isSampled = (imageID: string, oneIn: number): boolean =>
  oneIn > 0 && createHash("sha256").update(imageID).digest().readUInt32BE() % oneIn === 0;

/**
 * Returns the MS-SSIM of the middle of an encoded file to the pixels that were encoded: 0 to 1, four decimals. Undefined
 * for a variant that is too small for it.
 */
export async function similarity(
  raster: Raster,
  area: Size & { left: number; top: number },
  bytes: Buffer,
  clock: Clock,
): Promise<number | undefined> {
  const [width, height] = [Math.min(part.width, area.width), Math.min(part.height, area.height)];
  if (Math.min(width, height) < sideMin) return undefined;
  const left = Math.floor((area.width - width) / 2);
  const top = Math.floor((area.height - height) / 2);
  const before = open(raster).extract({
    left: area.left + left,
    top: area.top + top,
    width,
    height,
  });
  const after = sharp(bytes).extract({ left, top, width, height });
  const [a, b] = [await rgbaOf(before, clock), await rgbaOf(after, clock)];
  return Math.round(msssim(a, b, undefined, width, height) * 10_000) / 10_000;
}

/** Returns the pixels on white. */
async function rgbaOf(image: Sharp, clock: Clock): Promise<Buffer> {
  const { data } = await finish(image.flatten({ background: "#ffffff" }).ensureAlpha().raw(), clock);
  return data;
}
