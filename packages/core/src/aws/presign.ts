/** Where a client sends its bytes: presigned requests that the store holds to the announcement. */
export * as Upload from "./presign.ts";

import { Resource } from "sst";
import * as v from "valibot";
import { wholeSeconds } from "../time.ts";
import { policyOf } from "./post-policy.ts";
import { sign, signer, urlOf } from "./signed.ts";

/** A request for the client to make, exactly so. */
export const Info = v.pipe(
  v.object({
    method: v.pipe(v.picklist(["PUT", "POST"]), v.description("More methods may come.")),
    url: v.pipe(
      v.string(),
      v.description("Where to send the bytes. Valid until `expiresAt`; treat it as a secret."),
    ),
    headers: v.optional(
      v.pipe(
        v.record(v.string(), v.string()),
        v.description("For a PUT: headers to send with it, exactly as they are. They are signed."),
      ),
    ),
    fields: v.optional(
      v.pipe(
        v.record(v.string(), v.string()),
        v.description("For a POST: fields of the form, all of them before the `file`."),
      ),
    ),
    expiresAt: v.pipe(v.string(), v.isoTimestamp(), v.description("When the URL ends.")),
  }),
  v.metadata({ ref: "Upload" }),
);
export type Info = v.InferOutput<typeof Info>;

type Common = { key: string; contentType: string; seconds: number; sha256?: string };

/**
 * A presigned PUT. Type, length and `If-None-Match: *` are signed: the URL takes one file of exactly `bytes`, once.
 * The checksum is a header, because S3 ignores one in the query.
 */
export async function presign({
  key,
  contentType,
  bytes,
  sha256,
  seconds,
}: Common & { bytes: number }): Promise<Info> {
  const headers = { "content-type": contentType, "if-none-match": "*", ...checksum(sha256) };
  // Every HTTP client sends the length by itself, and browsers let nobody else do it: signed, but not listed.
  const signed = { ...headers, "content-length": String(bytes) };
  const url = await sign({ method: "PUT", key, headers: signed, seconds });
  return { method: "PUT", url, headers, expiresAt: until(seconds) };
}

/**
 * An HTML form's POST. The policy holds it to one key, one type and a range of lengths. It may be sent again until it
 * ends; the protocol then sees an ordinary overwrite.
 */
export async function presignForm({
  key,
  contentType,
  range,
  sha256,
  seconds,
}: Common & { range: { min: number; max: number } }): Promise<Info> {
  const fields = await policyOf({
    bucket: Resource.Uploads.name,
    fields: { key, "Content-Type": contentType, ...checksum(sha256) },
    conditions: [["content-length-range", range.min, range.max]],
    seconds,
  });
  return { method: "POST", url: Resource.Uploads.url, fields, expiresAt: until(seconds) };
}

/** The steps of a multipart upload, in S3's terms. Completing it must not replace anything. */
export type Step =
  | { is: "create" }
  | { is: "part"; uploadID: string; partNumber: number; bytes?: number }
  | { is: "list" | "complete" | "abort"; uploadID: string };

/** A request of a multipart upload, with the headers that are signed into it. */
export type StepRequest = { url: string; headers?: Record<string, string> };

/** Signs one step of a multipart upload. `bytes` is the exact length of the part. */
export async function step(key: string, step: Step, seconds: number): Promise<StepRequest> {
  switch (step.is) {
    case "create":
      return { url: await sign({ method: "POST", key, query: { uploads: "" }, seconds }) };
    case "part": {
      const query = { partNumber: String(step.partNumber), uploadId: step.uploadID };
      const headers = step.bytes === undefined ? undefined : { "content-length": String(step.bytes) };
      return { url: await sign({ method: "PUT", key, query, headers, seconds }) };
    }
    case "complete": {
      const headers = { "if-none-match": "*" };
      return {
        url: await sign({ method: "POST", key, query: { uploadId: step.uploadID }, headers, seconds }),
        headers,
      };
    }
    case "list":
      return { url: await sign({ method: "GET", key, query: { uploadId: step.uploadID }, seconds }) };
    case "abort":
      return { url: await sign({ method: "DELETE", key, query: { uploadId: step.uploadID }, seconds }) };
  }
}

/**
 * An address that hands out an original, under the client's own name for it where there is one. As a download: what
 * was uploaded is nobody's page.
 */
export async function original(key: string, filename: string | undefined, seconds: number): Promise<string> {
  const name = filename
    ? `; filename*=UTF-8''${encodeURIComponent(filename).replace(/['()*]/g, percent)}`
    : "";
  const query = {
    "response-content-disposition": `attachment${name}`,
    "response-cache-control": "private, no-store",
  };
  return sign({ method: "GET", key, query, seconds });
}

/** Removes an original, there or not. Throws if the store refused. */
export async function remove(key: string): Promise<void> {
  const response = await (await signer("s3")).fetch(urlOf(key), { method: "DELETE" });
  if (!response.ok && response.status !== 404) {
    throw new Error(`The store refused to remove an original: ${response.status} ${await response.text()}`);
  }
}

const checksum = (sha256: string | undefined): Record<string, string> =>
  sha256 ? { "x-amz-checksum-sha256": Buffer.from(sha256, "hex").toString("base64") } : {};

const until = (seconds: number) => wholeSeconds(new Date(Date.now() + seconds * 1000).toISOString());

const percent = (character: string) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
