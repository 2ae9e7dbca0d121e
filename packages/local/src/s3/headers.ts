/** The headers of an object: which ones are kept, given back, and refused. */
import { S3Error } from "./error.ts";
import type { Meta } from "./object-file.ts";
import { headerText, type S3Request, type S3Response } from "./request.ts";

const kept = ["cache-control", "content-disposition", "content-language", "content-type", "expires"] as const;

/** The most that names and values of `x-amz-meta-*` may come to, as at S3. */
const metadataBytesMax = 2048;

/** What is kept of a write's headers. Throws `MetadataTooLarge`. */
export function keptHeaders(headers: S3Request["headers"]): Record<string, string> {
  const result: Record<string, string> = { "content-type": "binary/octet-stream" };
  let metadataBytes = 0;
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue;
    const isMetadata = name.startsWith("x-amz-meta-");
    if (isMetadata) metadataBytes += name.length - "x-amz-meta-".length + value.length;
    if (isMetadata || (kept as readonly string[]).includes(name)) result[name] = value;
  }
  if (metadataBytes > metadataBytesMax)
    throw new S3Error("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size", {
      Size: String(metadataBytes),
      MaxSizeAllowed: String(metadataBytesMax),
    });
  // `aws-chunked` says how the bytes travelled, not what they are.
  const encodings = headers["content-encoding"]?.split(",").map((encoding) => encoding.trim()) ?? [];
  const encoding = encodings.filter((encoding) => encoding !== "" && encoding !== "aws-chunked").join(",");
  if (encoding) result["content-encoding"] = encoding;
  return result;
}

const overridable = [
  "cache-control",
  "content-disposition",
  "content-encoding",
  "content-language",
  "content-type",
  "expires",
] as const;

/** The query parameters by which a reader chooses headers of the answer. */
export const overrides = overridable.map((name) => `response-${name}`);

/** The headers that an object is given back with. */
export function objectHeaders(meta: Meta, { query, headers }: S3Request): NonNullable<S3Response["headers"]> {
  const result: Record<string, string> = {
    etag: `"${meta.etag}"`,
    "last-modified": new Date(meta.modified).toUTCString(),
    "accept-ranges": "bytes",
    ...meta.headers,
  };
  for (const name of overridable) {
    const value = query.get(`response-${name}`);
    if (value !== undefined) result[name] = headerText(value);
  }
  if (meta.checksum && headers["x-amz-checksum-mode"]?.toUpperCase() === "ENABLED") {
    result[`x-amz-checksum-${meta.checksum.algorithm}`] = meta.checksum.value;
    result["x-amz-checksum-type"] = meta.checksum.type;
  }
  return result;
}

/** Headers that are understood, or that say what is the case here anyway. */
const understood = new Set([
  "x-amz-content-sha256",
  "x-amz-copy-source",
  "x-amz-copy-source-if-match",
  "x-amz-copy-source-if-modified-since",
  "x-amz-copy-source-if-none-match",
  "x-amz-copy-source-if-unmodified-since",
  "x-amz-copy-source-range",
  "x-amz-date",
  "x-amz-decoded-content-length",
  "x-amz-metadata-directive",
  "x-amz-mp-object-size",
  "x-amz-sdk-checksum-algorithm",
  "x-amz-trailer",
  "x-amz-user-agent",
]);

/** Throws for every `x-amz-*` header that asks for something this endpoint does not do: nothing is ignored in silence. */
export function refuseUnknown(headers: S3Request["headers"]): void {
  for (const [name, value = ""] of Object.entries(headers)) {
    if (!name.startsWith("x-amz-") || understood.has(name)) continue;
    if (name.startsWith("x-amz-meta-") || name.startsWith("x-amz-checksum-")) continue;
    if (name === "x-amz-acl") {
      if (value !== "private" && value !== "bucket-owner-full-control")
        throw new S3Error("AccessControlListNotSupported", "The bucket does not allow ACLs");
    } else if (name === "x-amz-storage-class") {
      if (value !== "STANDARD")
        throw new S3Error("InvalidStorageClass", "Only the storage class STANDARD exists here.");
    } else
      throw new S3Error(
        "NotImplemented",
        `A header you provided implies functionality that is not implemented: ${name}`,
        { Header: name },
      );
  }
}
