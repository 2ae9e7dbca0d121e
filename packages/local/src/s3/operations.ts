/** The table of operations: a request runs the first that matches, and is `NotImplemented` if none does. */
import {
  createBucket,
  deleteObjects,
  getBucketLocation,
  getBucketVersioning,
  headBucket,
  listBuckets,
  listObjects,
  listObjectsV2,
  listObjectVersions,
} from "./bucket.ts";
import { abortMultipartUpload, completeMultipartUpload } from "./complete.ts";
import { S3Error } from "./error.ts";
import { encryption, overrides, refuseUnknown } from "./headers.ts";
import {
  createMultipartUpload,
  listMultipartUploads,
  listParts,
  uploadPart,
  uploadPartCopy,
} from "./multipart.ts";
import { copyObject, deleteObject, getObject, getObjectTagging, headObject, putObject } from "./object.ts";
import type { Parts } from "./parts.ts";
import type { S3Request, S3Response } from "./request.ts";
import type { Store } from "./store.ts";

/** The state that operations work on. */
export type Endpoint = { store: Store; parts: Parts; region: string; now: () => number };

type Operation = {
  on: "service" | "bucket" | "object";
  method: string;
  /** Query parameters that select this operation. */
  needs?: readonly string[];
  /** Optional query parameters. */
  takes?: readonly string[];
  /** A header that selects this operation. */
  header?: string;
  /** The response names the encryption of an object. */
  encrypts?: true;
  run(request: S3Request, endpoint: Endpoint): Promise<S3Response>;
};

const listing = ["prefix", "delimiter", "max-keys", "encoding-type"];

const reads = [...overrides, "partNumber"];

const operations: readonly Operation[] = [
  { on: "service", method: "GET", run: (r, { store }) => listBuckets(r, store) },
  { on: "bucket", method: "HEAD", run: (r, { store, region }) => headBucket(r, store, region) },
  { on: "bucket", method: "PUT", run: (r, { store }) => createBucket(r, store) },
  { on: "bucket", method: "POST", needs: ["delete"], run: (r, { store }) => deleteObjects(r, store) },
  {
    on: "bucket",
    method: "GET",
    needs: ["location"],
    run: (r, { store, region }) => getBucketLocation(r, store, region),
  },
  {
    on: "bucket",
    method: "GET",
    needs: ["versioning"],
    run: (r, { store }) => getBucketVersioning(r, store),
  },
  {
    on: "bucket",
    method: "GET",
    needs: ["list-type"],
    takes: [...listing, "continuation-token", "start-after", "fetch-owner"],
    run: (r, { store }) => listObjectsV2(r, store),
  },
  {
    on: "bucket",
    method: "GET",
    needs: ["versions"],
    takes: [...listing, "key-marker", "version-id-marker"],
    run: (r, { store }) => listObjectVersions(r, store),
  },
  {
    on: "bucket",
    method: "GET",
    needs: ["uploads"],
    takes: ["prefix", "key-marker", "upload-id-marker", "max-uploads", "encoding-type"],
    run: (r, { store, parts }) => listMultipartUploads(r, store, parts),
  },
  {
    on: "bucket",
    method: "GET",
    takes: [...listing, "marker"],
    run: (r, { store }) => listObjects(r, store),
  },
  {
    on: "object",
    method: "POST",
    needs: ["uploads"],
    encrypts: true,
    run: (r, { store, parts, now }) => createMultipartUpload(r, store, parts, now()),
  },
  {
    on: "object",
    method: "PUT",
    needs: ["partNumber", "uploadId"],
    header: "x-amz-copy-source",
    encrypts: true,
    run: (r, { store, parts, now }) => uploadPartCopy(r, store, parts, now()),
  },
  {
    on: "object",
    method: "PUT",
    needs: ["partNumber", "uploadId"],
    encrypts: true,
    run: (r, { store, parts, now }) => uploadPart(r, store, parts, now()),
  },
  { on: "object", method: "GET", needs: ["tagging"], run: (r, { store }) => getObjectTagging(r, store) },
  {
    on: "object",
    method: "GET",
    needs: ["uploadId"],
    takes: ["max-parts", "part-number-marker"],
    run: (r, { parts }) => listParts(r, parts),
  },
  {
    on: "object",
    method: "POST",
    needs: ["uploadId"],
    encrypts: true,
    run: (r, { store, parts, now }) => completeMultipartUpload(r, store, parts, now()),
  },
  {
    on: "object",
    method: "DELETE",
    needs: ["uploadId"],
    run: (r, { parts }) => abortMultipartUpload(r, parts),
  },
  {
    on: "object",
    method: "PUT",
    header: "x-amz-copy-source",
    encrypts: true,
    run: (r, { store, now }) => copyObject(r, store, now()),
  },
  { on: "object", method: "PUT", encrypts: true, run: (r, { store, now }) => putObject(r, store, now()) },
  { on: "object", method: "GET", takes: reads, encrypts: true, run: (r, { store }) => getObject(r, store) },
  { on: "object", method: "HEAD", takes: reads, encrypts: true, run: (r, { store }) => headObject(r, store) },
  { on: "object", method: "DELETE", run: (r, { store }) => deleteObject(r, store) },
];

/** Runs the operation that a request names. */
export async function perform(request: S3Request, endpoint: Endpoint): Promise<S3Response> {
  refuseUnknown(request.headers);
  const on = request.bucket === "" ? "service" : request.key === "" ? "bucket" : "object";
  const operation = operations.find(
    ({ on: level, method, needs = [], header }) =>
      level === on &&
      method === request.method &&
      needs.every((name) => request.query.has(name)) &&
      (header === undefined || request.headers[header] !== undefined),
  );
  if (!operation) throw notImplemented(`${request.method} on a ${on}`);
  const { needs = [], takes = [], header } = operation;
  for (const name of request.query.keys())
    if (!needs.includes(name) && !takes.includes(name)) throw notImplemented(`the query parameter ${name}`);
  if (request.headers["x-amz-copy-source"] !== undefined && header !== "x-amz-copy-source")
    throw notImplemented("a copy here");
  const response = await operation.run(request, endpoint);
  if (!operation.encrypts || response.status === 304) return response;
  return { ...response, headers: { ...encryption, ...response.headers } };
}

const notImplemented = (what: string) =>
  new S3Error(
    "NotImplemented",
    `A header or query you provided implies functionality that is not implemented: ${what}.`,
  );
