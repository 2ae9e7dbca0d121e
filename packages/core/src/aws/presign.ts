/**
 * Presigned requests to the uploads bucket: PUT, POST policy, multipart and download. Signed with aws4fetch, because
 * S3's client would add 740 KB to the API's bundle.
 */
export * as Presign from "./presign.ts";

import { createHmac } from "node:crypto";
import { AwsClient } from "aws4fetch";
import { Resource } from "sst";
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
  return { url: Resource.Uploads.url, fields: { ...fields, Policy, "X-Amz-Signature": signature } };
}

/** A step of a multipart upload, in S3's terms. `bytes` is the exact length of the part. */
export type Step =
  | { is: "create" }
  | { is: "part"; uploadID: string; partNumber: number; bytes?: number }
  | { is: "list" | "complete" | "abort"; uploadID: string };

/** Presigns a step of a multipart upload. Completing it must not replace an object. */
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
      const headers = step.bytes === undefined ? undefined : { "content-length": String(step.bytes) };
      return { url: await sign({ method: "PUT", key, query: part, headers, seconds }) };
    }
    case "complete": {
      const headers = { "if-none-match": "*" };
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
  const response = await retried(() =>
    fetch(url, {
      method: "PUT",
      headers,
      body: new Uint8Array(bytes),
      signal: AbortSignal.timeout(sendTimeoutMs),
    }),
  );
  const text = await response.text();
  if (response.ok || response.status === 412) return;
  throw new Error(`S3 refused an original of ${bytes.length} bytes: ${response.status} ${text}`);
}

/** Deletes an original. Idempotent. Retries with backoff after network errors, 429 and 5xx. Throws if S3 refused. */
export async function removeOriginal(key: string): Promise<void> {
  const aws = await signer();
  const response = await retried(() =>
    aws.fetch(urlOf(key), {
      method: "DELETE",
      signal: AbortSignal.timeout(limits.requestHandler.requestTimeout),
    }),
  );
  if (!response.ok && response.status !== 404) {
    throw new Error(`S3 refused to delete the original ${key}: ${response.status} ${await response.text()}`);
  }
}

/** Retries a request after a network error or a timeout; aws4fetch itself retries only after 429 and 5xx. */
async function retried(request: () => Promise<Response>): Promise<Response> {
  for (let retry = 1; ; retry++) {
    try {
      return await request();
    } catch (error) {
      if (retry >= limits.maxAttempts) throw error;
      await backoff(retry);
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
  const url = urlOf(key);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  url.searchParams.set("X-Amz-Expires", String(seconds));
  const aws = await signer();
  return (await aws.sign(url, { method, headers, aws: { signQuery: true, allHeaders: true } })).url;
}

/** Builds an original's URL, each part of the key encoded as S3 requires. */
const urlOf = (key: string) => new URL(`${Resource.Uploads.url}/${key.split("/").map(encode).join("/")}`);

const checksum = (sha256: string | undefined): Record<string, string> =>
  sha256 ? { "x-amz-checksum-sha256": Buffer.from(sha256, "hex").toString("base64") } : {};

const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();

/** Percent-encodes by RFC 3986. Lone surrogates, which older records may have, become U+FFFD. */
const encode = (text: string) =>
  encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
