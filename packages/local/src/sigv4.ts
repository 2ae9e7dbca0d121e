/**
 * Verifies AWS Signature Version 4, in the `Authorization` header and in the query of a presigned URL, for any service.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { createScope, getCanonicalHeaders, getCanonicalQuery, getSigningKey } from "@smithy/signature-v4";

/** The one key pair that may sign, and for what. */
export type Identity = { accessKeyId: string; secretAccessKey: string; region: string; service: string };

/** A request as it was sent: `path` and `query` come from `parseTarget`, `headers` are Node's `headersDistinct`. */
export type SignedRequest = {
  method: string;
  path: string;
  query: readonly (readonly [name: string, value: string])[];
  headers: Readonly<Record<string, readonly string[] | undefined>>;
};

/** What a right signature proves, and what is needed to check the signatures of chunks that hang on it. */
export type Signed = {
  /** What was signed as the hash of the payload: hex, or a word such as `UNSIGNED-PAYLOAD`. */
  payload: string;
  signature: string;
  /** As signed, `20261123T101500Z`. */
  date: string;
  scope: string;
  signingKey: Uint8Array;
};

/** Why a request is not believed. Codes and statuses are S3's; another service maps them to its own. */
export class SignatureError extends Error {
  override readonly name = "SignatureError";
  readonly code: keyof typeof statuses;
  readonly status: number;

  constructor(code: keyof typeof statuses, message: string) {
    super(message);
    this.code = code;
    this.status = statuses[code];
  }
}

const statuses = {
  AccessDenied: 403,
  AuthorizationHeaderMalformed: 400,
  AuthorizationQueryParametersError: 400,
  InvalidAccessKeyId: 403,
  InvalidArgument: 400,
  InvalidRequest: 400,
  InvalidToken: 400,
  InvalidURI: 400,
  RequestTimeTooSkewed: 403,
  SignatureDoesNotMatch: 403,
} as const;

/** How far the sender's clock may be from ours, as at AWS. */
const skewMsMax = 15 * 60_000;

/** The longest life of a presigned URL, as at AWS: seven days. */
export const expirySecondsMax = 604_800;

/**
 * Splits a request target into its path and its query, both decoded. `new URL` would not do: it resolves
 * `..` and `%2e%2e`, which are ordinary parts of an S3 key.
 */
export function parseTarget(target: string): Pick<SignedRequest, "path" | "query"> {
  const [encodedPath = "", search = ""] = split(target, "?");
  const path = decode(encodedPath);
  if (!path.startsWith("/"))
    throw new SignatureError("InvalidURI", "The request target must be a path, such as /bucket/key.");
  const query = search
    .split("&")
    .filter((pair) => pair !== "")
    .map((pair) => {
      const [name = "", value = ""] = split(pair, "=");
      return [decode(name.replaceAll("+", " ")), decode(value.replaceAll("+", " "))] as const;
    });
  return { path, query };
}

/**
 * Throws a `SignatureError` unless the request was signed by `identity`, not long ago or not yet expired, with every
 * `x-amz-*` header under the signature. `payload` is what must have been signed as the payload's hash: S3 takes it
 * from a header, other services hash the body.
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
      throw new SignatureError("InvalidArgument", "Sign in the header or in the query, not in both.");
    return await check(request, identity, fromQuery(query, now), payload);
  }
  if (!authorization)
    throw new SignatureError("AccessDenied", "Access Denied: the request carries no signature.");
  return await check(request, identity, fromHeader(authorization, request, now), payload);
}

type Claim = { credential: string; date: string; signedHeaders: string[]; signature: string };

function fromQuery(query: ReadonlyMap<string, string>, now: number): Claim {
  const fault = (message: string) => new SignatureError("AuthorizationQueryParametersError", message);
  const need = (name: string) => {
    const value = query.get(name);
    if (!value)
      throw fault(`Query-string authentication needs X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date,
X-Amz-SignedHeaders and X-Amz-Expires; ${name} is missing.`);
    return value;
  };
  if (need("X-Amz-Algorithm") !== "AWS4-HMAC-SHA256")
    throw fault('X-Amz-Algorithm only supports "AWS4-HMAC-SHA256".');
  if (query.has("X-Amz-Security-Token")) throw noSessions();
  const expires = need("X-Amz-Expires");
  if (!/^\d{1,9}$/.test(expires) || Number(expires) < 1 || Number(expires) > expirySecondsMax)
    throw fault(`X-Amz-Expires must be between 1 and ${expirySecondsMax} seconds (a week).`);
  const date = need("X-Amz-Date");
  const signedAt = timeOf(date);
  if (signedAt > now + skewMsMax) throw new SignatureError("AccessDenied", "Request is not yet valid");
  if (now > signedAt + Number(expires) * 1000)
    throw new SignatureError("AccessDenied", "Request has expired");
  return {
    credential: need("X-Amz-Credential"),
    date,
    signedHeaders: need("X-Amz-SignedHeaders").split(";"),
    signature: need("X-Amz-Signature"),
  };
}

function fromHeader(authorization: string, request: SignedRequest, now: number): Claim {
  if (!authorization.startsWith("AWS4-HMAC-SHA256"))
    throw new SignatureError(
      "InvalidRequest",
      "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
    );
  const parts =
    /^AWS4-HMAC-SHA256\s+Credential=([^,\s]+)\s*,\s*SignedHeaders=([^,\s]+)\s*,\s*Signature=([^,\s]+)$/.exec(
      authorization,
    );
  const [, credential, signedHeaders, signature] = parts ?? [];
  if (!credential || !signedHeaders || !signature)
    throw new SignatureError("AuthorizationHeaderMalformed", "The authorization header is malformed.");
  if (request.headers["x-amz-security-token"]) throw noSessions();
  const date = request.headers["x-amz-date"]?.join(",") ?? "";
  if (Math.abs(now - timeOf(date)) > skewMsMax)
    throw new SignatureError(
      "RequestTimeTooSkewed",
      "The difference between the request time and the current time is too large. Set this machine's clock.",
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
  if (!claim.date.startsWith(date))
    throw mismatch("The date of the credential is not the date of the request.");
  mustBeSigned(request, claim.signedHeaders);
  const canonical = canonicalRequest(request, claim.signedHeaders, identity.service, payload);
  // Node hands over header bytes as latin1, so hashing as latin1 hashes what was sent, UTF-8 or not.
  const hash = createHash("sha256").update(canonical, "latin1").digest("hex");
  const expected = hmacHex(signingKey, ["AWS4-HMAC-SHA256", claim.date, scope, hash].join("\n"));
  if (!same(expected, claim.signature))
    throw mismatch(
      "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
    );
  return { payload, signature: claim.signature, date: claim.date, scope, signingKey };
}

/**
 * The scope and the signing key that a credential (`key id/date/region/service/aws4_request`) stands for. Throws a
 * `SignatureError` for any key, region or service but the identity's own.
 */
export async function scopeOf(
  credential: string,
  identity: Identity,
): Promise<{ date: string; scope: string; signingKey: Uint8Array }> {
  const [accessKeyId = "", date = "", region = "", service = "", end] = credential.split("/");
  if (!/^\d{8}$/.test(date) || end !== "aws4_request")
    throw new SignatureError(
      "AuthorizationHeaderMalformed",
      "The credential is malformed; expecting <key id>/YYYYMMDD/<region>/<service>/aws4_request.",
    );
  if (!same(accessKeyId, identity.accessKeyId))
    throw new SignatureError(
      "InvalidAccessKeyId",
      "The AWS Access Key Id you provided does not exist in our records.",
    );
  if (region !== identity.region || service !== identity.service)
    throw new SignatureError(
      "AuthorizationHeaderMalformed",
      `The credential is for ${service} in ${region}; expecting ${identity.service} in ${identity.region}.`,
    );
  const signingKey = await getSigningKey(Sha256, identity, date, region, service);
  return { date, scope: createScope(date, region, service), signingKey };
}

/** HMAC-SHA-256 in hex, as signatures are written. */
export const hmacHex = (key: Uint8Array, text: string): string =>
  createHmac("sha256", key).update(text).digest("hex");

/** Whether two strings are the same, in a time that does not tell how far they agree. */
export function same(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/** Whoever only holds a presigned URL must not be able to add meaning to the request: AWS refuses the same. */
function mustBeSigned({ headers }: SignedRequest, signedHeaders: readonly string[]): void {
  for (const name of Object.keys(headers))
    if ((name === "host" || name.startsWith("x-amz-")) && !signedHeaders.includes(name))
      throw new SignatureError(
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

/** Percent-encodes a path as signatures do: everything but letters, digits, `-_.~` and `/`. */
export const encodePath = (path: string): string =>
  path
    .split("/")
    .map((part) =>
      encodeURIComponent(part).replace(
        /[!'()*]/g,
        (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
      ),
    )
    .join("/");

/** Decodes percent-encoded UTF-8, or throws `InvalidURI`. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new SignatureError("InvalidURI", `Couldn't parse the specified URI. ${String(cause)}`);
  }
}

function timeOf(date: string): number {
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date)?.map(Number) ?? [];
  if (year === undefined || month === undefined)
    throw new SignatureError(
      "AccessDenied",
      "AWS authentication requires a valid x-amz-date, such as 20261123T101500Z.",
    );
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

const split = (text: string, at: string) => {
  const index = text.indexOf(at);
  return index < 0 ? [text] : [text.slice(0, index), text.slice(index + 1)];
};

const mismatch = (message: string) => new SignatureError("SignatureDoesNotMatch", message);

const noSessions = () =>
  new SignatureError("InvalidToken", "Session tokens are not known here. Use the local key pair alone.");

/** Node's SHA-256 in the form that the SDK's signing functions ask for. */
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
