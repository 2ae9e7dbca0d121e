/**
 * Content types that an upload may declare: one table for the API, presigned uploads, the CLI and forms. They are
 * hints, because the bytes decide. A type is refused only if the stage accepts none of its formats.
 */
export * as ContentType from "./content-type.ts";

import type { Format } from "../engine/format.ts";
import { VisibleError } from "../error.ts";

/** The type of a file whose type the client does not know. */
export const unknown = "application/octet-stream";

/** The formats of each type. HEIF is a container for HEVC and for AV1. */
const formatsOf = new Map<string, readonly Format[]>([
  ["image/jpeg", ["jpeg"]],
  ["image/png", ["png"]],
  ["image/webp", ["webp"]],
  ["image/avif", ["avif"]],
  ["image/gif", ["gif"]],
  ["image/heic", ["heic"]],
  ["image/heif", ["heic", "avif"]],
  ["image/tiff", ["tiff"]],
]);

/** Other names of these types, as browsers, cameras and phones write them. */
const aliases = new Map([
  ["image/jpg", "image/jpeg"],
  ["image/pjpeg", "image/jpeg"],
  ["image/jfif", "image/jpeg"],
  ["image/x-png", "image/png"],
  ["image/apng", "image/png"],
  ["image/x-webp", "image/webp"],
  ["image/avif-sequence", "image/avif"],
  ["image/heic-sequence", "image/heic"],
  ["image/heif-sequence", "image/heif"],
  ["image/tif", "image/tiff"],
  ["image/x-tiff", "image/tiff"],
  ["binary/octet-stream", unknown],
  ["", unknown],
]);

const extensions = new Map([
  [".jpg", "image/jpeg"],
  [".jpeg", "image/jpeg"],
  [".jpe", "image/jpeg"],
  [".jfif", "image/jpeg"],
  [".png", "image/png"],
  [".webp", "image/webp"],
  [".avif", "image/avif"],
  [".gif", "image/gif"],
  [".heic", "image/heic"],
  [".heif", "image/heif"],
  [".tif", "image/tiff"],
  [".tiff", "image/tiff"],
]);

/** Returns the type of a file extension such as `.JPG`; undefined for one that is not of an image. */
export const ofExtension = (extension: string): string | undefined => extensions.get(extension.toLowerCase());

/**
 * Returns the canonical name of a declared type, without regard to case and parameters. Throws `unsupported_format`
 * for one of which the stage accepts no format (`accepted`, the setting FORMATS).
 */
export function parse(declared: string, accepted: readonly string[]): string {
  const [essence = ""] = declared.split(";", 1);
  const name = essence.trim().toLowerCase();
  const type = aliases.get(name) ?? name;
  const formats = formatsOf.get(type) ?? [];
  if (type === unknown || formats.some((format) => accepted.includes(format))) return type;
  throw new VisibleError(
    "unsupported_format",
    `The content type ${JSON.stringify(declared)} is not of an accepted format: ${accepted.join(", ")}. Declare ${unknown} if the type is unknown; the bytes decide.`,
  );
}
