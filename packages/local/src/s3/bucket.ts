/** Operations on buckets: the endpoint has those that it was started with. */
import * as v from "valibot";
import { receiveWhole } from "./body.ts";
import { removeConditions } from "./conditions.ts";
import { S3Error } from "./error.ts";
import type { KeyIndex } from "./key-index.ts";
import { checkKey, type S3Request, type S3Response } from "./request.ts";
import type { Store } from "./store.ts";
import { boolean, document, parse, type Tree, text } from "./xml.ts";

/** ListBuckets. */
export async function listBuckets(_: S3Request, store: Store): Promise<S3Response> {
  const Bucket = store.buckets.map((Name) => ({ Name, CreationDate: "2000-01-01T00:00:00.000Z" }));
  return {
    status: 200,
    body: document("ListAllMyBucketsResult", {
      Owner: { ID: "local", DisplayName: "local" },
      Buckets: { Bucket },
    }),
  };
}

/** HeadBucket. */
export async function headBucket({ bucket }: S3Request, store: Store, region: string): Promise<S3Response> {
  store.keys(bucket);
  return { status: 200, headers: { "x-amz-bucket-region": region } };
}

/** CreateBucket: answers clients that create their bucket first that it exists. */
export async function createBucket({ bucket }: S3Request, store: Store): Promise<S3Response> {
  if (store.buckets.includes(bucket))
    throw new S3Error(
      "BucketAlreadyOwnedByYou",
      "Your previous request to create the named bucket succeeded and you already own it.",
      { BucketName: bucket },
    );
  throw new S3Error(
    "NotImplemented",
    `The buckets here are ${store.buckets.join(", ")}; others cannot be made.`,
  );
}

/** GetBucketLocation. An empty one means us-east-1. */
export async function getBucketLocation(
  { bucket }: S3Request,
  store: Store,
  region: string,
): Promise<S3Response> {
  store.keys(bucket);
  const location = region === "us-east-1" ? "" : region;
  return {
    status: 200,
    body: `<?xml version="1.0" encoding="UTF-8"?>\n<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${location}</LocationConstraint>`,
  };
}

/** GetBucketVersioning: never enabled. */
export async function getBucketVersioning({ bucket }: S3Request, store: Store): Promise<S3Response> {
  store.keys(bucket);
  return { status: 200, body: document("VersioningConfiguration", {}) };
}

const deletesMax = 1000;

/** Bytes of a request with 1,000 escaped keys of 1,024 bytes. */
const deleteBytesMax = 8 << 20;

const Delete = v.strictObject({
  Object: v.pipe(
    v.array(
      v.strictObject({
        Key: text,
        VersionId: v.optional(text),
        ETag: v.optional(text),
        Size: v.optional(text),
        LastModifiedTime: v.optional(text),
      }),
    ),
    v.maxLength(deletesMax),
  ),
  Quiet: v.optional(boolean),
});

/** DeleteObjects: up to 1,000 keys. One failure does not stop the others. */
export async function deleteObjects(request: S3Request, store: Store): Promise<S3Response> {
  const { bucket, headers } = request;
  store.keys(bucket);
  const guarded = Object.keys(headers).some((name) =>
    /^(content-md5|x-amz-trailer|x-amz-checksum-)/.test(name),
  );
  if (!guarded)
    throw new S3Error(
      "InvalidRequest",
      "Missing required header for this request: Content-MD5 OR x-amz-checksum-*",
    );
  const body = await receiveWhole(request, deleteBytesMax);
  const { Object: objects, Quiet: quiet = false } = parse(body, "Delete", Delete);
  // As in a general purpose bucket of S3. To ignore the condition would delete what the client wants to keep.
  if (objects.some(({ Size, LastModifiedTime }) => Size !== undefined || LastModifiedTime !== undefined))
    throw new S3Error(
      "NotImplemented",
      "A condition on Size or LastModifiedTime is not implemented. Use ETag, or leave the condition out.",
    );
  const outcomes = await Promise.all(
    objects.map(async ({ Key, VersionId, ETag }) => {
      try {
        if (VersionId !== undefined && VersionId !== "null")
          throw new S3Error("NotImplemented", "There are no versions here.");
        await store.remove(bucket, checkKey(Key), removeConditions({ "if-match": ETag }));
        return { Deleted: { Key } };
      } catch (error) {
        if (!(error instanceof S3Error)) throw error;
        return { Error: { Key, Code: error.code, Message: error.message } };
      }
    }),
  );
  const Deleted = quiet ? [] : outcomes.flatMap((outcome) => outcome.Deleted ?? []);
  const Errors = outcomes.flatMap((outcome) => outcome.Error ?? []);
  return { status: 200, body: document("DeleteResult", { Deleted, Error: Errors }) };
}

const pageMax = 1000;

/** ListObjectsV2. */
export async function listObjectsV2({ bucket, query }: S3Request, store: Store): Promise<S3Response> {
  const token = query.get("continuation-token");
  const after = token === undefined ? query.get("start-after") : positionOf(token);
  const page = pageOf(store.keys(bucket), optionsIn(query, after));
  return {
    status: 200,
    body: document("ListBucketResult", {
      ...common(bucket, query, page),
      KeyCount: page.keys.length + page.prefixes.length,
      ContinuationToken: token,
      StartAfter: encoded(query, query.get("start-after")),
      NextContinuationToken: page.next === undefined ? undefined : tokenOf(page.next),
      ...contents(store.keys(bucket), query, page, query.get("fetch-owner") === "true"),
    }),
  };
}

/** ListObjects, version 1: s3cmd and rclone list with it. */
export async function listObjects({ bucket, query }: S3Request, store: Store): Promise<S3Response> {
  const page = pageOf(store.keys(bucket), optionsIn(query, query.get("marker")));
  return {
    status: 200,
    body: document("ListBucketResult", {
      ...common(bucket, query, page),
      Marker: encoded(query, query.get("marker") ?? ""),
      // S3 returns it only with a delimiter; without one clients continue after the last key.
      NextMarker: query.has("delimiter") ? encoded(query, page.next) : undefined,
      ...contents(store.keys(bucket), query, page, true),
    }),
  };
}

/** ListObjectVersions. A bucket without versioning has one version of each object, `null`. */
export async function listObjectVersions({ bucket, query }: S3Request, store: Store): Promise<S3Response> {
  const page = pageOf(store.keys(bucket), optionsIn(query, query.get("key-marker")));
  const { Contents, CommonPrefixes } = contents(store.keys(bucket), query, page, true);
  return {
    status: 200,
    body: document("ListVersionsResult", {
      ...common(bucket, query, page),
      KeyMarker: encoded(query, query.get("key-marker") ?? ""),
      VersionIdMarker: query.get("version-id-marker") ?? "",
      NextKeyMarker: encoded(query, page.next),
      NextVersionIdMarker: page.next === undefined ? undefined : "null",
      Version: Contents.map((object) => ({ ...object, VersionId: "null", IsLatest: true })),
      CommonPrefixes,
    }),
  };
}

/** `next` is the last name on the page, if more follow. */
type Page = { keys: string[]; prefixes: string[]; next?: string };

type Options = { prefix: string; delimiter: string; after: string; max: number };

function optionsIn(query: S3Request["query"], after = ""): Options {
  const max = query.get("max-keys") ?? String(pageMax);
  if (!/^\d{1,9}$/.test(max))
    throw new S3Error("InvalidArgument", "max-keys must be a whole number.", { ArgumentName: "max-keys" });
  return {
    prefix: query.get("prefix") ?? "",
    delimiter: query.get("delimiter") ?? "",
    after,
    max: Math.min(Number(max), pageMax),
  };
}

function pageOf(index: KeyIndex, { prefix, delimiter, after, max }: Options): Page {
  const page: Page = { keys: [], prefixes: [] };
  let place = Math.max(index.seek(prefix), after === "" ? 0 : index.seek(after));
  if (index.at(place) === after) place++;
  let last = "";
  for (let key = index.at(place); key?.startsWith(prefix); key = index.at(place)) {
    const cut = delimiter === "" ? -1 : key.indexOf(delimiter, prefix.length);
    const group = cut < 0 ? undefined : key.slice(0, cut + delimiter.length);
    // The page before ended with this very group.
    if (group !== undefined && group === after) {
      place = index.seekPast(group, place);
      continue;
    }
    if (page.keys.length + page.prefixes.length === max) return max === 0 ? page : { ...page, next: last };
    if (group === undefined) page.keys.push(key);
    else page.prefixes.push(group);
    last = group ?? key;
    place = group === undefined ? place + 1 : index.seekPast(group, place);
  }
  return page;
}

const common = (bucket: string, query: S3Request["query"], page: Page): Tree => ({
  Name: bucket,
  Prefix: encoded(query, query.get("prefix") ?? ""),
  Delimiter: encoded(query, query.get("delimiter")),
  MaxKeys: optionsIn(query).max,
  EncodingType: query.get("encoding-type"),
  IsTruncated: page.next !== undefined,
});

const contents = (index: KeyIndex, query: S3Request["query"], page: Page, withOwner: boolean) => ({
  Contents: page.keys.map((key) => {
    const { size = 0, etag = "", modified = 0 } = index.get(key) ?? {};
    return {
      Key: encoded(query, key),
      LastModified: new Date(modified).toISOString(),
      ETag: `"${etag}"`,
      Size: size,
      Owner: withOwner ? { ID: "local", DisplayName: "local" } : undefined,
      StorageClass: "STANDARD",
    };
  }),
  CommonPrefixes: page.prefixes.map((prefix) => ({ Prefix: encoded(query, prefix) })),
});

/** With `encoding-type=url`, names go percent-encoded, because XML cannot carry every character. */
export function encoded<T extends string | undefined>(query: S3Request["query"], name: T): T | string {
  if (name === undefined || query.get("encoding-type") !== "url") return name;
  return encodeURIComponent(name).replaceAll("%2F", "/");
}

const tokenOf = (name: string) => Buffer.from(name).toString("base64url");

function positionOf(token: string): string {
  const name = Buffer.from(token, "base64url").toString();
  if (name === "" || tokenOf(name) !== token)
    throw new S3Error("InvalidArgument", "The continuation token provided is incorrect", {
      ArgumentName: "continuation-token",
    });
  return name;
}
