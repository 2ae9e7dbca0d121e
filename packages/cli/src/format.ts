/** Images, sizes and durations as text for a terminal. */
import { styleText } from "node:util";
import type { Image, Variant } from "@image-pipeline/client";
import cliTruncate from "cli-truncate";
import stringWidth from "string-width";

/** Colors text if standard output shows colors: a terminal without NO_COLOR, or FORCE_COLOR. */
const paint = (style: Parameters<typeof styleText>[0]) => (text: string) => styleText(style, text);

export const bold = paint("bold");
export const dim = paint("dim");
export const cyan = paint("cyan");
export const green = paint("green");
export const red = paint("red");
export const yellow = paint("yellow");

/**
 * Replaces the characters of untrusted text (file names, titles) that could redraw the terminal, type into it or turn
 * text around: control and format characters, and line separators.
 */
export const printable = (text: string) =>
  text.normalize("NFC").replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\uFFFD");

/** Pads a text to `width` columns, or cuts it in the middle: file names often differ at both ends. */
export function fit(text: string, width: number): string {
  const cut = cliTruncate(text, width, { position: "middle" });
  return cut + " ".repeat(Math.max(0, width - stringWidth(cut)));
}

/** Bytes with a decimal unit: 12 B, 3.1 MB. */
export function size(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  while (value >= 999.5 && units.length > 1) {
    value /= 1000;
    units.shift();
  }
  return `${bytes < 1000 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${units[0]}`;
}

/** Milliseconds in seconds, minutes and hours: 0.4 s, 2 min 5 s. */
export function duration(ms: number): string {
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A colored mark for an image's status. */
export function mark(status: Image["status"]): string {
  if (status === "ready") return green("✓");
  return status === "rejected" || status === "failed" ? red("✗") : yellow("…");
}

/** An image in several lines: status, facts and variants. `took` in milliseconds. */
export function summary(image: Image, { name, took }: { name?: string; took?: number } = {}): string {
  const { id, status, source, error, tags = [], title, alt, createdAt, placeholder, focus } = image;
  const facts = [
    source.width && source.height ? `${source.width} × ${source.height}` : undefined,
    source.format,
    source.bytes === undefined ? undefined : size(source.bytes),
    source.camera && printable(source.camera),
    placeholder?.color,
  ];
  const rows: [string, string][] = [
    ["id", id],
    ["expires", image.expiresAt ?? ""],
    ["trash", image.trash ? `until ${image.trash.until}` : ""],
    ["original", facts.filter(Boolean).join(", ")],
    ["title", printable(title ?? "")],
    ["alt", printable(alt ?? "")],
    ["tags", tags.map(printable).join(", ")],
    ["focus", focus ? `${focus.x}, ${focus.y}` : ""],
    ["created", took === undefined ? createdAt : ""],
    ...Object.entries(image.variants ?? {})
      .sort(([, a], [, b]) => (a?.width ?? 0) - (b?.width ?? 0))
      .flatMap(([name, variant]): [string, string][] => (variant ? [[name, variantRow(variant)]] : [])),
    ["error", error ? `${error.code}: ${printable(error.message)}` : ""],
  ];
  const state = took === undefined ? status : `${status} in ${duration(took)}`;
  return [
    `${mark(status)} ${bold(nameOf(image, name))}  ${status === "ready" ? dim(state) : state}`,
    ...rows.filter(([, value]) => value !== "").map(([label, value]) => `  ${dim(fit(label, 10))} ${value}`),
  ].join("\n");
}

const nameOf = ({ filename, source }: Image, name = filename ?? source.key) => printable(name);

const variantRow = ({ width, height, bytes, url }: Variant) =>
  `${fit(`${width} × ${height}`, 12)}${(bytes === undefined ? "lazy" : size(bytes)).padStart(8)}  ${url}`;

/** Columns of a terminal from which a row has the time of day, sides and bytes too. */
const wideColumns = 104;

/** The header of a list, in the columns of `row`. */
export function header(width = Number.POSITIVE_INFINITY): string {
  const [sides, bytes] = width < wideColumns ? ["", ""] : [fit("PIXELS", 13), `${"SIZE".padStart(8)}  `];
  const created = fit("CREATED", width < wideColumns ? 10 : 16);
  return `  ${fit("ID", 30)}  ${created}  ${fit("STATUS", 10)}  ${sides}${bytes}NAME`;
}

/** An image in one row of a list. Cuts the name where a row would be wider than `width` columns. */
export function row(image: Image, width = Number.POSITIVE_INFINITY): string {
  const { id, status, source, createdAt, title } = image;
  const isWide = width >= wideColumns;
  const when = createdAt.slice(0, isWide ? 16 : 10).replace("T", " ");
  const sides = source.width && source.height ? `${source.width} × ${source.height}` : "";
  const bytes = source.bytes === undefined ? "" : size(source.bytes);
  const more = isWide ? `${fit(sides, 13)}${bytes.padStart(8)}  ` : "";
  const facts = `${mark(status)} ${fit(id, 30)}  ${dim(when)}  ${fit(status, 10)}  ${more}`;
  const name = nameOf(image, title);
  const left = Math.max(12, width - stringWidth(facts));
  return facts + (stringWidth(name) > left ? fit(name, left).trimEnd() : name);
}
