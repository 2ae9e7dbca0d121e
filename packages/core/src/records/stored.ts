/**
 * Totals of what an owner has stored: images, bytes of originals, bytes of variants. Each write of a record adds its
 * difference to a row of counters; the daily comparison corrects what a crash has lost. Pure.
 */
export * as Stored from "./stored.ts";

import type { ImageRecord } from "../table/image-entity.ts";

/** Stored images and bytes: of one image, or of all images of an owner. */
export type Stored = { images: number; originalBytes: number; variantBytes: number };

/** Totals as counted, with the sums of all changes regardless of their sign, by which a scan tells what it may have missed. */
export type Counted = Stored & { movedImages: number; movedBytes: number };

export const none: Counted = {
  images: 0,
  originalBytes: 0,
  variantBytes: 0,
  movedImages: 0,
  movedBytes: 0,
};

/**
 * Returns what is stored of an image: its original once its size is known, and the variants that were made by
 * processing. Nothing of an image that is being deleted. Lazy files, replaced variants in their day of grace and noncurrent
 * versions do not count.
 */
export function of(record: ImageRecord | undefined): Stored {
  if (!record || record.status === "deleting" || record.status === "deleted" || record.discarded) return none;
  const { status, declared, variants = {} } = record;
  // The size that a failed image has was never read.
  const originalBytes = record.bytes ?? (status === "failed" ? declared?.bytes : undefined) ?? 0;
  const files = Object.values(variants).flatMap(({ also = [], ...variant }) => [variant, ...also]);
  const variantBytes = files.reduce((total, { bytes = 0 }) => total + bytes, 0);
  return { images: Number(originalBytes > 0), originalBytes, variantBytes };
}

/** Returns the difference that a write makes to the totals of its owner. */
export function change(before: ImageRecord | undefined, after: ImageRecord): Counted {
  const [from, to] = [of(before), of(after)];
  const images = to.images - from.images;
  const originalBytes = to.originalBytes - from.originalBytes;
  const variantBytes = to.variantBytes - from.variantBytes;
  return {
    images,
    originalBytes,
    variantBytes,
    movedImages: Math.abs(images),
    movedBytes: Math.abs(originalBytes) + Math.abs(variantBytes),
  };
}

/** An owner's images as a complete scan read them: their sum, and that of those written just before or during the scan. */
export type Scanned = { all: Stored; recent: Stored };

/** Adds an image to the sums of a scan. */
export function saw({ all, recent }: Scanned, record: ImageRecord, isRecent: boolean): void {
  const stored = of(record);
  for (const sum of isRecent ? [all, recent] : [all]) for (const name of names) sum[name] += stored[name];
}

const names = ["images", "originalBytes", "variantBytes"] as const;

/**
 * Returns what corrects the totals after a scan, given the counted totals from before and after it. A difference that
 * changes during the scan can explain is left to a later scan.
 */
export function correction({ all, recent }: Scanned, before: Counted, after: Counted): Stored {
  const bytes = after.movedBytes - before.movedBytes;
  const moved = {
    images: after.movedImages - before.movedImages,
    originalBytes: bytes,
    variantBytes: bytes,
  };
  const wrong = { images: 0, originalBytes: 0, variantBytes: 0 };
  for (const name of names) {
    const slack = moved[name] + recent[name];
    const difference = all[name] - after[name];
    wrong[name] = Math.sign(difference) * Math.max(0, Math.abs(difference) - slack);
  }
  return wrong;
}

/** The rules that counters apply. The simulation replaces one at a time, to show what each is for. */
export const rules = { change, correction };
export type Rules = typeof rules;
