/** Operations on multipart uploads, except their end: `complete.ts` completes and aborts them. */
import { randomUUID } from "node:crypto";
import { metaOf, receive } from "./body.ts";
import { encoded } from "./bucket.ts";
import { algorithmNamed } from "./checksum.ts";
import { copyRangeIn } from "./conditions.ts";
import { S3Error } from "./error.ts";
import { keptHeaders } from "./headers.ts";
import { compareKeys } from "./key-index.ts";
import { openSource, pour, resultOf } from "./object.ts";
import { type Meta, wholeSeconds } from "./object-file.ts";
import type { Parts, Pending } from "./parts.ts";
import { partNumberIn, type S3Request, type S3Response } from "./request.ts";
import type { Store } from "./store.ts";
import { document } from "./xml.ts";

const pageMax = 1000;

/** CreateMultipartUpload. */
export async function createMultipartUpload(
  { bucket, key, headers }: S3Request,
  store: Store,
  parts: Parts,
  now: number,
): Promise<S3Response> {
  store.keys(bucket);
  const checksum = checksumIn(headers);
  const id = randomUUID();
  await parts.begin({ id, bucket, key, initiated: now, headers: keptHeaders(headers), checksum });
  return {
    status: 200,
    headers: checksum && {
      "x-amz-checksum-algorithm": checksum.algorithm.toUpperCase(),
      "x-amz-checksum-type": checksum.type,
    },
    body: document("InitiateMultipartUploadResult", { Bucket: bucket, Key: key, UploadId: id }),
  };
}

/** UploadPart. It replaces an earlier part of the same number. */
export async function uploadPart(
  request: S3Request,
  store: Store,
  parts: Parts,
  now: number,
): Promise<S3Response> {
  const { pending, number } = await target(request, parts);
  return await store.withDraft(async (draft) => {
    const received = await receive(request, ["md5"], draft.write);
    const { checksum } = received;
    const { algorithm } = pending.checksum ?? {};
    // S3 answers the same to a part without the checksum that CreateMultipartUpload declared.
    if (algorithm && checksum?.algorithm !== algorithm)
      throw new S3Error(
        "InvalidRequest",
        `Checksum Type mismatch occurred, expected checksum Type: ${algorithm}, actual checksum Type: ${checksum?.algorithm ?? "null"}`,
      );
    const meta = metaOf(received, String(number), {}, now);
    await parts.save(pending.id, meta, draft);
    return {
      status: 200,
      headers: {
        etag: `"${meta.etag}"`,
        ...(checksum && { [`x-amz-checksum-${checksum.algorithm}`]: checksum.value }),
      },
    };
  });
}

/** UploadPartCopy. */
export async function uploadPartCopy(
  request: S3Request,
  store: Store,
  parts: Parts,
  now: number,
): Promise<S3Response> {
  const { pending, number } = await target(request, parts);
  const source = await openSource(request, store);
  try {
    const range = copyRangeIn(request.headers["x-amz-copy-source-range"], source.meta.size);
    return await store.withDraft(async (draft) => {
      const copied = await pour(source, range, pending.checksum?.algorithm, draft);
      const meta: Meta = { key: String(number), ...copied, modified: wholeSeconds(now), headers: {} };
      await parts.save(pending.id, meta, draft);
      return { status: 200, body: document("CopyPartResult", resultOf(meta)) };
    });
  } finally {
    await source.handle.close();
  }
}

/** ListParts. */
export async function listParts(request: S3Request, parts: Parts): Promise<S3Response> {
  const { bucket, key, query } = request;
  const { id, checksum } = await parts.find(query.get("uploadId") ?? "", bucket, key);
  const max = wholeIn(query, "max-parts", pageMax);
  const marker = wholeIn(query, "part-number-marker", 0);
  const later = [...parts.saved(id)].filter(([number]) => number > marker).sort(([a], [b]) => a - b);
  const page = later.slice(0, Math.min(max, pageMax));
  const isTruncated = later.length > page.length;
  return {
    status: 200,
    body: document("ListPartsResult", {
      Bucket: bucket,
      Key: key,
      UploadId: id,
      PartNumberMarker: marker,
      NextPartNumberMarker: isTruncated ? page.at(-1)?.[0] : undefined,
      MaxParts: Math.min(max, pageMax),
      IsTruncated: isTruncated,
      StorageClass: "STANDARD",
      ChecksumAlgorithm: checksum?.algorithm.toUpperCase(),
      ChecksumType: checksum?.type,
      Part: page.map(([number, meta]) => ({
        PartNumber: number,
        Size: meta.size,
        ...resultOf(meta),
      })),
    }),
  };
}

/** ListMultipartUploads. */
export async function listMultipartUploads(
  { bucket, query }: S3Request,
  store: Store,
  parts: Parts,
): Promise<S3Response> {
  store.keys(bucket);
  const [prefix, keyMarker, idMarker] = ["prefix", "key-marker", "upload-id-marker"].map(
    (name) => query.get(name) ?? "",
  ) as [string, string, string];
  const max = Math.min(wholeIn(query, "max-uploads", pageMax), pageMax);
  const inOrder = (a: Pending, b: Pending) => compareKeys(a.key, b.key) || compareKeys(a.id, b.id);
  const isLater = ({ key, id }: Pending) => {
    const order = compareKeys(key, keyMarker);
    return keyMarker === "" || order > 0 || (order === 0 && idMarker !== "" && id > idMarker);
  };
  const later = (await parts.list(bucket))
    .filter((pending) => pending.key.startsWith(prefix) && isLater(pending))
    .sort(inOrder);
  const page = later.slice(0, max);
  const last = later.length > page.length ? page.at(-1) : undefined;
  return {
    status: 200,
    body: document("ListMultipartUploadsResult", {
      Bucket: bucket,
      Prefix: encoded(query, prefix),
      KeyMarker: encoded(query, keyMarker),
      UploadIdMarker: idMarker,
      NextKeyMarker: last && encoded(query, last.key),
      NextUploadIdMarker: last?.id,
      EncodingType: query.get("encoding-type"),
      MaxUploads: max,
      IsTruncated: last !== undefined,
      Upload: page.map(({ key, id, initiated, checksum }) => ({
        Key: encoded(query, key),
        UploadId: id,
        Initiated: new Date(initiated).toISOString(),
        StorageClass: "STANDARD",
        ChecksumAlgorithm: checksum?.algorithm.toUpperCase(),
        ChecksumType: checksum?.type,
      })),
    }),
  };
}

async function target(
  { bucket, key, query }: S3Request,
  parts: Parts,
): Promise<{ pending: Pending; number: number }> {
  const number = partNumberIn(query.get("partNumber"));
  return { pending: await parts.find(query.get("uploadId") ?? "", bucket, key), number };
}

function wholeIn(query: S3Request["query"], name: string, fallback: number): number {
  const value = query.get(name) ?? String(fallback);
  if (!/^\d{1,9}$/.test(value))
    throw new S3Error("InvalidArgument", `${name} must be a whole number.`, { ArgumentName: name });
  return Number(value);
}

/** Returns the checksum of the parts, and its type: over all bytes, or over the parts' checksums. */
function checksumIn(headers: S3Request["headers"]): Pending["checksum"] {
  const name = headers["x-amz-checksum-algorithm"];
  if (name === undefined) return undefined;
  const algorithm = algorithmNamed(name);
  if (!algorithm) throw new S3Error("InvalidRequest", "Checksum algorithm provided is unsupported.");
  const given = headers["x-amz-checksum-type"]?.toUpperCase();
  const type = given ?? (algorithm === "crc64nvme" ? "FULL_OBJECT" : "COMPOSITE");
  const possible =
    algorithm === "crc64nvme"
      ? ["FULL_OBJECT"]
      : algorithm.startsWith("sha")
        ? ["COMPOSITE"]
        : ["FULL_OBJECT", "COMPOSITE"];
  if (!possible.includes(type))
    throw new S3Error(
      "InvalidRequest",
      `The ${type} checksum type cannot be used with the ${name} checksum algorithm.`,
    );
  return { algorithm, type: type as "FULL_OBJECT" | "COMPOSITE" };
}
