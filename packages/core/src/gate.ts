/**
 * What the bytes are, and whether they may be decoded. Looks at the first bytes and at what the header says; no pixel
 * is decoded here. Names and declared types are never looked at: anybody can write anything there.
 */
export * as Gate from "./gate.ts";

import { Rejection } from "./rejection.ts";
import type { Settings } from "./settings.ts";

/** Formats that are told apart; `Settings.Pipeline.formats` says which of them are accepted. */
export type Format = "jpeg" | "png" | "webp" | "avif" | "heic" | "gif" | "tiff";

/** What a header says, in pixels as stored. `deep` means that the decoder has to hold the whole picture. */
export type Header = { format: Format; width: number; height: number; frames: number; codec?: string };

/** The format by its magic bytes alone; undefined for anything else. */
export function sniff(bytes: Uint8Array): Format | undefined {
  const at = (offset: number, ascii: string) =>
    bytes.length >= offset + ascii.length &&
    [...ascii].every((character, i) => bytes[offset + i] === character.charCodeAt(0));

  if (at(0, "\xff\xd8\xff")) return "jpeg";
  if (at(0, "\x89PNG\r\n\x1a\n")) return "png";
  if (at(0, "RIFF") && at(8, "WEBP")) return "webp";
  if (at(0, "GIF87a") || at(0, "GIF89a")) return "gif";
  if (at(0, "II*\0") || at(0, "MM\0*")) return "tiff";
  return at(4, "ftyp") ? brandOf(bytes) : undefined;
}

/** Refuses what need not be opened: empty, too large, or not an accepted format. Returns what the bytes are. */
export function admit(bytes: Uint8Array, limits: Settings.Pipeline): Format {
  if (bytes.length === 0) throw new Rejection("empty_file", "The file is empty.");
  if (bytes.length > limits.bytesMax) {
    const message = `The file has ${bytes.length} bytes; at most ${limits.bytesMax} are accepted.`;
    throw new Rejection("too_many_bytes", message);
  }
  const format = sniff(bytes);
  if (!format || !limits.formats.includes(format)) {
    const found = format ? `${format.toUpperCase()} is not accepted here` : "This is no image that we know";
    throw new Rejection("unsupported_format", `${found}. Send ${limits.formats.join(", ")}.`);
  }
  return format;
}

/** Refuses what would take too much to decode, by what its header says. */
export function admitHeader(header: Header, limits: Settings.Pipeline): void {
  const { width, height, format, codec } = header;
  if (codec && format === "avif" && codec !== "av1") {
    throw new Rejection("unsupported_codec", `The file is encoded as ${codec}, which cannot be decoded.`);
  }
  if (width < 1 || height < 1) throw new Rejection("corrupt_image", "The header gives the image no size.");
  if (width > limits.sideMax || height > limits.sideMax) {
    const message = `The image is ${width} × ${height} px; a side may have at most ${limits.sideMax}.`;
    throw new Rejection("side_too_long", message);
  }
  if (width * height > limits.pixelsMax) {
    const message = `The image has ${width * height} pixels; at most ${limits.pixelsMax} are accepted.`;
    throw new Rejection("too_many_pixels", message);
  }
}

/** The family of an ISO base media file, by its brands: the major one first, then the compatible ones. */
function brandOf(bytes: Uint8Array): Format | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = Math.min(view.getUint32(0), bytes.length, 256);
  for (let offset = 8; offset + 4 <= end; offset += offset === 8 ? 8 : 4) {
    const brand = String.fromCharCode(...bytes.subarray(offset, offset + 4));
    if (brand === "avif" || brand === "avis") return "avif";
    if (["heic", "heix", "heim", "heis", "hevc", "hevx"].includes(brand)) return "heic";
  }
  return undefined;
}
