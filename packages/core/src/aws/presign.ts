/**
 * Presigned requests to the uploads bucket: PUT, POST policy, multipart and download. Signed with aws4fetch, because
 * S3's client would add 740 KB to the API's bundle.
 */
export * as Presign from "./presign.ts";

import { createHmac } from "node:crypto";
import { AwsClient } from "aws4fetch";
import { Resource } from "sst";
import { StorageError } from "../error.ts";
import { backoff } from "../time.ts";
import { limits } from "./limits.ts";
import { Queue } from "./queue.ts";

/** Timeout of sending an original from this process, in milliseconds. Two attempts end within the API's 30 seconds. */
const sendTimeoutMs = 12_000;

/** Content type of an upload, its SHA-256 in hex where the client sent it, and the URL's life in seconds. */
export type Terms = { key: string; contentType: string; seconds: number; sha256?: string };

/** A presigned request with the headers to send exactly as they are. */
export type Presigned = { url: string; headers: Record<string, string> };

/** A presigned HTML form: every field must be sent as it is, before the file. */
export type Form = { url: string; fields: Record<string, string> };

/**
 * Presigns a PUT. Content type, length and `If-None-Match: *` are signed: the URL takes one file of exactly `bytes`,
 * once. The checksum is a header, because S3 ignores it in the query.
 */
export async function put({ bytes, ...terms }: Terms & { bytes: number }): Promise<Presigned> {
  const { key, contentType, sha256, seconds } = terms;
  const headers = { "content-type": contentType, "if-none-match": "*", ...checksum(sha256) };
  // Signed but not returned: HTTP clients set the length themselves, and browsers forbid scripts to.
  const signed = { ...headers, "content-length": String(bytes) };
  return { url: await sign({ method: "PUT", key, headers: signed, seconds }), headers };
}

/**
 * Presigns an HTML form. Its POST policy allows one key, one content type and a range of lengths in bytes. The form
 * may be sent again until it expires; the protocol treats that as an overwrite.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
 */
export async function form({
  range,
  ...terms
}: Terms & { range: { min: number; max: number } }): Promise<Form> {
  const { key, contentType, sha256, seconds } = terms;
  const { credentials, region } = Queue.client().config;
  const { accessKeyId, secretAccessKey, sessionToken } = await credentials();
  const now = Date.now();
  const time = new Date(now).toISOString().replace(/[-:]|\.\d{3}/g, "");
  const scope = [time.slice(0, 8), await region(), "s3", "aws4_request"];
  const fields = {
    key,
    "Content-Type": contentType,
    ...checksum(sha256),
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": [accessKeyId, ...scope].join("/"),
    "X-Amz-Date": time,
    ...(sessionToken ? { "X-Amz-Security-Token": sessionToken } : {}),
  };
  const policy = {
    expiration: new Date(now + seconds * 1000).toISOString(),
    conditions: [
      { bucket: Resource.Uploads.name },
      ...Object.entries(fields).map(([name, value]) => ({ [name]: value })),
      ["content-length-range", range.min, range.max],
    ],
  };
  const Policy = Buffer.from(JSON.stringify(policy)).toString("base64");
  // aws4fetch signs requests, but not policies.
  const signingKey = scope.reduce<string | Buffer>(hmac, `AWS4${secretAccessKey}`);
  const signature = hmac(signingKey, Policy).toString("hex");
  return { url: publicUrl(), fields: { ...fields, Policy, "X-Amz-Signature": signature } };
}

/** A step of a multipart upload, in S3's terms. `bytes` is the exact length of the part. */
export type Step =
  | { is: "create" }
  | { is: "part"; uploadID: string; partNumber: number; bytes: number }
  | { is: "complete"; uploadID: string; bytes: number }
  | { is: "list" | "abort"; uploadID: string };

/**
 * Presigns a step of a multipart upload. The length of a part is signed. Completing the upload must not replace an
 * object, and must make one of exactly `bytes`.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
 */
export async function step(
  key: string,
  step: Step,
  seconds: number,
): Promise<{ url: string; headers?: Record<string, string> }> {
  if (step.is === "create")
    return { url: await sign({ method: "POST", key, query: { uploads: "" }, seconds }) };
  const query = { uploadId: step.uploadID };
  switch (step.is) {
    case "part": {
      const part = { ...query, partNumber: String(step.partNumber) };
      const headers = { "content-length": String(step.bytes) };
      return { url: await sign({ method: "PUT", key, query: part, headers, seconds }) };
    }
    case "complete": {
      const headers = { "if-none-match": "*", "x-amz-mp-object-size": String(step.bytes) };
      return { url: await sign({ method: "POST", key, query, headers, seconds }), headers };
    }
    case "list":
      return { url: await sign({ method: "GET", key, query, seconds }) };
    case "abort":
      return { url: await sign({ method: "DELETE", key, query, seconds }) };
  }
}

/**
 * Presigns the download of an original, under the client's filename where there is one. As an `attachment`, so that
 * no browser renders an uploaded file.
 */
export async function download(key: string, filename: string | undefined, seconds: number): Promise<string> {
  const name = filename ? `; filename*=UTF-8''${encode(filename)}` : "";
  const query = {
    "response-content-disposition": `attachment${name}`,
    "response-cache-control": "private, no-store",
  };
  return sign({ method: "GET", key, query, seconds });
}

/**
 * Sends the bytes of a presigned PUT. A 412 is a success: an earlier attempt stored them. Retries with backoff after
 * network errors. Throws if S3 refused.
 */
export async function send({ url, headers }: Pick<Presigned, "url"> & Partial<Presigned>, bytes: Uint8Array) {
  const response = await retried(
    (signal) => fetch(url, { method: "PUT", headers, body: new Uint8Array(bytes), signal }),
    sendTimeoutMs,
  );
  const text = await response.text();
  if (response.ok || response.status === 412) return;
  throw refusal(`S3 refused an original of ${bytes.length} bytes`, response, text);
}

/** An original to copy, with the ETag (without quotes) of its bytes. */
export type Source = { key: string; etag: string };

/**
 * Copies an original within S3 under another key. Returns false if S3 did not, because the source is gone or changed,
 * or because the copy took too long: the client then sends the bytes.
 */
export async function copy({ key: from, etag }: Source, to: string): Promise<boolean> {
  const aws = await signer();
  const headers = {
    "x-amz-copy-source": `/${Resource.Uploads.name}/${from.split("/").map(encode).join("/")}`,
    "x-amz-copy-source-if-match": `"${etag}"`,
  };
  try {
    const response = await retried((signal) => aws.fetch(urlOf(to), { method: "PUT", headers, signal }));
    // S3 may respond with 200 and fail later: the error is then in the body.
    return response.ok && !(await response.text()).includes("<Error>");
  } catch {
    return false;
  }
}

/** Aborts a multipart upload. Idempotent. Retries like `removeOriginal`. Throws if S3 refused. */
export async function abortMultipart(key: string, uploadID: string): Promise<void> {
  const url = urlOf(key);
  url.searchParams.set("uploadId", uploadID);
  const aws = await signer();
  const response = await retried((signal) => aws.fetch(url, { method: "DELETE", signal }));
  if (response.ok || response.status === 404) return;
  throw refusal(`S3 refused to abort an upload of ${key}`, response, await response.text());
}

/**
 * Deletes an original; with `etag` only that upload. Idempotent. Retries with backoff after network errors, 429 and 5xx.
 * Throws if S3 refused.
 */
export async function removeOriginal(key: string, etag?: string): Promise<void> {
  const aws = await signer();
  const headers: Record<string, string> = etag ? { "if-match": `"${etag}"` } : {};
  const response = await retried((signal) => aws.fetch(urlOf(key), { method: "DELETE", headers, signal }));
  if (response.ok || response.status === 404 || response.status === 412) return;
  throw refusal(`S3 refused to delete the original ${key}`, response, await response.text());
}

/** Returns the error for a response of S3: a `StorageError` if the request may be repeated. */
function refusal(what: string, { status }: Response, text: string): Error {
  const message = `${what}: ${status} ${text}`;
  return status >= 500 ? new StorageError(message) : new Error(message);
}

/**
 * Sends a request up to four times, with backoff after a network error or a timeout, which the signal ends. aws4fetch
 * itself retries only after 429 and 5xx. Throws a `StorageError`.
 */
async function retried(
  request: (signal: AbortSignal) => Promise<Response>,
  timeoutMs: number = limits.requestHandler.requestTimeout,
): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await request(AbortSignal.timeout(timeoutMs));
    } catch (error) {
      if (attempt >= limits.maxAttempts) throw new StorageError("S3 did not answer.", { cause: error });
      await backoff(attempt);
    }
  }
}

/** Creates a signer with the credentials and the region of the SQS client, which renews them. */
async function signer(): Promise<AwsClient> {
  const { credentials, region } = Queue.client().config;
  const { accessKeyId, secretAccessKey, sessionToken } = await credentials();
  const keys = { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) };
  return new AwsClient({ ...keys, region: await region(), service: "s3", retries: 3 });
}

type Request = {
  method: string;
  key: string;
  query?: Record<string, string>;
  headers?: Record<string, string>;
  seconds: number;
};

/** Presigns exactly this request: every header of it must be sent as it is. */
async function sign({ method, key, query = {}, headers = {}, seconds }: Request): Promise<string> {
  const url = urlOf(key, publicUrl());
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  url.searchParams.set("X-Amz-Expires", String(seconds));
  const aws = await signer();
  return (await aws.sign(url, { method, headers, aws: { signQuery: true, allHeaders: true } })).url;
}

/** Builds an original's URL, each part of the key encoded as S3 requires. */
const urlOf = (key: string, bucket = Resource.Uploads.url) =>
  new URL(`${bucket}/${key.split("/").map(encode).join("/")}`);

/** Returns the bucket's URL for callers. Embedded mode has another URL for them than for its own requests. */
function publicUrl(): string {
  const { url, publicUrl = url }: { url: string; publicUrl?: string } = Resource.Uploads;
  return publicUrl;
}

const checksum = (sha256: string | undefined): Record<string, string> =>
  sha256 ? { "x-amz-checksum-sha256": Buffer.from(sha256, "hex").toString("base64") } : {};

const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();

/** Percent-encodes by RFC 3986. Lone surrogates, which older records may have, become U+FFFD. */
const encode = (text: string) =>
  encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
