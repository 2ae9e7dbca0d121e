/** A request whose signature is right, and the answer to it. */
import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import type { Signed } from "../sigv4.ts";
import { S3Error } from "./error.ts";

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
  /** The body is read from here, through `receive`. */
  message: IncomingMessage;
};

export type S3Response = {
  status: number;
  headers?: Record<string, string | undefined>;
  /** Text is XML. */
  body?: string | Buffer | Readable;
};

/** 5 GiB, the most that S3 takes in one request. */
export const bodyBytesMax = 5 * 2 ** 30;

/** Longest key in bytes of UTF-8, as at S3. */
const keyBytesMax = 1024;

/** A key as S3 takes it, whatever characters it has. Throws `KeyTooLongError`, or `InvalidArgument` for NUL. */
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

/**
 * Text as Node wants it in a header: the bytes of its UTF-8, one to a character, which is also how Node hands headers
 * in. Throws `InvalidArgument` for control characters, which would end the header.
 */
export function headerText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones that no header may hold.
  if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(text))
    throw new S3Error("InvalidArgument", "A header may not hold control characters.");
  return Buffer.from(text).toString("latin1");
}
