/** Objects as streams, of the stage's buckets and of others: copies of images are larger than memory should hold. */
export * as ObjectStream from "./object-stream.ts";

import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { GetObjectCommand, PutObjectCommand, type S3Client, S3ServiceException } from "@aws-sdk/client-s3";
import { Resource } from "sst";
import { backoff } from "../time.ts";
import { Storage } from "./storage.ts";

/** The bytes of an object or file, of this number. Destroy `body` if it is not read to its end. */
export type Opened = { body: Readable; bytes: number };

/** Opens an object; undefined if there is none, or none with this ETag (without quotes). */
export async function open(
  client: S3Client,
  Bucket: string,
  Key: string,
  etag?: string,
): Promise<Opened | undefined> {
  try {
    const IfMatch = etag === undefined ? undefined : `"${etag}"`;
    const { Body, ContentLength = 0 } = await client.send(new GetObjectCommand({ Bucket, Key, IfMatch }));
    if (!Body) throw new Error(`S3 returned no body for ${Key}.`);
    return { body: Body as Readable, bytes: ContentLength };
  } catch (error) {
    const isMissing = statusOf(error) === 404 && (error as Error).name !== "NoSuchBucket";
    if (isMissing || statusOf(error) === 412) return undefined;
    throw error;
  }
}

/** Opens the original with this ETag; undefined if it was removed or replaced. */
export const openOriginal = (key: string, etag: string): Promise<Opened | undefined> =>
  open(Storage.client(), Resource.Uploads.name, key, etag);

/** Opens a variant; undefined if there is none. */
export const openVariant = (key: string): Promise<Opened | undefined> =>
  open(Storage.client(), Resource.Processed.name, key);

/** Returns a text as the bytes of an object. */
export function ofText(text: string): Opened {
  const bytes = Buffer.from(text);
  return { body: Readable.from([bytes], { objectMode: false }), bytes: bytes.length };
}

/** Headers of an object. With `md5` (hexadecimal) S3 refuses other bytes. */
export type Headers = { md5?: string; contentType?: string; caching?: string };

/** Writes an object of `bytes` bytes in one request, which the SDK cannot repeat. Returns its ETag without quotes. */
export async function put(
  client: S3Client,
  Bucket: string,
  Key: string,
  { body, bytes }: Opened,
  { md5, contentType, caching }: Headers = {},
): Promise<string> {
  // The SDK does not listen to errors of a body, which would end the process.
  const broken = new AbortController();
  let fault: Error | undefined;
  body.once("error", (error) => {
    fault = error;
    broken.abort();
  });
  const command = new PutObjectCommand({
    Bucket,
    Key,
    Body: body,
    ContentLength: bytes,
    ContentMD5: md5 === undefined ? undefined : Buffer.from(md5, "hex").toString("base64"),
    ContentType: contentType,
    CacheControl: caching,
  });
  try {
    const { ETag = "" } = await client.send(command, { abortSignal: broken.signal });
    return ETag.replaceAll('"', "");
  } catch (error) {
    throw fault ?? error;
  } finally {
    body.destroy();
  }
}

/** Writes an original of a copied image: uploads are presigned. Returns its ETag without quotes. */
export const putOriginal = (key: string, opened: Opened, headers: Headers): Promise<string> =>
  put(Storage.client(), Resource.Uploads.name, key, opened, headers);

/** Writes a variant of a copied image. Returns its ETag without quotes. */
export const putVariant = (key: string, opened: Opened, headers: Headers): Promise<string> =>
  put(Storage.client(), Resource.Processed.name, key, opened, {
    ...headers,
    caching: Storage.variantCaching,
  });

/** Length and hashes (hexadecimal) of bytes. */
export type Sum = { bytes: number; sha256: string; md5: string };

/**
 * Returns a stream of the same bytes, and their sum, which is complete once the stream has ended. The stream fails if there
 * are more or fewer than `bytes`.
 */
export function summed({ body, bytes }: Opened): { body: Readable; sum: () => Sum } {
  const [sha256, md5] = [createHash("sha256"), createHash("md5")];
  let passed = 0;
  async function* pass() {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      passed += chunk.length;
      if (passed > bytes) break;
      sha256.update(chunk);
      md5.update(chunk);
      yield chunk;
    }
    if (passed !== bytes) throw new Error(`The stream does not have the ${bytes} bytes that it should have.`);
  }
  const sum = () => ({ bytes, sha256: sha256.copy().digest("hex"), md5: md5.copy().digest("hex") });
  return { body: Readable.from(pass(), { objectMode: false }), sum };
}

/** Reads bytes to their end. Returns their sum. */
export async function sumOf(opened: Opened): Promise<Sum> {
  const { body, sum } = summed(opened);
  for await (const _ of body);
  return sum();
}

/** Attempts of a copy in all. */
const attemptsMax = 4;

/**
 * Repeats a copy of a stream that the network or a busy server broke off. The SDK cannot send a stream again, so that `copy`
 * has to open it.
 */
export async function retrying<T>(copy: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await copy();
    } catch (error) {
      if (attempt === attemptsMax || !isTransient(error)) throw error;
      await backoff(attempt);
    }
  }
}

/** Returns true for an error, or the cause of one, after which a request may succeed. */
function isTransient(error: unknown): boolean {
  const status = statusOf(error);
  if (status !== undefined) return status >= 500 || status === 429 || status === 408;
  const { name, code, cause } = (error ?? {}) as { name?: unknown; code?: unknown; cause?: unknown };
  const isBroken = /^(ECONN|EPIPE|ETIMEDOUT|EAI_AGAIN|ERR_STREAM_PREMATURE)/.test(String(code));
  return isBroken || name === "TimeoutError" || (cause !== undefined && isTransient(cause));
}

/** Returns true for the error that S3 gives for bytes whose MD5 differs. */
export const isBadDigest = (error: unknown): boolean =>
  error instanceof S3ServiceException && error.name === "BadDigest";

const statusOf = (error: unknown) =>
  error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
