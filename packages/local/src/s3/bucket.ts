/** Buckets: there are those that the endpoint was started with, and what S3 says about them. */
import { receiveText } from "./body.ts";
import { S3Error } from "./error.ts";
import { checkKey, type S3Request, type S3Response } from "./request.ts";
import type { Store } from "./store.ts";
import { children, document, parse } from "./xml.ts";

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

/** CreateBucket: clients that make sure of their bucket first learn that it is there. */
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

/** A thousand keys of 1,024 bytes, each escaped, and what is around them. */
const deleteBytesMax = 8 << 20;

/** DeleteObjects: up to 1,000 keys; one that fails does not keep the others. */
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
  const content = parse(await receiveText(request, deleteBytesMax), "Delete");
  const objects = children(content, "Object");
  if (objects.length === 0 || objects.length > deletesMax)
    throw new S3Error("MalformedXML", `Between 1 and ${deletesMax} objects can be deleted at once.`);
  const outcomes = await Promise.all(
    objects.map(async ({ Key = "", VersionId, ETag }) => {
      try {
        if (VersionId !== undefined && VersionId !== "null")
          throw new S3Error("NotImplemented", "There are no versions here.");
        if (ETag !== undefined) throw new S3Error("NotImplemented", "ETag is not understood here.");
        await store.remove(bucket, checkKey(Key), () => {});
        return { Deleted: { Key } };
      } catch (error) {
        if (!(error instanceof S3Error)) throw error;
        return { Error: { Key, Code: error.code, Message: error.message } };
      }
    }),
  );
  const quiet = content.Quiet === "true";
  const Deleted = quiet ? [] : outcomes.flatMap((outcome) => outcome.Deleted ?? []);
  const Errors = outcomes.flatMap((outcome) => outcome.Error ?? []);
  return { status: 200, body: document("DeleteResult", { Deleted, Error: Errors }) };
}
