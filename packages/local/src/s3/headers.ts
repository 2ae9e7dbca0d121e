/** Headers: those kept with an object, those returned, those refused, and CORS. */
import type { IncomingHttpHeaders } from "node:http";
import { isTrustedOrigin, type Trust } from "../isolation.ts";
import { S3Error } from "./error.ts";
import type { Meta } from "./object-file.ts";
import type { S3Request, S3Response } from "./request.ts";

const kept = ["cache-control", "content-disposition", "content-language", "content-type", "expires"] as const;

/** Bytes of names and values of `x-amz-meta-*` at most, as in S3. */
const metadataBytesMax = 2048;

/** Returns the headers of a write that are kept with the object. Throws `MetadataTooLarge`. */
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
  // `aws-chunked` is the encoding of the transfer, not of the object.
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

/** Query parameters that override headers of the response. */
export const overrides = overridable.map((name) => `response-${name}`);

/** Returns the response headers of an object. */
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

/**
 * Header of every response that S3 sends about an object it stores: since 2023 it encrypts all of them. Here the disk
 * may do that.
 */
export const encryption = { "x-amz-server-side-encryption": "AES256" } as const;

/** `x-amz-*` headers that are implemented, or have no effect here. */
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
  "x-amz-security-token",
  "x-amz-tagging-directive",
  "x-amz-trailer",
  "x-amz-user-agent",
]);

/** Throws `NotImplemented` for every other `x-amz-*` header: none is ignored silently. */
export function refuseUnknown(headers: S3Request["headers"]): void {
  for (const [name, value = ""] of Object.entries(headers)) {
    if (!name.startsWith("x-amz-") || understood.has(name)) continue;
    if (name.startsWith("x-amz-meta-") || name.startsWith("x-amz-checksum-")) continue;
    if (name === "x-amz-acl") {
      if (value !== "private" && value !== "bucket-owner-full-control")
        throw new S3Error("AccessControlListNotSupported", "The bucket does not allow ACLs");
    } else if (name === "x-amz-server-side-encryption") {
      if (value !== encryption["x-amz-server-side-encryption"])
        throw new S3Error("NotImplemented", `Server-side encryption is AES256 here, not ${value}.`, {
          Header: name,
        });
    } else if (name === "x-amz-tagging") {
      if (value !== "") throw new S3Error("NotImplemented", "Objects have no tags here.", { Header: name });
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

/**
 * Converts text to a header value for Node: each byte of its UTF-8 as one latin1 character, as Node reads headers.
 * Throws `InvalidArgument` for control characters, which could end the header.
 */
export function headerText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: no header may hold these.
  if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(text))
    throw new S3Error("InvalidArgument", "A header may not hold control characters.");
  return Buffer.from(text).toString("latin1");
}

/**
 * Returns the CORS headers of a response, by the rule of the deployed bucket (`infra/storage.ts`). A browser needs `ETag`
 * exposed to complete a multipart upload. S3 sends the same three names in `Vary`.
 */
export function corsHeaders(headers: IncomingHttpHeaders, trust: Trust): Record<string, string> {
  const { origin } = headers;
  if (origin === undefined) return {};
  // Responses differ by origin, so a cache must keep them apart.
  if (!isTrustedOrigin(origin, trust)) return { vary };
  return {
    vary,
    "access-control-allow-origin": origin,
    "access-control-expose-headers": "ETag",
  };
}

const vary = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method";
const methods = ["GET", "HEAD", "PUT", "POST", "DELETE"];

/** Answers a CORS preflight, also of headers that S3 does not know. Throws `AccessForbidden`. */
export function preflight(headers: IncomingHttpHeaders, trust: Trust): S3Response {
  const method = headers["access-control-request-method"];
  if (!headers.origin || !method)
    throw new S3Error("AccessForbidden", "Insufficient information. Origin request header needed.");
  if (!isTrustedOrigin(headers.origin, trust) || !methods.includes(method))
    throw new S3Error("AccessForbidden", "CORSResponse: This CORS request is not allowed.");
  return {
    status: 200,
    headers: {
      ...corsHeaders(headers, trust),
      "access-control-allow-methods": methods.join(", "),
      "access-control-allow-headers": headers["access-control-request-headers"],
      "access-control-max-age": "7200",
    },
  };
}
