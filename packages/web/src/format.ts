/** Numbers and times as people read them, in their own language and time zone. */

const units = ["kilobyte", "megabyte", "gigabyte"] as const;

/** Bytes with two significant digits or three: `840 B`, `1.4 MB`. */
export function bytes(count: number): string {
  if (count < 1000) return `${count} B`;
  const step = Math.min(Math.floor(Math.log10(count) / 3), units.length);
  const value = count / 1000 ** step;
  return new Intl.NumberFormat(undefined, {
    style: "unit",
    unit: units[step - 1],
    unitDisplay: "short",
    maximumFractionDigits: value < 10 ? 1 : 0,
  }).format(value);
}

/** A file format as its makers write it: `JPEG`, `WebP`. */
export const formatName = (format: string) => (format === "webp" ? "WebP" : format.toUpperCase());

export const number = (value: number) => new Intl.NumberFormat().format(value);

/** `4.2 s`, `3 min`: as exact as anybody wants to know. */
export function duration(seconds: number): string {
  const [unit, value] =
    seconds < 90 ? ["second", seconds] : seconds < 5400 ? ["minute", seconds / 60] : ["hour", seconds / 3600];
  return new Intl.NumberFormat(undefined, {
    style: "unit",
    unit,
    unitDisplay: "short",
    maximumFractionDigits: value < 10 ? 1 : 0,
  }).format(value);
}

const dateAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const timeOfDay = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const hourOfDay = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });

export const moment = (iso: string) => dateAndTime.format(new Date(iso));
export const clock = (iso: string) => timeOfDay.format(new Date(iso));
export const hour = (iso: string) => hourOfDay.format(new Date(iso));

/** A camera's own time, in which no zone is said: shown as the camera wrote it. */
export const taken = (iso: string) =>
  new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" }).format(
    new Date(`${iso.slice(0, 19)}Z`),
  );
