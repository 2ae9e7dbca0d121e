/**
 * Signature Version 2, only for presigned URLs and forms: AWS CLI 1 and boto3 sign those with it in us-east-1 by default. https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html
 */
import { createHmac } from "node:crypto";
import { S3Error } from "./error.ts";
import { encodePath, type Signed } from "./request.ts";
import { expirySecondsMax, type Identity, type SignedRequest, same } from "./verify-signature.ts";

/** Query parameters that the signature covers. */
const covered = new Set([
  "acl",
  "cors",
  "delete",
  "lifecycle",
  "location",
  "logging",
  "notification",
  "partNumber",
  "policy",
  "replication",
  "requestPayment",
  "response-cache-control",
  "response-content-disposition",
  "response-content-encoding",
  "response-content-language",
  "response-content-type",
  "response-expires",
  "restore",
  "tagging",
  "torrent",
  "uploadId",
  "uploads",
  "versionId",
  "versioning",
  "versions",
  "website",
]);

/** Returns true if a query is signed with version 2. */
export const isSigned = (query: ReadonlyMap<string, string>): boolean =>
  query.has("AWSAccessKeyId") && query.has("Signature");

/** Throws a `S3Error` unless the URL was signed by `identity` and has not expired. */
export function verifyUrl(request: SignedRequest, identity: Identity, now: number): Signed {
  const query = new Map(request.query);
  const expires = query.get("Expires") ?? "";
  const lifeSeconds = /^\d{1,12}$/.test(expires) ? Number(expires) - now / 1000 : Number.NaN;
  if (Number.isNaN(lifeSeconds) || lifeSeconds > expirySecondsMax)
    throw new S3Error("AccessDenied", "Expires must be a time within the next seven days.");
  if (lifeSeconds < 0) throw new S3Error("AccessDenied", "Request has expired");
  const text = textOf(request, query, expires);
  check(text, query.get("AWSAccessKeyId"), query.get("Signature"), identity);
  const payload = request.headers["x-amz-content-sha256"]?.[0] ?? "UNSIGNED-PAYLOAD";
  return { payload, signature: "", date: "", scope: "", signingKey: Buffer.alloc(0) };
}

/** Throws a `S3Error` unless the policy of a form (base64) was signed by `identity`. */
export function verifyPolicy(policy: string, fields: ReadonlyMap<string, string>, identity: Identity): void {
  check(policy, fields.get("awsaccesskeyid"), fields.get("signature"), identity);
}

function check(text: string, keyID = "", signature = "", { accessKeyId, secretAccessKey }: Identity): void {
  if (!same(keyID, accessKeyId))
    throw new S3Error(
      "InvalidAccessKeyId",
      "The AWS Access Key Id you provided does not exist in our records.",
    );
  if (!same(createHmac("sha1", secretAccessKey).update(text, "latin1").digest("base64"), signature))
    throw new S3Error(
      "SignatureDoesNotMatch",
      "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
    );
}

function textOf(
  { method, path, headers, query: pairs }: SignedRequest,
  query: ReadonlyMap<string, string>,
  expires: string,
): string {
  const find = (name: string) => headers[name]?.join(",") ?? query.get(name) ?? "";
  const names = [...Object.keys(headers), ...query.keys()].filter((name) => name.startsWith("x-amz-"));
  const resource = pairs
    .filter(([name]) => covered.has(name))
    .map(([name, value]) => (value === "" ? name : `${name}=${value}`))
    .sort();
  return [
    method,
    find("content-md5"),
    find("content-type"),
    expires,
    ...[...new Set(names)].sort().map((name) => `${name}:${find(name).trim()}`),
    encodePath(path) + (resource.length > 0 ? `?${resource.join("&")}` : ""),
  ].join("\n");
}
