/** Sums what every owner has stored while all images are scanned, and corrects the counted totals by it. */
export * as Totals from "./totals.ts";

import { ID } from "../id.ts";
import { Counters } from "../records/counters.ts";
import { Stored } from "../records/stored.ts";
import type { ImageRecord } from "../table/image-entity.ts";

/** The images of each owner that the scan has read, and the owner's totals from before it. */
export type Totals = Map<string, Stored.Scanned & { before: Stored.Counted }>;

/**
 * Begins a scan. The totals of `default` are read now, so that they are corrected to 0 without any image too; those of
 * another owner when the scan first meets one of its images.
 */
export const begin = async (): Promise<Totals> =>
  new Map([[ID.ownerDefault, await beginOf(ID.ownerDefault)]]);

/** Adds images that the scan has not read before. `recentSince`: the time (ISO 8601) from which on a write is recent. */
export async function add(
  totals: Totals,
  records: readonly ImageRecord[],
  recentSince: string,
): Promise<void> {
  for (const record of records) {
    const total = totals.get(record.owner) ?? (await beginOf(record.owner));
    totals.set(record.owner, total);
    Stored.saw(total, record, record.updatedAt >= recentSince);
  }
}

/** Corrects the totals of every owner, after a scan that read every image. */
export async function correct(totals: Totals): Promise<void> {
  for (const [owner, { before, ...scanned }] of totals) await Counters.repairStored(owner, scanned, before);
}

const beginOf = async (owner: string) => ({
  all: { images: 0, originalBytes: 0, variantBytes: 0 },
  recent: { images: 0, originalBytes: 0, variantBytes: 0 },
  before: await Counters.storedOf(owner),
});
