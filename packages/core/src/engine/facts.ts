/** What an original is: its format and size, and what its EXIF data tells. */
export * as Facts from "./facts.ts";

import exif, { type Exif } from "exif-reader";

/** Degrees north and east, metres above the sea. */
export type Location = { latitude: number; longitude: number; altitude?: number };

/** Sizes in pixels as seen, after orientation. `takenAt` is ISO 8601, with its offset only where the camera knew it. */
export type Facts = {
  format: string;
  contentType: string;
  width: number;
  height: number;
  alpha: boolean;
  frames: number;
  /** dHash of 64 bits, 16 hex digits; older records have none. */
  perceptualHash?: string;
  takenAt?: string;
  camera?: string;
  lens?: string;
  location?: Location;
};

/** What the camera wrote. A block that cannot be read tells nothing: it is never a reason to refuse a picture. */
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

/** A block as sharp gives it, or a whole TIFF file, which is built as EXIF is. */
function parse(block: Buffer): Exif | undefined {
  try {
    return exif(block);
  } catch {
    return undefined;
  }
}

/** exif-reader reads the camera's clock as if it were UTC. */
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

/** Degrees, minutes and seconds as one number; six decimals are a tenth of a metre. */
function degrees(parts: unknown, reference: unknown, negative: string, max: number): number | undefined {
  if (!Array.isArray(parts)) return undefined;
  const [whole, minutes, seconds]: unknown[] = parts;
  const value = Number(whole) + Number(minutes ?? 0) / 60 + Number(seconds ?? 0) / 3600;
  if (!(Math.abs(value) <= max)) return undefined;
  return round(reference === negative ? -value : value, 6);
}

const round = (value: number, decimals: number) => Number(value.toFixed(decimals));

/** Anybody can write these: no control characters, and not more than a name takes. */
function text(value: unknown): string | undefined {
  const raw = Buffer.isBuffer(value) ? value.toString("utf8") : value;
  if (typeof raw !== "string") return undefined;
  const clean = raw.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, " ").trim();
  return [...clean].slice(0, 100).join("").trim() || undefined;
}
