/** Operations on one object: put, get, head, delete, copy. */
import { metaOf, receive } from "./body.ts";
import { type Algorithm, algorithmNamed, digestsOf } from "./checksum.ts";
import {
  copyConditions,
  type Range,
  rangeIn,
  readConditions,
  removeConditions,
  writeConditions,
} from "./conditions.ts";
import type { Draft } from "./disk.ts";
import { S3Error } from "./error.ts";
import { keptHeaders, objectHeaders } from "./headers.ts";
import { type Meta, type Opened, wholeSeconds } from "./object-file.ts";
import { checkKey, partNumberIn, type S3Request, type S3Response } from "./request.ts";
import type { Store } from "./store.ts";
import { document } from "./xml.ts";

/** Size in bytes up to which a body is read at once, because a stream costs more for so few. */
const wholeBytesMax = 256 << 10;

/** PutObject. */
export async function putObject(request: S3Request, store: Store, now: number): Promise<S3Response> {
  const { bucket, key, headers } = request;
  const check = writeConditions(headers, store.keys(bucket).get(key));
  const kept = keptHeaders(headers);
  return await store.withDraft(async (draft) => {
    const received = await receive(request, ["md5"], draft.write);
    const { checksum } = received;
    const meta = metaOf(received, key, kept, now);
    await store.publish(bucket, meta, draft, "ObjectCreated:Put", check);
    return {
      status: 200,
      headers: {
        etag: `"${meta.etag}"`,
        ...(checksum && {
          [`x-amz-checksum-${checksum.algorithm}`]: checksum.value,
          "x-amz-checksum-type": "FULL_OBJECT",
        }),
      },
    };
  });
}

/** GetObject. */
export async function getObject(request: S3Request, store: Store): Promise<S3Response> {
  const { meta, handle } = await store.open(request.bucket, request.key);
  let streams = false;
  try {
    const { range, ...answer } = answerOf(request, meta);
    if (answer.status === 304) return answer;
    const { start, end } = range ?? { start: 0, end: meta.size };
    if (end - start > wholeBytesMax) {
      streams = true; // The stream closes the file.
      return {
        ...answer,
        body: handle.createReadStream({ start, end: end - 1, highWaterMark: wholeBytesMax }),
      };
    }
    const body = Buffer.allocUnsafe(end - start);
    const { bytesRead } = await handle.read(body, 0, body.length, start);
    if (bytesRead < body.length) throw new Error(`The file of ${request.key} is shorter than it was.`);
    return { ...answer, body };
  } finally {
    if (!streams) await handle.close();
  }
}

/** HeadObject: everything that GetObject would answer, but the bytes. */
export async function headObject(request: S3Request, store: Store): Promise<S3Response> {
  const { meta, handle } = await store.open(request.bucket, request.key);
  await handle.close();
  const { range, ...answer } = answerOf(request, meta);
  return answer;
}

function answerOf(request: S3Request, meta: Opened["meta"]): S3Response & { range?: Range } {
  const headers = objectHeaders(meta, request);
  if (readConditions(request.headers, meta)) {
    const { etag, "last-modified": modified, "cache-control": cache, expires } = headers;
    // A 304 repeats how long a copy may be kept (RFC 9110 §15.4.5).
    return { status: 304, headers: { etag, "last-modified": modified, "cache-control": cache, expires } };
  }
  // RFC 9110 §13.1.5: a range of another version than the client has would not fit its other bytes.
  const { "if-range": expected, range: asked } = request.headers;
  const isCurrent = expected === undefined || [headers.etag, headers["last-modified"]].includes(expected);
  const part = request.query.get("partNumber");
  const range =
    part === undefined ? rangeIn(isCurrent ? asked : undefined, meta.size) : partIn(request, part, meta);
  if (part !== undefined && meta.parts) headers["x-amz-mp-parts-count"] = String(meta.parts.length);
  if (!range) return { status: 200, headers: { ...headers, "content-length": String(meta.size) } };
  // The checksum covers the whole object: clients would compare it with the part.
  for (const name of Object.keys(headers)) if (name.startsWith("x-amz-checksum-")) delete headers[name];
  return {
    status: 206,
    headers: {
      ...headers,
      "content-length": String(range.end - range.start),
      "content-range": `bytes ${range.start}-${range.end - 1}/${meta.size}`,
    },
    range,
  };
}

/**
 * Returns the bytes of a part of an object, undefined if it has none. An object that was put at once is its only part.
 * Throws `InvalidPartNumber`.
 */
function partIn({ headers }: S3Request, part: string, { size, parts = [size] }: Meta): Range | undefined {
  if (headers.range !== undefined)
    throw new S3Error("InvalidRequest", "Cannot specify both Range header and partNumber query parameter");
  const number = partNumberIn(part);
  const bytes = parts[number - 1];
  if (bytes === undefined)
    throw new S3Error("InvalidPartNumber", "The requested partnumber is not satisfiable", {
      PartNumberRequested: part,
      ActualPartCount: String(parts.length),
    });
  const start = parts.slice(0, number - 1).reduce((sum, each) => sum + each, 0);
  return bytes === 0 ? undefined : { start, end: start + bytes };
}

/** GetObjectTagging: no object has tags. AWS CLI 2 requests them before it copies a large object. */
export async function getObjectTagging({ bucket, key }: S3Request, store: Store): Promise<S3Response> {
  const { handle } = await store.open(bucket, key);
  await handle.close();
  return { status: 200, body: document("Tagging", { TagSet: {} }) };
}

/** DeleteObject. A missing object is no error. */
export async function deleteObject({ bucket, key, headers }: S3Request, store: Store): Promise<S3Response> {
  await store.remove(bucket, key, removeConditions(headers));
  return { status: 204 };
}

/** CopyObject. */
export async function copyObject(request: S3Request, store: Store, now: number): Promise<S3Response> {
  const { bucket, key, headers } = request;
  const replaces = directiveIn(headers) === "REPLACE";
  const check = writeConditions(headers, store.keys(bucket).get(key));
  const source = await openSource(request, store);
  try {
    if (source.bucket === bucket && source.meta.key === key && !replaces)
      throw new S3Error(
        "InvalidRequest",
        "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
      );
    const algorithm = algorithmNamed(headers["x-amz-checksum-algorithm"]) ?? source.meta.checksum?.algorithm;
    return await store.withDraft(async (draft) => {
      const copied = await pour(source, { start: 0, end: source.meta.size }, algorithm, draft);
      const meta: Meta = {
        key,
        ...copied,
        modified: wholeSeconds(now),
        headers: replaces ? keptHeaders(headers) : source.meta.headers,
      };
      await store.publish(bucket, meta, draft, "ObjectCreated:Copy", check);
      return { status: 200, body: document("CopyObjectResult", resultOf(meta)) };
    });
  } finally {
    await source.handle.close();
  }
}

/** Opens the object that `x-amz-copy-source` names, if the conditions on it hold. The caller closes the handle. */
export async function openSource({ headers }: S3Request, store: Store): Promise<Opened & { bucket: string }> {
  const { bucket, key } = sourceIn(headers["x-amz-copy-source"] ?? "");
  const opened = await store.open(bucket, key);
  try {
    copyConditions(headers, opened.meta);
    return { ...opened, bucket };
  } catch (error) {
    await opened.handle.close();
    throw error;
  }
}

/** Writes a range of an open object to a draft and returns a summary of it. */
export async function pour(
  { handle }: Opened,
  { start, end }: Range,
  algorithm: Algorithm | undefined,
  draft: Draft,
): Promise<Pick<Meta, "size" | "etag" | "checksum">> {
  const digests = digestsOf(algorithm ? ["md5", algorithm] : ["md5"]);
  if (end > start)
    for await (const chunk of handle.createReadStream({
      start,
      end: end - 1,
      autoClose: false,
      highWaterMark: 1 << 20,
    })) {
      digests.update(chunk);
      await draft.write(chunk);
    }
  const results = await digests.finish();
  const value = algorithm && results.get(algorithm)?.toString("base64");
  return {
    size: end - start,
    etag: results.get("md5")?.toString("hex") ?? "",
    checksum: algorithm && value ? { algorithm, value, type: "FULL_OBJECT" } : undefined,
  };
}

/** The body of S3's response to a copy. */
export const resultOf = ({ etag, modified, checksum }: Pick<Meta, "etag" | "modified" | "checksum">) => ({
  ETag: `"${etag}"`,
  LastModified: new Date(modified).toISOString(),
  ...(checksum && { [`Checksum${checksum.algorithm.toUpperCase()}`]: checksum.value }),
});

function directiveIn(headers: S3Request["headers"]): "COPY" | "REPLACE" {
  const directive = headers["x-amz-metadata-directive"] ?? "COPY";
  if (directive === "COPY" || directive === "REPLACE") return directive;
  throw new S3Error("InvalidArgument", "x-amz-metadata-directive must be COPY or REPLACE.");
}

/** `/bucket/key` or `bucket/key`, percent-encoded, perhaps with the version that an unversioned bucket has. */
function sourceIn(header: string): { bucket: string; key: string } {
  const [encodedPath = "", version] = header.split("?");
  const [, bucket, key] = /^\/?([^/]+)\/(.+)$/s.exec(decoded(encodedPath)) ?? [];
  if (!bucket || !key)
    throw new S3Error(
      "InvalidArgument",
      "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
    );
  if (version !== undefined && version !== "versionId=null")
    throw new S3Error("NotImplemented", "There are no versions here.");
  return { bucket, key: checkKey(key) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new S3Error("InvalidArgument", "x-amz-copy-source must be percent-encoded UTF-8.");
  }
}
