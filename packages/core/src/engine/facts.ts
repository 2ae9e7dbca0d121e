/** Facts about an original: format, size and EXIF data. */
export * as Facts from "./facts.ts";

import exif, { type Exif } from "exif-reader";

/** GPS position: degrees north and east, metres above sea level. */
export type Location = { latitude: number; longitude: number; altitude?: number };

/** Facts of an original. Sizes in pixels after orientation. `takenAt` is ISO 8601, with an offset only if EXIF has one. */
export type Facts = {
  format: string;
  contentType: string;
  width: number;
  height: number;
  alpha: boolean;
  frames: number;
  /** dHash of 64 bits, 16 hex digits; absent in older records. */
  perceptualHash?: string;
  takenAt?: string;
  camera?: string;
  lens?: string;
  location?: Location;
};

/** Reads an EXIF block. Returns nothing for a damaged one, which is never a reason to reject an image. */
export function readExif(
  block: Buffer | undefined,
  { location: wanted }: { location: boolean },
): Pick<Facts, "takenAt" | "camera" | "lens" | "location"> {
  const tags = block ? parse(block) : undefined;
  if (!tags) return {};
  const make = text(tags.Image?.Make);
  const model = text(tags.Image?.Model);
  const camera = model && make && !model.startsWith(make) ? `${make} ${model}` : (model ?? make);
  const takenAt = timeOf(tags);
  const lens = text(tags.Photo?.LensModel);
  const location = wanted ? locationOf(tags) : undefined;
  return {
    ...(takenAt ? { takenAt } : {}),
    ...(camera ? { camera } : {}),
    ...(lens ? { lens } : {}),
    ...(location ? { location } : {}),
  };
}

/** Parses an EXIF block as sharp returns it, or a whole TIFF file, which has the same structure. */
function parse(block: Buffer): Exif | undefined {
  try {
    return exif(block);
  } catch {
    return undefined;
  }
}

/** Formats the time of capture. exif-reader parses the camera's local time as if it were UTC. */
function timeOf({ Photo }: Exif): string | undefined {
  const at: unknown = Photo?.DateTimeOriginal;
  if (!(at instanceof Date) || Number.isNaN(at.getTime()) || at.getUTCFullYear() < 1900) return undefined;
  const offset = text(Photo?.OffsetTimeOriginal);
  return at.toISOString().slice(0, 19) + (offset && /^[+-]\d\d:\d\d$/.test(offset) ? offset : "");
}

function locationOf({ GPSInfo: gps }: Exif): Location | undefined {
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

/** Sanitizes a text from EXIF, which is untrusted: no control characters, at most 100 characters. */
function text(value: unknown): string | undefined {
  const raw = Buffer.isBuffer(value) ? value.toString("utf8") : value;
  if (typeof raw !== "string") return undefined;
  const clean = raw.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, " ").trim();
  return [...clean].slice(0, 100).join("").trim() || undefined;
}
