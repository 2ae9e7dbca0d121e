/**
 * Reads EXIF with exif-reader, within a size limit, and the capture time, which it does not parse. The library expands
 * every value that an entry declares: 5,400 entries that share 8,000 rationals are 47 KB and make it allocate 1.7 GB.
 */
export * as Exif from "./exif.ts";

import exif, { type Exif as Tags } from "exif-reader";
import { Rejection } from "./rejection.ts";

/** Bytes of a value by its type (TIFF 6.0, section 2; 13 is an IFD pointer of the TIFF technical note 1). */
const sizes = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4];

/** Directories within a block: EXIF, GPS, interoperability. */
const pointers = [0x8769, 0x8825, 0xa005];

/** The three time tags in order of preference, each with the tag of its UTC offset. */
const times = [
  { time: 0x9003, offset: 0x9011 }, // DateTimeOriginal, OffsetTimeOriginal
  { time: 0x9004, offset: 0x9012 }, // DateTimeDigitized, OffsetTimeDigitized
  { time: 0x0132, offset: 0x9010 }, // DateTime, OffsetTime
];

/** The tags of a block, and when the photo was taken: ISO 8601, with its offset only where the camera wrote one. */
export type Read = { tags: Tags; takenAt?: string };

/**
 * Reads a block as sharp returns it, or an entire TIFF file. Returns undefined if it cannot be parsed. Throws
 * `Rejection` with `too_much_metadata` if its entries and the values that they declare exceed `bytesMax` bytes.
 */
export function read(block: Buffer, bytesMax: number): Read | undefined {
  // A copy, because pointers of type IFD are rewritten to the type that exif-reader follows.
  const copy = Buffer.from(block);
  const texts = scan(copy, bytesMax);
  try {
    const takenAt = takenAtOf(texts);
    return { tags: exif(copy), ...(takenAt && { takenAt }) };
  } catch {
    return undefined;
  }
}

/** Visits every directory once, adds up what the entries declare, and returns the texts of the time tags. */
function scan(block: Buffer, bytesMax: number): Map<number, string> {
  const texts = new Map<number, string>();
  const start = block.toString("latin1", 0, 4) === "Exif" ? 6 : 0;
  const little = block[start] === 0x49;
  const u16 = (at: number) => (little ? block.readUInt16LE(at) : block.readUInt16BE(at));
  const u32 = (at: number) => (little ? block.readUInt32LE(at) : block.readUInt32BE(at));
  let total = 0;
  const add = (bytes: number) => {
    total += bytes;
    if (total <= bytesMax) return;
    throw new Rejection("too_much_metadata", `The EXIF data declares more than ${bytesMax} bytes.`);
  };
  const seen = new Set<number>();
  const visit = (directory: number, nested: boolean) => {
    if (seen.has(directory) || directory + 2 > block.length) return;
    seen.add(directory);
    const end = directory + 2 + u16(directory) * 12;
    for (let at = directory + 2; at < end && at + 12 <= block.length; at += 12) {
      const [tag, type, count] = [u16(at), u16(at + 2), u32(at + 4)];
      const bytes = (sizes[type] ?? 1) * count;
      // Counts at most the length of the block, even if the entry declares more.
      add(12 + Math.min(bytes, block.length));
      const value = bytes <= 4 ? at + 8 : start + u32(at + 8);
      if (type === 2 && !texts.has(tag))
        texts.set(tag, block.toString("latin1", value, value + Math.min(count, 64)));
      if (!pointers.includes(tag) || count !== 1) continue;
      if (type === 13) {
        if (little) block.writeUInt16LE(4, at + 2);
        else block.writeUInt16BE(4, at + 2);
      }
      visit(start + u32(at + 8), true);
    }
    // The next directory of the file itself, which is that of the thumbnail.
    if (!nested && end + 4 <= block.length && u32(end) > 0) visit(start + u32(end), true);
  };
  if (block.length >= start + 8) visit(start + u32(start + 4), false);
  return texts;
}

/** Returns the first valid time. Without an offset it is local time in an unknown zone. */
function takenAtOf(texts: Map<number, string>): string | undefined {
  for (const { time, offset } of times) {
    const [, ...parts] =
      /^(\d{4})[:-](\d\d)[:-](\d\d)[ T](\d\d):(\d\d):(\d\d)/.exec(texts.get(time) ?? "") ?? [];
    const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.map(Number);
    const at = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
    if (year < 1900 || Number.isNaN(at.getTime())) continue;
    const iso = at.toISOString().slice(0, 19);
    // `Date` turns a date that does not exist, such as 31 February, into another one.
    if (iso !== `${parts.slice(0, 3).join("-")}T${parts.slice(3).join(":")}`) continue;
    return iso + (/^[+-]\d\d:\d\d(?=\0|$)/.exec(texts.get(offset) ?? "")?.[0] ?? "");
  }
  return undefined;
}
