/** CopyObject, and what copies a part from an object that is there already. */
import { type Algorithm, algorithmNamed, digestsOf } from "./checksum.ts";
import { copyConditions, writeConditions } from "./conditions.ts";
import type { Draft } from "./draft.ts";
import { S3Error } from "./error.ts";
import { keptHeaders } from "./headers.ts";
import { wholeSeconds } from "./object.ts";
import type { Meta, Opened } from "./object-file.ts";
import type { Range } from "./range.ts";
import { checkKey, type S3Request, type S3Response } from "./request.ts";
import type { Store } from "./store.ts";
import { document } from "./xml.ts";

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
    const draft = await store.draft();
    try {
      const copied = await pour(source, { start: 0, end: source.meta.size }, algorithm, draft);
      const meta: Meta = {
        key,
        ...copied,
        modified: wholeSeconds(now),
        headers: replaces ? keptHeaders(headers) : source.meta.headers,
      };
      await store.publish(bucket, meta, draft, "ObjectCreated:Copy", check);
      return { status: 200, body: document("CopyObjectResult", resultOf(meta)) };
    } finally {
      await draft.discard();
    }
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

/** Writes a range of an open object to a draft, and says what was written. */
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

/** What S3 answers about a copy. */
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
