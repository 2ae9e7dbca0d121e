/** Numbers, bytes and times in the browser's language and time zone. */

const units = ["kilobyte", "megabyte", "gigabyte"] as const;

/** Formats bytes with two or three significant digits: `840 B`, `1.4 MB`. */
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

/** Returns the name of a file format: `JPEG`, `WebP`. */
export const formatName = (format: string) => (format === "webp" ? "WebP" : format.toUpperCase());

/** Formats a number with separators of thousands. */
export const number = (value: number) => new Intl.NumberFormat().format(value);

/** Formats seconds with one or two significant digits: `4.2 sec`, `3 min`. */
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
const exactTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const timeOfDay = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const hourOfDay = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });

/** Formats an RFC 3339 timestamp as date and time. */
export const moment = (iso: string) => dateAndTime.format(new Date(iso));
/** Formats an RFC 3339 timestamp as date and time with seconds. */
export const exact = (iso: string) => exactTime.format(new Date(iso));
/** Formats an RFC 3339 timestamp as a time of day with seconds. */
export const clock = (iso: string) => timeOfDay.format(new Date(iso));
/** Formats an RFC 3339 timestamp as a time of day without seconds. */
export const hour = (iso: string) => hourOfDay.format(new Date(iso));

const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "always" });
const dayMs = 86_400_000;

/** Formats the time until an RFC 3339 timestamp: `in 12 days`, `in 3 hours`. */
export function untilThen(iso: string): string {
  const leftMs = Math.max(0, Date.parse(iso) - Date.now());
  return leftMs < dayMs
    ? relative.format(Math.ceil(leftMs / 3_600_000), "hour")
    : relative.format(Math.ceil(leftMs / dayMs), "day");
}

const monthOfYear = { month: "long", year: "numeric" } as const;

/** Formats an RFC 3339 timestamp as its month: `November 2026`. */
export const month = (iso: string) => new Intl.DateTimeFormat(undefined, monthOfYear).format(new Date(iso));

/** Formats a camera's timestamp as its month, as recorded. */
export const monthTaken = (iso: string) =>
  new Intl.DateTimeFormat(undefined, { ...monthOfYear, timeZone: "UTC" }).format(
    new Date(`${iso.slice(0, 19)}Z`),
  );

/** Formats a camera's timestamp. It has no time zone and is shown as recorded. */
export const taken = (iso: string) =>
  new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" }).format(
    new Date(`${iso.slice(0, 19)}Z`),
  );
