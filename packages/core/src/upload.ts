/** Where a client sends its bytes: presigned requests that the store holds to the announcement. */
export * as Upload from "./upload.ts";

import { Resource } from "sst";
import * as v from "valibot";
import { signer } from "./signed.ts";
import { wholeSeconds } from "./time.ts";

/** A request for the client to make, exactly so. `headers` are part of the signature. */
export const Info = v.pipe(
  v.object({
    method: v.literal("PUT"),
    url: v.pipe(
      v.string(),
      v.description("Where to send the bytes. Valid until `expiresAt`; treat it as a secret."),
    ),
    headers: v.pipe(
      v.record(v.string(), v.string()),
      v.description("Headers to send with it, exactly as they are."),
    ),
    expiresAt: v.pipe(v.string(), v.isoTimestamp()),
  }),
  v.metadata({ ref: "Upload" }),
);
export type Info = v.InferOutput<typeof Info>;

/** What is signed into an upload, so that the store refuses anything else. `bytes` is the exact length. */
export type Terms = { key: string; contentType: string; bytes: number; sha256?: string; seconds: number };

/**
 * A presigned PUT. Type, length and `If-None-Match: *` are signed: the URL takes one file, once. The checksum is a
 * header, because S3 ignores one in the query.
 */
export async function presign({ key, contentType, bytes, sha256, seconds }: Terms): Promise<Info> {
  const headers = {
    "content-type": contentType,
    "if-none-match": "*",
    ...(sha256 ? { "x-amz-checksum-sha256": Buffer.from(sha256, "hex").toString("base64") } : {}),
  };
  const expiresAt = wholeSeconds(new Date(Date.now() + seconds * 1000).toISOString());
  // Every HTTP client sends the length by itself, and browsers let nobody else do it: signed, but not listed.
  const url = await sign("PUT", key, seconds, { ...headers, "content-length": String(bytes) });
  return { method: "PUT", url, headers, expiresAt };
}

/** Removes an original, there or not. Throws if the store refused. */
export async function remove(key: string): Promise<void> {
  const response = await (await signer("s3")).fetch(urlOf(key), { method: "DELETE" });
  if (!response.ok && response.status !== 404) {
    throw new Error(`The store refused to remove an original: ${response.status} ${await response.text()}`);
  }
}

async function sign(method: string, key: string, seconds: number, headers: Record<string, string>) {
  const url = urlOf(key);
  url.searchParams.set("X-Amz-Expires", String(seconds));
  const request = await (await signer("s3")).sign(url, {
    method,
    headers,
    aws: { signQuery: true, allHeaders: true },
  });
  return request.url;
}

/** The object's address, each part of the key encoded as S3 wants it. */
function urlOf(key: string) {
  const path = key.split("/").map((part) => encodeURIComponent(part).replace(/[!'()*]/g, percent));
  return new URL(`${Resource.Uploads.url}/${path.join("/")}`);
}

const percent = (character: string) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
