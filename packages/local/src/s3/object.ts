/** One object: written, read, removed. */
import { receive } from "./body.ts";
import { readConditions, removeConditions, writeConditions } from "./conditions.ts";
import { keptHeaders, objectHeaders } from "./headers.ts";
import type { Meta, Opened } from "./object-file.ts";
import { type Range, rangeIn } from "./range.ts";
import type { S3Request, S3Response } from "./request.ts";
import type { Store } from "./store.ts";

/** Up to so many bytes an answer is read in one go; a stream costs more than that. */
const wholeBytesMax = 256 << 10;

/** PutObject. */
export async function putObject(request: S3Request, store: Store, now: number): Promise<S3Response> {
  const { bucket, key, headers } = request;
  const check = writeConditions(headers, store.keys(bucket).get(key));
  const kept = keptHeaders(headers);
  const draft = await store.draft();
  try {
    const { bytes, digests, checksum } = await receive(request, ["md5"], draft.write);
    const meta: Meta = {
      key,
      size: bytes,
      etag: digests.get("md5")?.toString("hex") ?? "",
      modified: wholeSeconds(now),
      headers: kept,
      checksum: checksum && { ...checksum, type: "FULL_OBJECT" },
    };
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
  } finally {
    await draft.discard();
  }
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
    // How long a copy may be kept is said anew (RFC 9110 §15.4.5), or it would soon be asked for again.
    return { status: 304, headers: { etag, "last-modified": modified, "cache-control": cache, expires } };
  }
  const range = rangeIn(request.headers.range, meta.size);
  if (!range) return { status: 200, headers: { ...headers, "content-length": String(meta.size) } };
  // A checksum is one of the whole object; beside a part of it, clients would find it wrong.
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

/** DeleteObject. A missing object is as good as deleted. */
export async function deleteObject({ bucket, key, headers }: S3Request, store: Store): Promise<S3Response> {
  await store.remove(bucket, key, removeConditions(headers));
  return { status: 204 };
}

/** S3 shows times to the second. */
export const wholeSeconds = (ms: number): number => Math.floor(ms / 1000) * 1000;
