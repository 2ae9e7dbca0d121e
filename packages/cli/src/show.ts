/** Images in words. */
import type { Image, Variant } from "@image-pipeline/client/client";
import { bold, columns, dim, fit, green, printable, red, yellow } from "./terminal.ts";

/** Bytes as people say them: 12 B, 3.1 MB. */
export function size(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  while (value >= 999.5 && units.length > 1) {
    value /= 1000;
    units.shift();
  }
  return `${bytes < 1000 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${units[0]}`;
}

/** Milliseconds as people say them: 0.4 s, 2 min 5 s. */
export function duration(ms: number): string {
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A mark for how an image stands. */
export function mark(status: Image["status"]): string {
  if (status === "ready") return green("✓");
  return status === "rejected" || status === "failed" ? red("✗") : yellow("…");
}

/** Everything about an image that people want at a glance, in a few lines. `took` in milliseconds. */
export function summary(image: Image, { name, took }: { name?: string; took?: number } = {}): string {
  const { id, status, source, error, tags = [], title, alt, createdAt, placeholder } = image;
  const called = printable(name ?? image.filename ?? source.key);
  const facts = [
    source.width && source.height ? `${source.width} × ${source.height}` : undefined,
    source.format,
    source.bytes === undefined ? undefined : size(source.bytes),
    source.camera && printable(source.camera),
    placeholder?.color,
  ];
  const rows: [string, string][] = [
    ["id", id],
    ["original", facts.filter(Boolean).join(", ")],
    ["title", printable(title ?? "")],
    ["alt", printable(alt ?? "")],
    ["tags", tags.map(printable).join(", ")],
    ["created", took === undefined ? createdAt : ""],
    ...Object.entries(image.variants ?? {})
      .sort(([, a], [, b]) => (a?.width ?? 0) - (b?.width ?? 0))
      .flatMap(([name, variant]): [string, string][] => (variant ? [[name, wordsOf(variant)]] : [])),
    ["why", error ? `${error.code}: ${printable(error.message)}` : ""],
  ];
  const state = took === undefined ? status : `${status} in ${duration(took)}`;
  return [
    `${mark(status)} ${bold(called)}  ${status === "ready" ? dim(state) : state}`,
    ...rows.filter(([, value]) => value !== "").map(([label, value]) => `  ${dim(fit(label, 10))} ${value}`),
  ].join("\n");
}

const wordsOf = ({ width, height, bytes, url }: Variant) =>
  `${fit(`${width} × ${height}`, 12)}${size(bytes).padStart(8)}  ${url}`;

/** One line of a list, in columns; the name is cut to a terminal of `width` columns, where there is one. */
export function line(image: Image, width = Number.POSITIVE_INFINITY): string {
  const { id, status, source, createdAt } = image;
  const sides = source.width && source.height ? `${source.width} × ${source.height}` : "";
  const bytes = source.bytes === undefined ? "" : size(source.bytes);
  const when = createdAt.slice(0, 16).replace("T", " ");
  const name = printable(image.title ?? image.filename ?? source.key);
  const facts = `${fit(status, 10)}  ${fit(sides, 13)}${bytes.padStart(8)}`;
  const left = width - 2 - id.length - 2 - when.length - 2 - facts.length - 2;
  return `${mark(status)} ${id}  ${dim(when)}  ${facts}  ${left < columns(name) ? fit(name, Math.max(12, left)) : name}`;
}
