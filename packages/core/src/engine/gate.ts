/** Whether bytes may be decoded. Looks at the first of them and at what the header says; no pixel is decoded here. */
export * as Gate from "./gate.ts";

import type { Settings } from "../settings.ts";
import { sniff } from "./format.ts";
import { type Header, readHeader } from "./header.ts";
import { Rejection } from "./rejection.ts";

/**
 * Refuses what is not to be decoded, and returns what the header of the rest says. Nothing but the header is read, so
 * that a file which would take too much costs next to nothing. Throws `Rejection`.
 */
export function admit(bytes: Uint8Array, limits: Settings.Pipeline): Header {
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
  const header = readHeader(bytes, format);
  if (!header)
    throw new Rejection("corrupt_image", "The file ends or breaks off before the size of the image.");
  admitHeader(header, limits);
  return header;
}

/**
 * Refuses what would take too much to decode. Each limit has a setting and a code of its own: pixels alone are not
 * enough, because a decoder's memory also grows with the longest side, with the frames, and most of all where it
 * must hold the whole picture at once.
 */
export function admitHeader(header: Header, limits: Settings.Pipeline): void {
  const { width, height, frames, unreadable } = header;
  if (unreadable) {
    throw new Rejection(
      "unsupported_codec",
      `The image is encoded as ${unreadable}, which is not supported.`,
    );
  }
  if (width < 1 || height < 1) throw new Rejection("corrupt_image", "The header gives the image no size.");
  if (width > limits.sideMax || height > limits.sideMax) {
    const message = `The image is ${width} × ${height} px; a side may have at most ${limits.sideMax}.`;
    throw new Rejection("side_too_long", message);
  }
  const pixelsMax = pixelsMaxOf(header, limits);
  if (width * height > pixelsMax) {
    const message = `The image has ${width * height} pixels; at most ${pixelsMax} are accepted of its kind.`;
    throw new Rejection("too_many_pixels", message);
  }
  if (limits.framesMax === 1) return;
  if (frames > limits.framesMax) {
    const message = `The image has ${frames} frames; at most ${limits.framesMax} are accepted.`;
    throw new Rejection("too_many_frames", message);
  }
  if (frames > 1 && width * height * frames > limits.animatedPixelsMax) {
    const message = `The frames have ${width * height * frames} pixels together; at most ${limits.animatedPixelsMax} are accepted.`;
    throw new Rejection("too_many_pixels", message);
  }
}

function pixelsMaxOf({ format, whole }: Header, limits: Settings.Pipeline): number {
  if (format === "avif" || format === "heic") return Math.min(limits.pixelsMax, limits.heifPixelsMax);
  return whole ? Math.min(limits.pixelsMax, limits.progressivePixelsMax) : limits.pixelsMax;
}
