/** The gate before the decoders: checks magic bytes and header against the limits. Decodes no pixel. */
export * as Gate from "./gate.ts";

import type { Settings } from "../settings.ts";
import { sniff } from "./format.ts";
import { type Header, readHeader } from "./header.ts";
import { Rejection } from "./rejection.ts";

/**
 * Checks an original before it is decoded and returns its header. Reads the header only, so a file over the limits
 * costs milliseconds. Throws `Rejection`.
 */
export function admit(bytes: Uint8Array, limits: Settings.Pipeline): Header {
  if (bytes.length === 0) throw new Rejection("empty_file", "The file is empty.");
  if (bytes.length > limits.bytesMax) {
    const message = `The file has ${bytes.length} bytes; at most ${limits.bytesMax} are accepted.`;
    throw new Rejection("too_many_bytes", message);
  }
  const format = sniff(bytes);
  if (!format || !limits.formats.includes(format)) {
    const found = format
      ? `${format.toUpperCase()} is not accepted here`
      : "The file is not an image in a known format";
    throw new Rejection("unsupported_format", `${found}. Send ${limits.formats.join(", ")}.`);
  }
  const header = readHeader(bytes, format);
  if (!header)
    throw new Rejection(
      "corrupt_image",
      "The header is damaged or incomplete: it does not contain the image's size.",
    );
  admitHeader(header, limits);
  return header;
}

/**
 * Rejects an image that would take too much memory or time to decode. Each limit has its setting and its code. A limit
 * on pixels is not enough: a decoder's memory also grows with the longest side and the number of frames, and most of
 * all if it must hold the whole image at once.
 */
export function admitHeader(header: Header, limits: Settings.Pipeline): void {
  const { width, height, frames, unreadable, fault, scans = 0 } = header;
  if (fault) throw new Rejection("corrupt_image", `The header is invalid: ${fault}.`);
  if (unreadable) {
    throw new Rejection(
      "unsupported_codec",
      `The image is encoded as ${unreadable}, which is not supported.`,
    );
  }
  if (width < 1 || height < 1)
    throw new Rejection("corrupt_image", "The header declares a width or height of 0.");
  if (width > limits.sideMax || height > limits.sideMax) {
    const message = `The image is ${width} × ${height} px; at most ${limits.sideMax} px a side are accepted.`;
    throw new Rejection("side_too_long", message);
  }
  const pixelsMax = pixelsMaxOf(header, limits);
  if (width * height > pixelsMax) {
    const message = `The image has ${width * height} pixels; at most ${pixelsMax} are accepted for its format.`;
    throw new Rejection("too_many_pixels", message);
  }
  if (scans > limits.scansMax) {
    const message = `The JPEG has ${scans} scans; at most ${limits.scansMax} are accepted.`;
    throw new Rejection("too_many_scans", message);
  }
  if (limits.framesMax === 1) return;
  if (frames > limits.framesMax) {
    const message = `The image has ${frames} frames; at most ${limits.framesMax} are accepted.`;
    throw new Rejection("too_many_frames", message);
  }
  if (frames > 1 && width * height * frames > limits.animatedPixelsMax) {
    const message = `The frames have ${width * height * frames} pixels in total; at most ${limits.animatedPixelsMax} are accepted.`;
    throw new Rejection("too_many_pixels", message);
  }
}

function pixelsMaxOf({ format, whole }: Header, limits: Settings.Pipeline): number {
  if (format === "avif") return Math.min(limits.pixelsMax, limits.avifPixelsMax);
  if (format === "heic") return Math.min(limits.pixelsMax, limits.heicPixelsMax);
  return whole ? Math.min(limits.pixelsMax, limits.progressivePixelsMax) : limits.pixelsMax;
}
