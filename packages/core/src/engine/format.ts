/** Content sniffing: the format by the magic bytes alone, because clients control filenames and declared types. */

/** Recognised formats; `Settings.Pipeline.formats` lists the accepted ones. */
export const formats = ["jpeg", "png", "webp", "avif", "heic", "gif", "tiff"] as const;
export type Format = (typeof formats)[number];

/** Returns the content type of a format, of originals and of variants alike. */
export const contentTypeOf = (format: string): string => `image/${format}`;

/** Returns the format by its magic bytes; undefined if it is not recognised. */
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

/** Returns the format of an ISO base media file by its brands: the major one first, then the compatible ones. */
function brandOf(bytes: Uint8Array): Format | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = Math.min(view.getUint32(0), bytes.length, 256);
  for (let offset = 8; offset + 4 <= end; offset += offset === 8 ? 8 : 4) {
    const brand = String.fromCharCode(...bytes.subarray(offset, offset + 4));
    if (brand === "avif" || brand === "avis") return "avif";
    if (brand === "mif3") return "avif";
    if (["heic", "heix", "heim", "heis", "hevc", "hevx"].includes(brand)) return "heic";
  }
  return undefined;
}
