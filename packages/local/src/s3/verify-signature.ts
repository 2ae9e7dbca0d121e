/**
 * Verifies AWS Signature Version 4, in the `Authorization` header and in the query of a presigned URL, for any service.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { createScope, getCanonicalHeaders, getCanonicalQuery, getSigningKey } from "@smithy/signature-v4";
import { S3Error } from "./error.ts";
import { encodePath, type Signed } from "./request.ts";

/** The one key pair that may sign, with its region and service, and the token of temporary credentials. */
export type Identity = {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  region: string;
  service: string;
};

/** A request as it was sent: `path` and `query` come from `parseTarget`, `headers` are Node's `headersDistinct`. */
export type SignedRequest = {
  method: string;
  path: string;
  query: readonly (readonly [name: string, value: string])[];
  headers: Readonly<Record<string, readonly string[] | undefined>>;
};

/** Milliseconds that the client's clock may differ, as at AWS. */
const skewMsMax = 15 * 60_000;

/** The longest validity of a presigned URL in seconds, as at AWS: seven days. */
export const expirySecondsMax = 604_800;

/**
 * Verifies that `identity` signed the request, that the signature is recent or not yet expired, and that it covers
 * every `x-amz-*` header. `payload` is the payload's hash that must have been signed: S3 takes it from a header, other
 * services hash the body. Throws an `S3Error`.
 */
export async function verify(
  request: SignedRequest,
  identity: Identity,
  now: number,
  payload: string,
): Promise<Signed> {
  const query = new Map(request.query);
  const authorization = request.headers.authorization?.join(",");
  if (query.has("X-Amz-Signature")) {
    if (authorization)
      throw new S3Error("InvalidArgument", "Sign in the header or in the query, not in both.");
    return await check(request, identity, fromQuery(query, now), payload);
  }
  if (!authorization) throw new S3Error("AccessDenied", "Access Denied: the request carries no signature.");
  return await check(request, identity, fromHeader(authorization, request, now), payload);
}

type Claim = { credential: string; date: string; signedHeaders: string[]; signature: string };

function fromQuery(query: ReadonlyMap<string, string>, now: number): Claim {
  const fault = (message: string) => new S3Error("AuthorizationQueryParametersError", message);
  const need = (name: string) => {
    const value = query.get(name);
    if (!value)
      throw fault(`Query-string authentication needs X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date,
X-Amz-SignedHeaders and X-Amz-Expires; ${name} is missing.`);
    return value;
  };
  if (need("X-Amz-Algorithm") !== "AWS4-HMAC-SHA256")
    throw fault('X-Amz-Algorithm only supports "AWS4-HMAC-SHA256".');
  const expires = need("X-Amz-Expires");
  if (!/^\d{1,9}$/.test(expires) || Number(expires) < 1 || Number(expires) > expirySecondsMax)
    throw fault(`X-Amz-Expires must be between 1 and ${expirySecondsMax} seconds (a week).`);
  const date = need("X-Amz-Date");
  const signedAt = timeOf(date);
  if (signedAt > now + skewMsMax) throw new S3Error("AccessDenied", "Request is not yet valid");
  if (now > signedAt + Number(expires) * 1000) throw new S3Error("AccessDenied", "Request has expired");
  return {
    credential: need("X-Amz-Credential"),
    date,
    signedHeaders: need("X-Amz-SignedHeaders").split(";"),
    signature: need("X-Amz-Signature"),
  };
}

function fromHeader(authorization: string, request: SignedRequest, now: number): Claim {
  if (!authorization.startsWith("AWS4-HMAC-SHA256"))
    throw new S3Error(
      "InvalidRequest",
      "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
    );
  const parts =
    /^AWS4-HMAC-SHA256\s+Credential=([^,\s]+)\s*,\s*SignedHeaders=([^,\s]+)\s*,\s*Signature=([^,\s]+)$/.exec(
      authorization,
    );
  const [, credential, signedHeaders, signature] = parts ?? [];
  if (!credential || !signedHeaders || !signature)
    throw new S3Error("AuthorizationHeaderMalformed", "The authorization header is malformed.");
  const date = request.headers["x-amz-date"]?.join(",") ?? "";
  if (Math.abs(now - timeOf(date)) > skewMsMax)
    throw new S3Error(
      "RequestTimeTooSkewed",
      "The difference between the request time and the current time is too large. Set the clock of this machine.",
    );
  return { credential, date, signedHeaders: signedHeaders.split(";"), signature };
}

async function check(
  request: SignedRequest,
  identity: Identity,
  claim: Claim,
  payload: string,
): Promise<Signed> {
  const { date, scope, signingKey } = await scopeOf(claim.credential, identity);
  const token = request.headers["x-amz-security-token"]?.[0];
  checkToken(token ?? new Map(request.query).get("X-Amz-Security-Token"), identity);
  if (!claim.date.startsWith(date))
    throw mismatch("The date of the credential is not the date of the request.");
  mustBeSigned(request, claim.signedHeaders);
  const canonical = canonicalRequest(request, claim.signedHeaders, identity.service, payload);
  // Node decodes header bytes as latin1, so hashing as latin1 hashes the bytes that were sent, UTF-8 or not.
  const hash = createHash("sha256").update(canonical, "latin1").digest("hex");
  const expected = hmacHex(signingKey, ["AWS4-HMAC-SHA256", claim.date, scope, hash].join("\n"));
  if (!same(expected, claim.signature))
    throw mismatch(
      "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
    );
  return { payload, signature: claim.signature, date: claim.date, scope, signingKey };
}

/**
 * Returns the scope and the signing key of a credential (`key id/date/region/service/aws4_request`). Throws an
 * `S3Error` for a key, region or service other than the identity's.
 */
export async function scopeOf(
  credential: string,
  identity: Identity,
): Promise<{ date: string; scope: string; signingKey: Uint8Array }> {
  const [accessKeyId = "", date = "", region = "", service = "", end] = credential.split("/");
  if (!/^\d{8}$/.test(date) || end !== "aws4_request")
    throw new S3Error(
      "AuthorizationHeaderMalformed",
      "The credential is malformed; expecting <key id>/YYYYMMDD/<region>/<service>/aws4_request.",
    );
  if (!same(accessKeyId, identity.accessKeyId))
    throw new S3Error(
      "InvalidAccessKeyId",
      "The AWS Access Key Id you provided does not exist in our records.",
    );
  // Clients read the region from the error and repeat the request with it.
  if (region !== identity.region)
    throw new S3Error(
      "AuthorizationHeaderMalformed",
      `The authorization header is malformed; the region '${region}' is wrong; expecting '${identity.region}'`,
      { Region: identity.region },
    );
  if (service !== identity.service)
    throw new S3Error(
      "AuthorizationHeaderMalformed",
      `The authorization header is malformed; incorrect service "${service}". This endpoint belongs to "${identity.service}".`,
    );
  const signingKey = await getSigningKey(Sha256, identity, date, region, service);
  return { date, scope: createScope(date, region, service), signingKey };
}

/** HMAC-SHA-256 in hex, as signatures are written. */
export const hmacHex = (key: Uint8Array, text: string): string =>
  createHmac("sha256", key).update(text).digest("hex");

/** Compares two strings in constant time. */
export function same(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/** Refuses unsigned headers, as AWS does: the holder of a presigned URL must not be able to extend the request. */
function mustBeSigned({ headers }: SignedRequest, signedHeaders: readonly string[]): void {
  for (const name of Object.keys(headers))
    if ((name === "host" || name.startsWith("x-amz-")) && !signedHeaders.includes(name))
      throw new S3Error(
        "AccessDenied",
        `There were headers present in the request which were not signed: ${name}`,
      );
  for (const name of signedHeaders)
    if (headers[name] === undefined) throw mismatch(`The signed header ${name} is missing from the request.`);
}

function canonicalRequest(
  request: SignedRequest,
  signedHeaders: readonly string[],
  service: string,
  payload: string,
): string {
  const headers: Record<string, string> = {};
  for (const name of signedHeaders) headers[name] = request.headers[name]?.join(",") ?? "";
  const query: Record<string, string[]> = Object.create(null);
  for (const [name, value] of request.query) {
    query[name] ??= [];
    query[name].push(value);
  }
  const once = encodePath(request.path);
  // Every service but S3 signs the path encoded twice.
  const path = service === "s3" ? once : encodePath(once);
  const http = { method: request.method, protocol: "http:", hostname: "", path, query, headers };
  const canonical = getCanonicalHeaders(http, undefined, new Set(signedHeaders));
  const names = Object.keys(canonical).sort();
  return [
    request.method,
    path,
    getCanonicalQuery(http),
    ...names.map((name) => `${name}:${canonical[name]}`),
    "",
    names.join(";"),
    payload,
  ].join("\n");
}

function timeOf(date: string): number {
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date)?.map(Number) ?? [];
  if (year === undefined || month === undefined)
    throw new S3Error(
      "AccessDenied",
      "AWS authentication requires a valid x-amz-date, such as 20261123T101500Z.",
    );
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

const mismatch = (message: string) => new S3Error("SignatureDoesNotMatch", message);

/** Throws `InvalidToken` unless a request carries the session token of its key pair, or neither has one. */
export function checkToken(token: string | undefined, { sessionToken }: Identity): void {
  if (!same(token ?? "", sessionToken ?? ""))
    throw new S3Error("InvalidToken", "The provided token is malformed or otherwise invalid.");
}

/** Node's SHA-256 with the interface that the SDK's signing functions take. */
export class Sha256 {
  readonly hash;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.hash = secret === undefined ? createHash("sha256") : createHmac("sha256", bytesOf(secret));
  }
  update(data: Uint8Array): void {
    this.hash.update(data);
  }
  async digest(): Promise<Uint8Array> {
    return this.hash.digest();
  }
  reset(): void {
    throw new Error("A hash is used once.");
  }
}

function bytesOf(secret: string | ArrayBuffer | ArrayBufferView): Buffer {
  if (typeof secret === "string") return Buffer.from(secret);
  if (ArrayBuffer.isView(secret)) return Buffer.from(secret.buffer, secret.byteOffset, secret.byteLength);
  return Buffer.from(secret);
}
