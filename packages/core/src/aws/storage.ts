/** Reads and writes the two buckets. Only this file and `object-stream.ts` import the S3 client. */
export * as Storage from "./storage.ts";

import type { Readable } from "node:stream";
import {
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandOutput,
  type ObjectIdentifier,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
  S3ServiceException,
} from "@aws-sdk/client-s3";
import { Resource } from "sst";
import { backoff } from "../time.ts";
import { storageLimits } from "./limits.ts";

/**
 * Creates a client from the environment: region, credentials, `AWS_ENDPOINT_URL_S3`. `other` is of an S3 that is not the
 * stage's. Tests change `timeouts`.
 */
export const createClient = (timeouts: { socketTimeout?: number } = {}, other: S3ClientConfig = {}) =>
  new S3Client({
    ...storageLimits,
    requestHandler: { ...storageLimits.requestHandler, ...timeouts },
    // Other endpoints expect the bucket in the path, not in the host.
    forcePathStyle: !Resource.Uploads.url.includes(".amazonaws.com"),
    // The pipeline records its own SHA-256 of what it read. A checksum of what it writes adds nothing to TLS.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    // Without one the SDK prints a warning for each stream that it cannot send again; all its errors are thrown too.
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    ...other,
  });

let shared: S3Client | undefined;

/** The process's one client, created at its first use, so that connections are kept and imports read no environment. */
export function client(): S3Client {
  shared ??= createClient();
  return shared;
}

/** Result of reading an original: its bytes, or `gone`, `changed` (another upload) or `too_large` (over `bytesMax`). */
export type Read =
  | { is: "read"; bytes: Buffer }
  | { is: "gone" }
  | { is: "changed" }
  | { is: "too_large"; bytes: number };

/** Reads the original with this ETag. Closes the connection before the body if it has more than `bytesMax` bytes. */
export async function readOriginal(key: string, etag: string, bytesMax: number): Promise<Read> {
  try {
    const { Body, ContentLength = 0 } = await client().send(
      new GetObjectCommand({ Bucket: Resource.Uploads.name, Key: key, IfMatch: `"${etag}"` }),
    );
    if (!Body) throw new Error(`S3 returned no body for ${key}.`);
    if (ContentLength > bytesMax) {
      // Closes the connection without reading the body.
      if ("destroy" in Body) Body.destroy();
      return { is: "too_large", bytes: ContentLength };
    }
    return { is: "read", bytes: await bytesOf(Body as Readable, ContentLength) };
  } catch (error) {
    if (statusOf(error) === 404) return { is: "gone" };
    if (statusOf(error) === 412) return { is: "changed" };
    throw error;
  }
}

/**
 * Reads a body of known length into one buffer. The client's own method copies it twice, at three times the CPU
 * (docs/decisions.md, "Memory given back at once").
 */
async function bytesOf(body: Readable, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(length);
  let filled = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    if (filled + chunk.length > length)
      throw new Error(`S3 sent more than the ${length} bytes of its Content-Length.`);
    filled += chunk.copy(bytes, filled);
  }
  if (filled < length) throw new Error(`S3 sent ${filled} of ${length} bytes.`);
  return bytes;
}

/** Returns the ETag (without quotes) of an original; undefined if there is none. */
export const etagOfOriginal = (key: string): Promise<string | undefined> =>
  etagOf(Resource.Uploads.name, key);

/** Returns the ETag (without quotes) of a variant's file; undefined if there is none. */
export const etagOfVariant = (key: string): Promise<string | undefined> =>
  etagOf(Resource.Processed.name, key);

async function etagOf(Bucket: string, Key: string): Promise<string | undefined> {
  try {
    const { ETag } = await client().send(new HeadObjectCommand({ Bucket, Key }));
    return ETag && unquoted(ETag);
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}

/**
 * Writes a variant. Its key is never used twice, so browsers may cache it for a year; shared caches for a week, so that a
 * deleted image leaves them even where it is not invalidated.
 */
export async function writeVariant(key: string, bytes: Buffer, contentType: string): Promise<void> {
  await client().send(putOf(key, bytes, contentType));
}

/** Writes a variant unless there is one under its key. Returns its ETag; undefined if there was one. */
export async function createVariant(
  key: string,
  bytes: Buffer,
  contentType: string,
): Promise<string | undefined> {
  for (let conflicts = 0; ; conflicts++) {
    try {
      const { ETag = "" } = await client().send(putOf(key, bytes, contentType, { IfNoneMatch: "*" }));
      return ETag;
    } catch (error) {
      if (statusOf(error) === 412) return undefined;
      // 409: another request for the key is in progress. The SDK does not retry it.
      if (statusOf(error) !== 409 || conflicts >= conflictsMax) throw error;
      await backoff(conflicts + 1);
    }
  }
}

/** Most conflicting requests after which a conditional write is sent again. */
const conflictsMax = 4;

const putOf = (key: string, bytes: Buffer, contentType: string, condition: { IfNoneMatch?: "*" } = {}) =>
  new PutObjectCommand({
    Bucket: Resource.Processed.name,
    Key: key,
    Body: bytes,
    ContentType: contentType,
    CacheControl: variantCaching,
    ...condition,
  });

/** `Cache-Control` of variants. */
export const variantCaching = "public, max-age=31536000, s-maxage=604800, immutable";

/** Reads a variant with its ETag in quotes; undefined if there is none. */
export async function readVariant(key: string): Promise<{ bytes: Buffer; etag: string } | undefined> {
  try {
    const {
      Body,
      ContentLength = 0,
      ETag = "",
    } = await client().send(new GetObjectCommand({ Bucket: Resource.Processed.name, Key: key }));
    if (!Body) throw new Error(`S3 returned no body for ${key}.`);
    return { bytes: await bytesOf(Body as Readable, ContentLength), etag: ETag };
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}

/** Deletes variants. Idempotent. Throws if S3 refused any. */
export const removeVariants = (keys: readonly string[]): Promise<void> =>
  removeObjects(
    Resource.Processed.name,
    keys.map((Key) => ({ Key })),
  );

/** Version of an object: `current` if a GET returns it. A delete marker is never `current`, and has no `etag`. */
export type Version = { key: string; current: boolean; etag?: string };

/**
 * Deletes for good those versions under a key prefix that `which` selects, then the delete markers, so that no older
 * version becomes current meanwhile. Idempotent. Throws if S3 refused any.
 */
export async function removeVersions(
  bucket: "uploads" | "processed",
  prefix: string,
  which: (version: Version) => boolean,
): Promise<void> {
  const Bucket = nameOf(bucket);
  const versions: ObjectIdentifier[] = [];
  const markers: ObjectIdentifier[] = [];
  let next: { KeyMarker?: string; VersionIdMarker?: string } | undefined = {};
  while (next) {
    const page: ListObjectVersionsCommandOutput = await client().send(
      new ListObjectVersionsCommand({ Bucket, Prefix: prefix, ...next }),
    );
    for (const { Key = "", VersionId, IsLatest = false, ETag = "" } of page.Versions ?? [])
      if (which({ key: Key, current: IsLatest, etag: unquoted(ETag) })) versions.push({ Key, VersionId });
    for (const { Key = "", VersionId } of page.DeleteMarkers ?? [])
      if (which({ key: Key, current: false })) markers.push({ Key, VersionId });
    next = page.IsTruncated
      ? { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker }
      : undefined;
  }
  await removeObjects(Bucket, versions);
  await removeObjects(Bucket, markers);
}

async function removeObjects(Bucket: string, objects: readonly ObjectIdentifier[]): Promise<void> {
  for (let i = 0; i < objects.length; i += 1000) {
    const Objects = objects.slice(i, i + 1000);
    const { Errors = [] } = await client().send(
      new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }),
    );
    const [first] = Errors;
    if (first)
      throw new Error(
        `${Errors.length} objects of ${Bucket} were not deleted: ${first.Code} for ${first.Key}.`,
      );
  }
}

/** Object in a listing: `etag` without quotes, `modified` in milliseconds since 1970. */
export type Listed = { key: string; etag: string; modified: number };

/** Lists the objects of a bucket with this key prefix, after the key `after`, in pages of up to 1,000. */
export async function* pages(
  bucket: "uploads" | "processed",
  after?: string,
  prefix?: string,
): AsyncGenerator<Listed[]> {
  const Bucket = nameOf(bucket);
  let ContinuationToken: string | undefined;
  do {
    const page = await client().send(
      new ListObjectsV2Command({ Bucket, Prefix: prefix, StartAfter: after, ContinuationToken }),
    );
    yield (page.Contents ?? []).map(({ Key = "", ETag = "", LastModified }) => ({
      key: Key,
      etag: unquoted(ETag),
      modified: LastModified?.getTime() ?? 0,
    }));
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken);
}

const nameOf = (bucket: "uploads" | "processed") =>
  bucket === "uploads" ? Resource.Uploads.name : Resource.Processed.name;

const unquoted = (etag: string) => etag.replaceAll('"', "");

const statusOf = (error: unknown) =>
  error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
