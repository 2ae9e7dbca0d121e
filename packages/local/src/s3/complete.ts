/** CompleteMultipartUpload: the parts become one object. */
import { createHash } from "node:crypto";
import * as v from "valibot";
import { receiveWhole } from "./body.ts";
import { algorithmNamed, digestOf, digestsOf } from "./checksum.ts";
import { writeConditions } from "./conditions.ts";
import type { Draft } from "./disk.ts";
import { S3Error } from "./error.ts";
import { type Checksum, type Meta, wholeSeconds } from "./object-file.ts";
import type { Parts, Pending } from "./parts.ts";
import type { S3Request, S3Response } from "./request.ts";
import { createLock, type Store } from "./store.ts";
import { document, parse, text, whole } from "./xml.ts";

/** Bytes of every part but the last, at least, as in S3. */
const partBytesMin = 5 << 20;

/** Bytes of a list of ten thousand parts with checksums. */
const bodyBytesMax = 8 << 20;

/** CompleteMultipartUpload. A repeated request gets the same response as long as the object exists. */
export async function completeMultipartUpload(
  request: S3Request,
  store: Store,
  parts: Parts,
  now: number,
): Promise<S3Response> {
  const { bucket, key, headers, query } = request;
  const id = query.get("uploadId") ?? "";
  // These checksum headers are of the object, not of this body.
  const body = await receiveWhole({ ...request, headers: withoutChecksums(headers) }, bodyBytesMax);
  const listed = listedIn(body);
  return await oneAtATime(id, async () => {
    const done = await completedBefore(store, bucket, key, id);
    if (done) {
      await parts.end(id);
      return answer(request, done);
    }
    const check = writeConditions(headers, store.keys(bucket).get(key));
    const pending = await parts.find(id, bucket, key);
    const chosen = choose(listed, parts.saved(id));
    return await store.withDraft(async (draft) => {
      const meta: Meta = {
        key,
        size: chosen.reduce((sum, { size }) => sum + size, 0),
        etag: etagOf(chosen),
        modified: wholeSeconds(now),
        headers: pending.headers,
        checksum: await join(pending, chosen, parts, draft),
        parts: chosen.map(({ size }) => size),
        uploadID: id,
      };
      holdTo(headers, meta);
      await store.publish(bucket, meta, draft, "ObjectCreated:CompleteMultipartUpload", check);
      await parts.end(id);
      return answer(request, meta);
    });
  });
}

/** AbortMultipartUpload. */
export async function abortMultipartUpload(
  { bucket, key, query }: S3Request,
  parts: Parts,
): Promise<S3Response> {
  const id = query.get("uploadId") ?? "";
  return await oneAtATime(id, async () => {
    await parts.find(id, bucket, key);
    await parts.end(id);
    return { status: 204 };
  });
}

const oneAtATime = createLock();

type Listed = { number: number; etag: string; checksums: Record<string, string | undefined> };

const CompleteMultipartUpload = v.strictObject({
  Part: v.array(
    v.strictObject({
      PartNumber: whole,
      ETag: text,
      ChecksumCRC32: v.optional(text),
      ChecksumCRC32C: v.optional(text),
      ChecksumCRC64NVME: v.optional(text),
      ChecksumSHA1: v.optional(text),
      ChecksumSHA256: v.optional(text),
    }),
  ),
});

function listedIn(body: Buffer): Listed[] {
  const { Part } = parse(body, "CompleteMultipartUpload", CompleteMultipartUpload);
  const listed = Part.map(({ PartNumber, ETag, ...checksums }) => ({
    number: PartNumber,
    etag: ETag.trim().replaceAll('"', ""),
    checksums,
  }));
  if (listed.some(({ number }, index) => number <= (listed[index - 1]?.number ?? 0)))
    throw new S3Error("InvalidPartOrder", "The list of parts was not in ascending order.");
  return listed;
}

/** Returns the listed parts. Throws if one is missing, differs from the list, or is too small. */
function choose(listed: readonly Listed[], saved: ReadonlyMap<number, Meta>): Meta[] {
  return listed.map(({ number, etag, checksums }, index) => {
    const meta = saved.get(number);
    const { algorithm, value } = meta?.checksum ?? {};
    const differs = Object.entries(checksums).some(
      ([name, claimed]) =>
        claimed !== undefined && (name !== `Checksum${algorithm?.toUpperCase()}` || claimed !== value),
    );
    if (!meta || meta.etag !== etag || differs)
      throw new S3Error(
        "InvalidPart",
        "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag or checksum may not match the part's.",
        { PartNumber: String(number) },
      );
    if (index < listed.length - 1 && meta.size < partBytesMin)
      throw new S3Error("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size", {
        ProposedSize: String(meta.size),
        MinSizeAllowed: String(partBytesMin),
        PartNumber: String(number),
      });
    return meta;
  });
}

/** S3's ETag of a multipart object: the MD5 of the parts' MD5s, and how many there were. */
function etagOf(chosen: readonly Meta[]): string {
  const hash = createHash("md5");
  for (const { etag } of chosen) hash.update(Buffer.from(etag, "hex"));
  return `${hash.digest("hex")}-${chosen.length}`;
}

/** Writes the parts one after another, and computes the checksum that CreateMultipartUpload chose. */
async function join(
  { id, checksum }: Pending,
  chosen: readonly Meta[],
  parts: Parts,
  draft: Draft,
): Promise<Checksum | undefined> {
  const digests = digestsOf(checksum?.type === "FULL_OBJECT" ? [checksum.algorithm] : []);
  for (const { key, etag, size } of chosen) {
    const { handle, meta } = await parts.open(id, Number(key));
    try {
      // Replaced after the list was checked.
      if (meta.etag !== etag)
        throw new S3Error("InvalidPart", "A part was replaced meanwhile.", { PartNumber: key });
      if (size === 0) continue;
      const bytes = handle.createReadStream({ end: size - 1, autoClose: false, highWaterMark: 1 << 20 });
      for await (const chunk of bytes) {
        digests.update(chunk);
        await draft.write(chunk);
      }
    } finally {
      await handle.close();
    }
  }
  if (!checksum) return undefined;
  const { algorithm, type } = checksum;
  if (type === "FULL_OBJECT")
    return { algorithm, type, value: (await digests.finish()).get(algorithm)?.toString("base64") ?? "" };
  const values = chosen.map((meta) => Buffer.from(meta.checksum?.value ?? "", "base64"));
  const value = (await digestOf(algorithm, Buffer.concat(values))).toString("base64");
  return { algorithm, type, value: `${value}-${chosen.length}` };
}

/** Throws if the object differs from the headers of the request. */
function holdTo(headers: S3Request["headers"], { size, checksum }: Meta): void {
  const given = headers["x-amz-mp-object-size"];
  if (given !== undefined && given !== String(size))
    throw new S3Error(
      "InvalidRequest",
      `The provided 'x-amz-mp-object-size' header does not match what was computed, ${size}.`,
    );
  for (const [name, value] of Object.entries(headers)) {
    const algorithm =
      name.startsWith("x-amz-checksum-") && algorithmNamed(name.slice("x-amz-checksum-".length));
    if (!algorithm || value === undefined) continue;
    // Of a composite checksum, clients may leave off the number of parts.
    if (checksum?.algorithm !== algorithm || checksum.value.split("-")[0] !== value.split("-")[0])
      throw new S3Error(
        "BadDigest",
        `The ${algorithm.toUpperCase()} you specified did not match the calculated checksum.`,
      );
  }
}

/** Returns the object if this upload created it: a client that missed the response repeats the request. */
async function completedBefore(
  store: Store,
  bucket: string,
  key: string,
  id: string,
): Promise<Meta | undefined> {
  if (!store.keys(bucket).get(key)) return undefined;
  const { meta, handle } = await store.open(bucket, key);
  await handle.close();
  return meta.uploadID === id ? meta : undefined;
}

/** Uppy counts an upload as failed without Location and Key. */
const answer = ({ bucket, key, endpointUrl }: S3Request, { etag, checksum }: Meta): S3Response => ({
  status: 200,
  body: document("CompleteMultipartUploadResult", {
    Location: locationOf(endpointUrl, bucket, key),
    Bucket: bucket,
    Key: key,
    ETag: `"${etag}"`,
    ...(checksum && {
      [`Checksum${checksum.algorithm.toUpperCase()}`]: checksum.value,
      ChecksumType: checksum.type,
    }),
  }),
});

/** Returns the URL of an object at the endpoint that the client uses. */
export const locationOf = (endpointUrl: string, bucket: string, key: string): string =>
  `${endpointUrl}/${bucket}/${key.split("/").map(encodeURIComponent).join("/")}`;

const withoutChecksums = (headers: S3Request["headers"]): S3Request["headers"] =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith("x-amz-checksum-")));
