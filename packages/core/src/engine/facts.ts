/** Facts about an original: format, size and EXIF data. */
export * as Facts from "./facts.ts";

import type { Exif as Tags } from "exif-reader";
import { Exif } from "./exif.ts";

/** GPS position: degrees north and east, metres above sea level. */
export type Location = { latitude: number; longitude: number; altitude?: number };

/**
 * Facts of an original. Sizes in pixels after orientation. `takenAt` is ISO 8601, with an offset only if EXIF has one.
 */
export type Facts = {
  format: string;
  width: number;
  height: number;
  alpha: boolean;
  frames: number;
  /** True for an HDR original (PQ, HLG or a gain map); its variants are SDR. */
  hdr?: true;
  /** dHash of 64 bits, 16 hex digits; absent in older records. */
  perceptualHash?: string;
  takenAt?: string;
  camera?: string;
  lens?: string;
  location?: Location;
};

/**
 * Reads an EXIF block. Returns nothing for a damaged one, which is never a reason to reject an image. Throws
 * `Rejection` for one that declares more than `exifBytesMax` bytes.
 */
export function readExif(
  block: Buffer | undefined,
  { location: wanted, exifBytesMax }: { location: boolean; exifBytesMax: number },
): Pick<Facts, "takenAt" | "camera" | "lens" | "location"> {
  const read = block && Exif.read(block, exifBytesMax);
  if (!read) return {};
  const { tags, takenAt } = read;
  const make = text(tags.Image?.Make);
  const model = text(tags.Image?.Model);
  const camera = model && make && !model.startsWith(make) ? `${make} ${model}` : (model ?? make);
  const lens = text(tags.Photo?.LensModel);
  const location = wanted ? locationOf(tags) : undefined;
  return {
    ...(takenAt ? { takenAt } : {}),
    ...(camera ? { camera } : {}),
    ...(lens ? { lens } : {}),
    ...(location ? { location } : {}),
  };
}

function locationOf({ GPSInfo: gps }: Tags): Location | undefined {
  const latitude = degrees(gps?.GPSLatitude, gps?.GPSLatitudeRef, "S", 90);
  const longitude = degrees(gps?.GPSLongitude, gps?.GPSLongitudeRef, "W", 180);
  if (latitude === undefined || longitude === undefined) return undefined;
  const metres: unknown = gps?.GPSAltitude;
  if (typeof metres !== "number" || !Number.isFinite(metres)) return { latitude, longitude };
  return { latitude, longitude, altitude: round(gps?.GPSAltitudeRef === 1 ? -metres : metres, 1) };
}

/** Converts degrees, minutes and seconds to decimal degrees; six decimals are 0.1 m. */
function degrees(parts: unknown, reference: unknown, negative: string, max: number): number | undefined {
  if (!Array.isArray(parts)) return undefined;
  const [whole, minutes, seconds]: unknown[] = parts;
  const value = Number(whole) + Number(minutes ?? 0) / 60 + Number(seconds ?? 0) / 3600;
  if (!(Math.abs(value) <= max)) return undefined;
  return round(reference === negative ? -value : value, 6);
}

const round = (value: number, decimals: number) => Number(value.toFixed(decimals));

/** Sanitizes a text from EXIF, which is untrusted: up to the first NUL, no control characters, at most 100 characters. */
function text(value: unknown): string | undefined {
  const raw = Buffer.isBuffer(value) ? value.toString("utf8") : value;
  if (typeof raw !== "string") return undefined;
  const [ended = ""] = raw.split("\0", 1);
  const clean = ended.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, " ").trim();
  return [...clean].slice(0, 100).join("").trim() || undefined;
}
