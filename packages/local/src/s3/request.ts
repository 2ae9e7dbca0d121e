/** A request with a verified signature, its response, and the parsing of its URI. */
import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { S3Error } from "./error.ts";

/** A verified signature, and the values that the signatures of chunks are computed from. */
export type Signed = {
  /** The signed hash of the payload: hex, or a word such as `UNSIGNED-PAYLOAD`. */
  payload: string;
  signature: string;
  /** As signed, `20261123T101500Z`. */
  date: string;
  scope: string;
  signingKey: Uint8Array;
};

export type S3Request = {
  method: string;
  /** Empty for the service itself. */
  bucket: string;
  /** Empty for the bucket itself. */
  key: string;
  query: ReadonlyMap<string, string>;
  /** By lower-case name, `x-amz-*` parameters of the query among them: S3 takes those from either place. */
  headers: Readonly<Record<string, string | undefined>>;
  signed: Signed;
  /** The URL under which the client reaches this endpoint, without a slash at the end. */
  endpointUrl: string;
  /** The body is read from here, through `receive`. */
  message: IncomingMessage;
  /** Sends `100 Continue` to a client that waits for it. Called once a request is accepted, before its body is read. */
  proceed(): void;
};

export type S3Response = {
  status: number;
  headers?: Record<string, string | undefined>;
  /** Text is XML. */
  body?: string | Buffer | Readable;
};

/** Bytes of a body at most, as in S3: 5 GiB. */
export const bodyBytesMax = 5 * 2 ** 30;

/** Bytes of a key in UTF-8 at most, as in S3. */
const keyBytesMax = 1024;

/** Checks a key; S3 allows nearly every character. Throws `KeyTooLongError`, or `InvalidArgument` for NUL. */
export function checkKey(key: string): string {
  const bytes = Buffer.byteLength(key);
  if (bytes > keyBytesMax)
    throw new S3Error("KeyTooLongError", "Your key is too long", {
      Size: String(bytes),
      MaxSizeAllowed: String(keyBytesMax),
    });
  if (key === "" || key.includes("\0") || Buffer.from(key).toString() !== key)
    throw new S3Error("InvalidArgument", "A key is 1 to 1,024 bytes of UTF-8 without NUL.");
  return key;
}

const partNumberMax = 10_000;

/** Returns the number of a part. Throws `InvalidArgument`. */
export function partNumberIn(text = ""): number {
  const number = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (number < 1 || number > partNumberMax)
    throw new S3Error(
      "InvalidArgument",
      `Part number must be an integer between 1 and ${partNumberMax}, inclusive`,
      { ArgumentName: "partNumber" },
    );
  return number;
}

/**
 * Splits a request target into its path and its query, both decoded. `new URL` would resolve `..` and `%2e%2e`, which
 * may be part of an S3 key. Throws `InvalidURI`.
 */
export function parseTarget(target: string): { path: string; query: [name: string, value: string][] } {
  const [encodedPath = "", search = ""] = split(target, "?");
  const path = decode(encodedPath);
  if (!path.startsWith("/"))
    throw new S3Error("InvalidURI", "The request target must be a path, such as /bucket/key.");
  const query = search
    .split("&")
    .filter((pair) => pair !== "")
    .map((pair) => {
      const [name = "", value = ""] = split(pair, "=");
      return [decode(name.replaceAll("+", " ")), decode(value.replaceAll("+", " "))] as [string, string];
    });
  return { path, query };
}

/**
 * Prefix of paths at the front door, where S3 shares a port with the API. The endpoint's own port accepts it too: no
 * bucket has this name.
 */
export const prefix = "/s3";

/** Splits a decoded path into bucket and key, without the prefix. Both are empty for the service itself. */
export function placeOf(path: string): { bucket: string; key: string } {
  const own = path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : path;
  const [, bucket = "", key = ""] = /^\/([^/]*)\/?(.*)$/s.exec(own) ?? [];
  return { bucket, key };
}

/**
 * Returns the URL under which a client reaches the endpoint. The front door's is `publicUrl` where one is set: a tunnel
 * ends TLS and may replace the `Host` header.
 */
export const endpointUrlOf = (
  { url = "", headers }: IncomingMessage,
  publicUrl: string | undefined,
): string =>
  url.startsWith(`${prefix}/`)
    ? `${publicUrl ?? `http://${headers.host}`}${prefix}`
    : `http://${headers.host}`;

/** Percent-encodes a path as Signature Version 4 does: everything but letters, digits, `-_.~` and `/`. */
export const encodePath = (path: string): string =>
  path
    .split("/")
    .map((part) =>
      encodeURIComponent(part).replace(
        /[!'()*]/g,
        (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
      ),
    )
    .join("/");

/** Decodes percent-encoded UTF-8, or throws `InvalidURI`. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new S3Error("InvalidURI", `Couldn't parse the specified URI. ${String(cause)}`);
  }
}

const split = (text: string, at: string) => {
  const index = text.indexOf(at);
  return index < 0 ? [text] : [text.slice(0, index), text.slice(index + 1)];
};
